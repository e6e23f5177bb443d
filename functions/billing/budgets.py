"""HTTP of budgets: what the organization's answers may cost in a month."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response, status
from pydantic import BaseModel, Field

from footnote.billing.budgets import Budget, BudgetEvent, BudgetTerms, Override
from footnote.composition import container
from footnote.composition.admission_edge import limited
from footnote.identity import require
from footnote.platform.fields import Flag, Line, Moment, Whole
from footnote.platform.http import Identity, RequestModel
from footnote.quota import Stage

router = APIRouter(prefix="/billing/budget", tags=["Billing"], route_class=limited())

_MOST = 9_000_000_000_000_000  # more than any month will cost, and whole in every JSON reader
Reason = Annotated[Line, Field(description="Why; it is kept with the change.")]


class BudgetRequest(RequestModel):
    """The budget of each month.

    With `hard_stop` nothing that costs money is begun that could exceed the amount. With
    `stop_on_projection` paid routes close as soon as the month is projected to cost over 110 % of it.
    """

    amount_micro_usd: Whole = Field(gt=0, le=_MOST)
    hard_stop: Flag = True
    stop_on_projection: Flag = False
    notify: Flag = True
    reason: Reason = "set"


class OverrideRequest(RequestModel):
    """A stage that holds until a time. The hard stop's limit stays: only another amount moves it."""

    stage: Stage
    until: Moment
    reason: Reason


class OverrideBody(BaseModel):
    """A stage that a person holds."""

    stage: Stage
    until: datetime
    reason: str


class BudgetBody(BaseModel):
    """The budget as it stands, in micro-USD.

    `projected` is what the month will have cost if it goes on like this; null in its first days.
    """

    amount_micro_usd: int
    hard_stop: bool
    stop_on_projection: bool
    notify: bool
    stage: Stage
    override: OverrideBody | None
    window_start: datetime
    window_end: datetime
    spent_micro_usd: int
    reserved_micro_usd: int
    projected_micro_usd: int | None

    @classmethod
    def of(cls, budget: Budget) -> Self:
        """The budget as the API shows it."""
        terms, held = budget.terms, budget.override
        override = OverrideBody.model_validate(held, from_attributes=True) if held else None
        return cls(
            amount_micro_usd=terms.amount or 0,
            hard_stop=terms.hard_stop,
            stop_on_projection=terms.stop_on_projection,
            notify=terms.notify,
            stage=budget.stage,
            override=override,
            window_start=budget.window_start,
            window_end=budget.window_end,
            spent_micro_usd=budget.spent,
            reserved_micro_usd=budget.reserved,
            projected_micro_usd=budget.projected,
        )


class BudgetEventBody(BaseModel):
    """What happened to the budget: who, when, from, to, why, and the figures of that moment."""

    number: int
    kind: str
    user_id: UUID | None
    from_stage: Stage | None
    to_stage: Stage | None
    reason: str
    figures: Mapping[str, Any]
    at: datetime

    @classmethod
    def of(cls, event: BudgetEvent) -> Self:
        """The event as the API shows it."""
        return cls.model_validate(event, from_attributes=True)


class BudgetEventList(BaseModel):
    """Newest first."""

    events: list[BudgetEventBody]


@router.get("")
async def get_budget(context: Identity) -> BudgetBody:
    """The organization's budget, how far it is used up, and its stage."""
    require(context, "billing:read")
    return BudgetBody.of(await container().budgets.of(context))


@router.put("")
async def set_budget(body: BudgetRequest, context: Identity) -> BudgetBody:
    """Sets the budget. It holds at once, for requests that are being served as well."""
    require(context, "billing:manage")
    terms = BudgetTerms(body.amount_micro_usd, body.hard_stop, body.stop_on_projection, body.notify)
    return BudgetBody.of(await container().budgets.set(context, terms, body.reason))


@router.delete("", status_code=status.HTTP_204_NO_CONTENT)
async def remove_budget(context: Identity, reason: Annotated[Reason, Query()] = "removed") -> Response:
    """Removes the budget; what it had closed is open again."""
    require(context, "billing:manage")
    await container().budgets.remove(context, reason)
    return Response(status_code=status.HTTP_204_NO_CONTENT)


@router.post("/override")
async def override_budget(body: OverrideRequest, context: Identity) -> BudgetBody:
    """Holds a stage until a time, whatever the figures say."""
    require(context, "billing:manage")
    held = Override(body.stage, body.until, body.reason)
    return BudgetBody.of(await container().budgets.hold_stage(context, held))


@router.delete("/override")
async def end_override(context: Identity, reason: Annotated[Reason, Query()] = "ended") -> BudgetBody:
    """Lets the figures decide on the stage again."""
    require(context, "billing:manage")
    return BudgetBody.of(await container().budgets.end_override(context, reason))


@router.get("/events")
async def list_budget_events(
    context: Identity, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> BudgetEventList:
    """Every change of the budget and of its stage."""
    require(context, "billing:read")
    found = await container().budgets.events(context, limit)
    return BudgetEventList(events=[BudgetEventBody.of(event) for event in found])
