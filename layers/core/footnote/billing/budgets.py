"""Budgets: what a month may cost, how far it is used up, and what follows from that (section 16.2).

The stages are the store's (`billing.stage_of` of migration 0012): they change in the transaction that records
why. The hard stop is no stage: it is the limit of the meter `cost`, exact with every reservation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import InvalidRequest, NotFound
from footnote.platform.logging import get_logger
from footnote.platform.metrics import tell_metrics
from footnote.quota import Stage

logger = get_logger("billing")

NAMESPACE = "Footnote/Budgets"
_LONGEST_OVERRIDE = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class BudgetTerms:
    """What is wanted of a budget.

    Attributes:
        amount: Micro-USD a month, more than nothing; `None`: no budget.
        hard_stop: Nothing that costs money is begun that could exceed the amount. Without it the budget warns
            and saves, and closes nothing.
        stop_on_projection: Paid routes close as soon as the month is projected to cost over 110 % of it.
        notify: Changes of stage, and thresholds, are told by mail and webhook.
    """

    amount: int | None
    hard_stop: bool = True
    stop_on_projection: bool = False
    notify: bool = True


@dataclass(frozen=True, slots=True)
class Override:
    """A stage that a person holds until a time, and why."""

    stage: Stage
    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Budget:
    """A budget as it stands. Amounts are micro-USD.

    Attributes:
        projected: What the month will have cost if it goes on like this; `None` in its first days.
    """

    terms: BudgetTerms
    stage: Stage
    override: Override | None
    window_start: datetime
    window_end: datetime
    spent: int
    reserved: int
    projected: int | None


@dataclass(frozen=True, slots=True)
class BudgetEvent:
    """What happened to a budget: an audited row that never changes."""

    number: int
    kind: str
    user_id: UUID | None
    from_stage: Stage | None
    to_stage: Stage | None
    reason: str
    figures: Mapping[str, Any]
    at: datetime


class BudgetStore(Protocol):
    """Where the budgets of organizations are."""

    async def budget(self, context: OrganizationContext) -> Budget | None:
        """The organization's budget; `None` if it never had one."""
        ...

    async def set_budget(self, context: OrganizationContext, terms: BudgetTerms, reason: str) -> Budget:
        """Sets or removes it. It holds for every reservation from then on; the stage follows at once."""
        ...

    async def override(
        self, context: OrganizationContext, override: Override | None, reason: str
    ) -> Budget | None:
        """Holds a stage, or ends that; `None` if there is no budget."""
        ...

    async def events(self, context: OrganizationContext, limit: int) -> Sequence[BudgetEvent]:
        """What happened to it, newest first."""
        ...


class Budgets:
    """The budget of an organization.

    Args:
        store: Where it is.
        clock: Time.
    """

    def __init__(self, store: BudgetStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def of(self, context: OrganizationContext) -> Budget:
        """The organization's budget.

        Raises:
            NotFound: It has none.
        """
        budget = await self._store.budget(context)
        if budget is None or budget.terms.amount is None:
            raise _none()
        return budget

    async def set(self, context: OrganizationContext, terms: BudgetTerms, reason: str) -> Budget:
        """Sets it; what it closes or opens, it does at once."""
        return await self._store.set_budget(context, terms, reason)

    async def remove(self, context: OrganizationContext, reason: str) -> None:
        """Removes it.

        Raises:
            NotFound: There is none.
        """
        await self.of(context)
        await self._store.set_budget(context, BudgetTerms(None), reason)

    async def hold_stage(self, context: OrganizationContext, override: Override) -> Budget:
        """Holds a stage until a time. The hard stop's limit stays: only another amount moves it.

        Raises:
            InvalidRequest: The time is over, or too far away.
            NotFound: There is no budget.
        """
        check_override(override, self._clock.now())
        budget = await self._store.override(context, override, override.reason)
        if budget is None:
            raise _none()
        return budget

    async def end_override(self, context: OrganizationContext, reason: str) -> Budget:
        """Lets the figures decide again.

        Raises:
            NotFound: There is no budget, or no override of it.
        """
        if (await self.of(context)).override is None:
            raise NotFound("No stage of the budget is held at the moment.")
        budget = await self._store.override(context, None, reason)
        if budget is None:
            raise _none()
        return budget

    async def events(self, context: OrganizationContext, limit: int) -> Sequence[BudgetEvent]:
        """What happened to it, newest first."""
        return await self._store.events(context, limit)


def check_override(override: Override, now: datetime) -> None:
    """Raises `InvalidRequest` unless the override ends within a month from now."""
    if not now < override.until <= now + _LONGEST_OVERRIDE:
        raise InvalidRequest(
            f"A stage is held until a time in the future, at most {_LONGEST_OVERRIDE.days} days ahead.",
            details={"until": override.until.isoformat()},
        )


def _none() -> NotFound:
    return NotFound("The organization has no budget. PUT /billing/budget sets one.")


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One budget that was looked at, and its stage before and after."""

    organization_id: UUID
    before: Stage
    stage: Stage


@dataclass(frozen=True, slots=True)
class PlatformBudget:
    """The platform's own budget, and the stage that it had before the review."""

    budget: Budget
    before: Stage


class BudgetJobs(Protocol):
    """Budgets over all organizations. Every call is one short transaction."""

    async def review_next(self, after: UUID | None) -> Reviewed | None:
        """Brings the next organization's stage to where the figures are; `None`: there is no other one."""
        ...

    async def review_platform(self) -> PlatformBudget:
        """The same for the platform."""
        ...


class Budgeter:
    """Brings all stages to where the figures are; tells operators of the platform's.

    Args:
        jobs: The store's side.
        clock: Time.
    """

    def __init__(self, jobs: BudgetJobs, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock

    async def run(self, time_s: float) -> dict[str, int]:
        """One round within `time_s` seconds; how many budgets were looked at and how many stages changed.

        Raises:
            ServiceUnavailable: The store cannot be reached; the next round does it all again.
        """
        deadline = self._clock.monotonic() + time_s
        platform = await self._jobs.review_platform()
        changed = int(platform.before != platform.budget.stage)
        if changed:
            logger.warning(
                "the platform's budget changed its stage",
                extra={"from": platform.before, "stage": platform.budget.stage},
            )
        reviewed, after, is_whole = 0, None, False
        while not is_whole and self._clock.monotonic() < deadline:
            found = await self._jobs.review_next(after)
            if found is None:
                is_whole = True
                continue
            after = found.organization_id
            reviewed += 1
            changed += found.before != found.stage
        figures = {"budgets": reviewed, "stages_changed": changed, "unfinished": int(not is_whole)}
        ranks: dict[Stage, int] = {"normal": 0, "soft": 1, "hard": 2, "emergency": 3}
        tell_metrics(NAMESPACE, {**figures, "platform_stage": ranks[platform.budget.stage]})
        return figures
