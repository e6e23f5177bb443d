"""Reconciliation: windows against ledgers and holds, told and never mended (reliability.md, b).

A difference is a defect. Mending it silently would hide the defect and trust the wrong one of two figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from footnote.platform.clock import Clock
from footnote.platform.logging import get_logger
from footnote.platform.metrics import tell_metrics
from footnote.quota.events import NAMESPACE

logger = get_logger("reconciler")

_PAGE = 100
_NAMED = 100


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
    """The store's side, over all organizations; changes nothing."""

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
        mismatches: Windows that differ, and 1 for the platform's parts; must be 0.
        complete: Whether all organizations were reached in time.
        differences: The first hundred.
    """

    mismatches: int
    organizations: int
    windows: int
    backlog: Backlog
    complete: bool = True
    differences: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


class Reconciler:
    """Compares all books.

    Args:
        books: The store's side.
        clock: Time.
        page: Organizations in one comparison.
    """

    def __init__(self, books: Books, clock: Clock, page: int = _PAGE) -> None:
        self._books = books
        self._clock = clock
        self._page = page

    async def reconcile(self, time_s: float) -> Findings:
        """Compares all organizations, page by page, and tells metrics; names each difference in the log.

        Raises:
            ServiceUnavailable: The store cannot be reached.
        """
        deadline = self._clock.monotonic() + time_s
        backlog, totals = await self._books.backlog(), await self._books.platform()
        mismatches, organizations, windows = int(not totals.agree), 0, 0
        named: list[Mapping[str, Any]] = []
        if not totals.agree:
            _report({"scope": "platform", **{name: str(getattr(totals, name)) for name in totals.__slots__}})
        after: UUID | None = None
        complete = False
        while self._clock.monotonic() < deadline:
            page = await self._books.compare(after, self._page)
            organizations, windows = organizations + page.organizations, windows + page.windows
            mismatches += page.count
            named += page.differences[: max(0, _NAMED - len(named))]
            for difference in page.differences:
                _report(difference)
            after = page.last
            if page.organizations < self._page:
                complete = True
                break
        findings = Findings(mismatches, organizations, windows, backlog, complete, tuple(named))
        _tell(findings)
        return findings


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
