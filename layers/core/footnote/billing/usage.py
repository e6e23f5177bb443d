"""Reports of what was used, from the ledger: exact, and up to date."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol
from uuid import UUID

from footnote.platform.context import OrganizationContext
from footnote.platform.errors import InvalidRequest

GroupBy = Literal["day", "meter", "user", "model", "feature"]

MAX_DAYS = 366
# A cell that begins so is a formula to spreadsheets.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class DayRange:
    """Days in the organization's time zone, `last` included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise InvalidRequest("'to' is before 'from'. Give the first and the last day.")
        if (self.last - self.first).days >= MAX_DAYS:
            raise InvalidRequest(f"The range is longer than {MAX_DAYS} days. Ask for it in parts.")


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Units of one meter in one group, and what they cost the platform.

    Attributes:
        group: The day, member, model or feature; empty where rows have none, and for groups by meter.
    """

    group: str
    meter: str
    units: int
    cost_micro_usd: int


@dataclass(frozen=True, slots=True)
class UsageReport:
    """Rows in the order of group and meter; they add up to the ledger of the days."""

    range: DayRange
    group_by: GroupBy
    time_zone: str
    rows: tuple[UsageRow, ...]


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """Where a page of the ledger ends: the key of its last row."""

    at: datetime
    hold_id: UUID
    attempt: int
    meter: str
    model: str


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One row of the ledger as it is exported."""

    at: datetime
    hold_id: UUID
    attempt: int
    meter: str
    model: str
    user_id: UUID | None
    feature: str
    units: int
    cost_micro_usd: int
    price_version: int

    @property
    def place(self) -> LedgerPlace:
        """Its key."""
        return LedgerPlace(self.at, self.hold_id, self.attempt, self.meter, self.model)


class UsageStore(Protocol):
    """Reads the ledger."""

    async def today(self, context: OrganizationContext) -> date:
        """Today, in the organization's time zone."""
        ...

    async def report(self, context: OrganizationContext, days: DayRange, group_by: GroupBy) -> UsageReport:
        """What was used in the days, added up by group and meter."""
        ...

    async def export(
        self, context: OrganizationContext, days: DayRange, limit: int, after: LedgerPlace | None
    ) -> list[LedgerRow]:
        """Rows of the ledger in the order of their keys, behind `after`."""
        ...


def report_csv(report: UsageReport) -> str:
    """The report as CSV (RFC 4180)."""
    head = ("meter",) if report.group_by == "meter" else (report.group_by, "meter")
    rows = ((*(row.group, row.meter)[-len(head) :], row.units, row.cost_micro_usd) for row in report.rows)
    return to_csv((*head, "units", "cost_micro_usd"), rows)


def ledger_csv(rows: Iterable[LedgerRow], *, with_head: bool) -> str:
    """Rows of the ledger as CSV (RFC 4180); further pages have no head."""
    names = LedgerRow.__slots__
    return to_csv(names if with_head else (), ([getattr(row, name) for name in names] for row in rows))


def to_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """CSV whose texts no spreadsheet takes for formulas; numbers stay as they are."""
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    if head:
        writer.writerow(head)
    for row in rows:
        writer.writerow([_cell(value) for value in row])
    return target.getvalue()


def _cell(value: object) -> object:
    if value is None or isinstance(value, int):
        return value
    text = value.isoformat() if isinstance(value, datetime | date) else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
