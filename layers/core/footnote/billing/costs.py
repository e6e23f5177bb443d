"""What answers cost the platform: by group, against the time before, and to the end of the month (16.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Literal, Protocol, get_args

from footnote.billing.budgets import Budget, BudgetStore
from footnote.billing.forecast import MOST_DAYS, Forecast, Month, forecast
from footnote.billing.recommendations import Patterns, Recommendation, recommendations
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import InvalidRequest

GroupBy = Literal["organization", "model", "feature", "day", "user", "component"]
GROUPS: tuple[GroupBy, ...] = get_args(GroupBy)
LONGEST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Period:
    """Days in the organization's time zone, the last one included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Period:
        """As many days just before."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1))


@dataclass(frozen=True, slots=True)
class CostGroup:
    """The cost of one group, in micro-USD.

    Attributes:
        key: The group; `None` for what belongs to none, such as an attempt that names no model.
        billed: Of what the organization used; it is in the usage ledger.
        unbilled: Of attempts that no customer pays for.
        before: Both together in the period before; `None` for days.
    """

    key: str | None
    billed: int
    unbilled: int
    before: int | None = None

    @property
    def total(self) -> int:
        """What the platform paid."""
        return self.billed + self.unbilled

    @property
    def change(self) -> float | None:
        """By which share of `before` it costs more; `None` where that is no share of anything.

        What attempts had cost is corrected when they end, perhaps in the next period: sums may be negative.
        """
        return change(self.total, self.before)


def change(now: int, before: int | None) -> float | None:
    """See `CostGroup.change`."""
    return (now - before) / before if before is not None and before > 0 else None


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of a period: micro-USD, messages answered, and requests that were charged."""

    billed: int
    unbilled: int
    messages: int
    chat_cost: int
    transactions: int

    @property
    def total(self) -> int:
        """What the platform paid."""
        return self.billed + self.unbilled

    @property
    def per_message(self) -> int | None:
        """Micro-USD of an answered question, rounded; `None` without any."""
        return round(self.chat_cost / self.messages) if self.messages else None

    @property
    def per_transaction(self) -> int | None:
        """Micro-USD of a charged request, rounded; `None` without any."""
        return round(self.billed / self.transactions) if self.transactions else None


@dataclass(frozen=True, slots=True)
class CostReport:
    """The analysis of a period.

    Attributes:
        daily: Every day of the period, also those that cost nothing.
        forecast: Of the running month; in words, why there is none.
    """

    period: Period
    time_zone: str
    group_by: GroupBy
    totals: Totals
    totals_before: Totals
    groups: tuple[CostGroup, ...]
    daily: tuple[CostGroup, ...]
    forecast: Forecast | str
    recommendations: tuple[Recommendation, ...]
    budget: Budget | None


class CostStore(Protocol):
    """The ledgers' sums, exact to the unit."""

    async def today(self, context: OrganizationContext) -> tuple[date, str]:
        """Today, in the organization's time zone, and that."""
        ...

    async def sums(
        self, context: OrganizationContext, period: Period, group_by: GroupBy
    ) -> tuple[Totals, Sequence[CostGroup]]:
        """Totals and groups of one moment; the groups add up to the totals."""
        ...

    async def daily(self, context: OrganizationContext, period: Period) -> Sequence[CostGroup]:
        """The days that cost anything."""
        ...

    async def patterns(self, context: OrganizationContext, period: Period) -> Patterns:
        """What recommendations rest on."""
        ...


class Costs:
    """Analyses of an organization's costs.

    Args:
        store: The ledgers.
        budgets: Where budgets are.
        provisioned_hours_a_day: Hours a day for which self-hosted models are kept for one organization alone.
    """

    def __init__(
        self, store: CostStore, budgets: BudgetStore, provisioned_hours_a_day: float | None = None
    ) -> None:
        self._store = store
        self._budgets = budgets
        self._provisioned_hours_a_day = provisioned_hours_a_day

    async def analyse(
        self, context: OrganizationContext, first: date | None, last: date | None, group_by: GroupBy
    ) -> CostReport:
        """The analysis of the days from `first` to `last`; by default of the month so far.

        Raises:
            InvalidRequest: The days are in the wrong order, or too many.
        """
        today, time_zone = await self._store.today(context)
        period = _period(first, last, today)
        totals, groups = await self._store.sums(context, period, group_by)
        totals_before, groups_before = await self._store.sums(context, period.before, group_by)
        days = groups if group_by == "day" else await self._store.daily(context, period)
        budget = await self._budgets.budget(context)
        if budget is not None and budget.terms.amount is None:
            budget = None
        return CostReport(
            period=period,
            time_zone=time_zone,
            group_by=group_by,
            totals=totals,
            totals_before=totals_before,
            groups=_with_before(groups, groups_before) if group_by != "day" else tuple(groups),
            daily=_every_day(period, days),
            forecast=await self._forecast(context, today),
            recommendations=recommendations(await self._patterns(context, period)),
            budget=budget,
        )

    async def _forecast(self, context: OrganizationContext, today: date) -> Forecast | str:
        start = today.replace(day=1)
        end = (start + timedelta(days=32)).replace(day=1)
        known = Period(min(start, today - timedelta(days=MOST_DAYS)), today)
        daily = {one.key: one.total for one in await self._store.daily(context, known)}
        costs = [(day, daily.get(day.isoformat(), 0)) for day in _days(known)]
        since = next((place for place, (_, cost) in enumerate(costs) if cost), len(costs))
        complete = costs[since:-1]
        month = Month(
            today=today,
            end=end,
            so_far=tuple((day, cost) for day, cost in costs if start <= day < today),
            of_today=costs[-1][1],
        )
        return forecast([cost for _, cost in complete], complete[0][0] if complete else today, month)

    async def _patterns(self, context: OrganizationContext, period: Period) -> Patterns:
        patterns = await self._store.patterns(context, period)
        if self._provisioned_hours_a_day is None:
            return patterns
        return replace(patterns, provisioned_hours=self._provisioned_hours_a_day * period.days)


def _period(first: date | None, last: date | None, today: date) -> Period:
    last = last or today
    first = first or last.replace(day=1)
    if not 0 <= (last - first).days < LONGEST_DAYS:
        raise InvalidRequest(
            f"'from' is a day before 'to' or the same, at most {LONGEST_DAYS} days in all.",
            details={"from": first.isoformat(), "to": last.isoformat()},
        )
    if first.toordinal() <= LONGEST_DAYS:
        raise InvalidRequest("'from' is too long ago: there is no time before it to compare with.")
    return Period(first, last)


def _days(period: Period) -> list[date]:
    return [period.first + timedelta(days=place) for place in range(period.days)]


def _every_day(period: Period, groups: Sequence[CostGroup]) -> tuple[CostGroup, ...]:
    found = {one.key: one for one in groups}
    days = [day.isoformat() for day in _days(period)]
    return tuple(found.get(day, CostGroup(day, 0, 0)) for day in days)


def _with_before(groups: Sequence[CostGroup], before: Sequence[CostGroup]) -> tuple[CostGroup, ...]:
    """The groups of both periods, each with what it cost before."""
    totals = {one.key: one.total for one in before}
    now = [replace(one, before=totals.pop(one.key, 0)) for one in groups]
    return (*now, *(CostGroup(key, 0, 0, total) for key, total in totals.items() if total))
