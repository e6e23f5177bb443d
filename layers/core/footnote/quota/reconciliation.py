"""Reconciliation: windows against ledgers and holds, told and never mended (reliability.md, b).

A difference is a defect. Mending it silently would hide the defect and trust the wrong one of two figures.

Every round compares the windows that are open or have just ended. What was counted long ago is not read each
time: it is added up once (`Books.add_up`), and counted anew, row by row, once a week (`Books.recount`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from footnote.platform.clock import Clock
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.platform.metrics import tell_metrics
from footnote.quota.events import NAMESPACE

logger = get_logger("reconciler")

_PAGE = 100
_NAMED = 100
# So many rows are read in no time; adding up fewer would save nothing.
_WAITING = 50_000
_ROWS = 200_000
_RECOUNT_S = 7 * 24 * 3600
# What makes two findings the same one.
_NAMES = ("scope", "organization_id", "subject", "meter", "window_start", "month")


@dataclass(frozen=True, slots=True)
class Page:
    """What a comparison of some organizations found, all of one moment.

    Attributes:
        organizations, windows: How many were compared.
        last: The last organization; `None` after the end.
        count: Windows that differ.
        differences: The first hundred: organization, subject, meter, window, and both pairs of figures.
    """

    organizations: int
    windows: int
    last: UUID | None
    count: int
    differences: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class AddedUp:
    """An organization whose ledger was added up; `again`: there is more of it."""

    organization_id: UUID
    again: bool


@dataclass(frozen=True, slots=True)
class Recounted:
    """An organization whose whole ledger was counted, all of one moment.

    Attributes:
        count: Windows that differ, and sums.
        differences: The first hundred.
    """

    organization_id: UUID
    count: int
    differences: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class PlatformTotals:
    """The platform's parts, and the organizations' windows of cost beside them (micro-USD), of one moment."""

    committed: Decimal
    used: Decimal
    reserved: Decimal
    held: Decimal

    @property
    def agree(self) -> bool:
        """Whether they are the same."""
        return self.committed == self.used and self.reserved == self.held


@dataclass(frozen=True, slots=True)
class Backlog:
    """How far behind the jobs are.

    Attributes:
        outbox_age_s: Age of the oldest event that was not sent.
        holds_overdue: Open holds that should have ended five minutes ago.
        late_settlements: Of the last hour, after their hold's time.
    """

    outbox_age_s: float
    holds_overdue: int
    late_settlements: int


class Books(Protocol):
    """The store's side, over all organizations; changes no window and no ledger."""

    async def add_up(self, after: UUID | None, least: int, rows: int) -> AddedUp | None:
        """Adds up the levels of the next organization's ledger; of other rows about so many if `least` wait.

        `None`: there is no other organization.

        Raises:
            ServiceUnavailable: It took too long, or the store cannot be reached.
        """
        ...

    async def recount(self, after: UUID | None, every_s: int, limit_s: float) -> Recounted | None:
        """Counts the next organization that agreed last longer ago than that; `None`: there is none.

        Raises:
            ServiceUnavailable: It took longer than `limit_s`, or the store cannot be reached.
        """
        ...

    async def compare(self, after: UUID | None, limit: int) -> Page:
        """Compares the next organizations in the order of their ids."""
        ...

    async def platform(self) -> PlatformTotals:
        """Adds up the platform's side."""
        ...

    async def backlog(self) -> Backlog:
        """See `Backlog`."""
        ...


@dataclass(frozen=True, slots=True)
class Findings:
    """One round.

    Attributes:
        mismatches: Windows that differ, sums that do, and 1 for the platform's parts; must be 0.
        recounted: Organizations whose whole ledger was counted.
        complete: Whether all organizations were reached in time.
        differences: The first hundred.
    """

    mismatches: int
    organizations: int
    windows: int
    backlog: Backlog
    recounted: int = 0
    complete: bool = True
    differences: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


class Reconciler:
    """Compares all books.

    Args:
        books: The store's side.
        clock: Time.
        page: Organizations in one comparison.
        waiting: Rows of an organization that are worth being added up.
        recount_s: Seconds within which every organization's whole ledger is counted.
    """

    def __init__(
        self,
        books: Books,
        clock: Clock,
        *,
        page: int = _PAGE,
        waiting: int = _WAITING,
        recount_s: int = _RECOUNT_S,
    ) -> None:
        self._books = books
        self._clock = clock
        self._page = page
        self._waiting = waiting
        self._recount_s = recount_s

    async def reconcile(self, time_s: float) -> Findings:
        """Compares all organizations and tells metrics; names each difference in the log.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        start = self._clock.monotonic()
        backlog, totals = await self._books.backlog(), await self._books.platform()
        told = _Told()
        if not totals.agree:
            names = {name: str(getattr(totals, name)) for name in totals.__slots__}
            told.add(1, [{"scope": "platform", **names}])
        # A ledger that was never added up may take all of its time, and goes on in the next round.
        is_added_up = await self._add_up(start + time_s / 2)
        organizations, windows, is_compared = await self._compare(start + time_s, told)
        recounted, is_recounted = await self._recount(start + time_s, told)
        complete = is_added_up and is_compared and is_recounted
        findings = Findings(
            told.count, organizations, windows, backlog, recounted, complete, tuple(told.named)
        )
        _tell(findings)
        return findings

    async def _add_up(self, deadline: float) -> bool:
        """Whether all ledgers are added up."""
        after: UUID | None = None
        reached: UUID | None = None
        while self._clock.monotonic() < deadline:
            try:
                added = await self._books.add_up(after, self._waiting, _ROWS)
            except ServiceUnavailable:
                # What is not added up is compared row by row.
                break
            if added is None:
                return True
            if not added.again:
                after = added.organization_id
            reached = added.organization_id
        logger.warning("not all ledgers are added up", extra={"reached": str(reached)})
        return False

    async def _compare(self, deadline: float, told: _Told) -> tuple[int, int, bool]:
        """How many organizations and windows were compared, and whether that is all of them."""
        organizations, windows = 0, 0
        after: UUID | None = None
        while self._clock.monotonic() < deadline:
            page = await self._books.compare(after, self._page)
            organizations, windows = organizations + page.organizations, windows + page.windows
            told.add(page.count, page.differences)
            after = page.last
            if page.organizations < self._page:
                return organizations, windows, True
        return organizations, windows, False

    async def _recount(self, deadline: float, told: _Told) -> tuple[int, bool]:
        """How many organizations were counted, and whether these are all that had to be."""
        count, after = 0, None
        while (left_s := deadline - self._clock.monotonic()) > 0:
            try:
                recounted = await self._books.recount(after, self._recount_s, left_s)
            except ServiceUnavailable:
                # What was compared before is told all the same.
                logger.warning("a ledger could not be counted in time", extra={"after": str(after)})
                return count, False
            if recounted is None:
                return count, True
            count, after = count + 1, recounted.organization_id
            told.add(recounted.count, recounted.differences)
        return count, False


class _Told:
    """The differences of a round: a window that differs is one, however often it is met."""

    def __init__(self) -> None:
        self.named: list[Mapping[str, Any]] = []
        self._count = 0
        self._known: set[str] = set()

    @property
    def count(self) -> int:
        """How many."""
        return self._count

    def add(self, count: int, differences: Sequence[Mapping[str, Any]]) -> None:
        """Counts and logs what was not told before."""
        self._count += count - len(differences)
        for difference in differences:
            known = repr([difference.get(name) for name in _NAMES])
            if known in self._known:
                continue
            self._known.add(known)
            self._count += 1
            if len(self.named) < _NAMED:
                self.named.append(difference)
            _report(difference)


def _report(difference: Mapping[str, Any]) -> None:
    logger.error("the books differ", extra={"difference": dict(difference)})


def _tell(findings: Findings) -> None:
    tell_metrics(
        NAMESPACE,
        {
            "quota_mismatch": findings.mismatches,
            "quota_late_settle": findings.backlog.late_settlements,
            "holds_overdue": findings.backlog.holds_overdue,
            "reconcile_incomplete": int(not findings.complete),
        },
    )
    tell_metrics(NAMESPACE, {"outbox_age_s": findings.backlog.outbox_age_s}, unit="Seconds")
