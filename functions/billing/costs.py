"""HTTP of costs: what answers cost the platform."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Literal, Self

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from footnote.billing.costs import CostGroup, CostReport, GroupBy, Totals
from footnote.billing.forecast import Forecast
from footnote.billing.usage import to_csv
from footnote.composition import container
from footnote.composition.admission_edge import limited
from footnote.identity import require
from footnote.platform.fields import Day
from footnote.platform.http import Identity
from footnote.platform.pages import page_response, wants_page
from functions.billing.costs_page import costs_page

router = APIRouter(prefix="/billing", tags=["Billing"], route_class=limited())

_FORMATS = {
    "description": "A page with `Accept: text/html` or `format=html`, a table with `format=csv`.",
    "content": {"text/html": {"schema": {"type": "string"}}, "text/csv": {"schema": {"type": "string"}}},
}
_COLUMNS = ("billed_micro_usd", "unbilled_micro_usd", "total_micro_usd", "previous_micro_usd")


class TotalsBody(BaseModel):
    """Sums in micro-USD. `unbilled` is what attempts cost that no customer pays for."""

    billed: int
    unbilled: int
    total: int
    messages: int
    transactions: int
    per_message: int | None
    per_transaction: int | None

    @classmethod
    def of(cls, totals: Totals) -> Self:
        """The sums as the API shows them."""
        return cls.model_validate(totals, from_attributes=True)


class GroupBody(BaseModel):
    """One group in micro-USD. `key` is null for what belongs to none; `previous` is the period before's."""

    key: str | None
    billed: int
    unbilled: int
    total: int
    previous: int | None
    change: float | None

    @classmethod
    def of(cls, group: CostGroup) -> Self:
        """The group as the API shows it."""
        return cls(
            key=group.key,
            billed=group.billed,
            unbilled=group.unbilled,
            total=group.total,
            previous=group.before,
            change=None if group.change is None else round(group.change, 4),
        )


class ForecastBody(BaseModel):
    """The running month's cost in micro-USD. `amount` is null where `reason` says why nothing is forecast."""

    amount: int | None = None
    low: int | None = None
    high: int | None = None
    spent: int | None = None
    complete_days: int | None = None
    basis: str | None = None
    reason: str | None = None

    @classmethod
    def of(cls, forecast: Forecast | str) -> Self:
        """The forecast as the API shows it."""
        if isinstance(forecast, str):
            return cls(reason=forecast)
        return cls.model_validate(forecast, from_attributes=True)


class RecommendationBody(BaseModel):
    """One way to save; `saving` in micro-USD in a period like this one."""

    kind: str
    title: str
    how: str
    saving: int
    figures: Mapping[str, float]


class CostsBody(BaseModel):
    """The analysis of the days `first` to `last`, in the organization's time zone."""

    first: date
    last: date
    time_zone: str
    group_by: GroupBy
    totals: TotalsBody
    previous: TotalsBody
    groups: list[GroupBody]
    forecast: ForecastBody
    recommendations: list[RecommendationBody]

    @classmethod
    def of(cls, report: CostReport) -> Self:
        """The analysis as the API shows it."""
        return cls(
            first=report.period.first,
            last=report.period.last,
            time_zone=report.time_zone,
            group_by=report.group_by,
            totals=TotalsBody.of(report.totals),
            previous=TotalsBody.of(report.totals_before),
            groups=[GroupBody.of(group) for group in report.groups],
            forecast=ForecastBody.of(report.forecast),
            recommendations=[
                RecommendationBody.model_validate(one, from_attributes=True) for one in report.recommendations
            ],
        )


@router.get("/costs", response_model=CostsBody, responses={200: _FORMATS})
async def get_costs(
    request: Request,
    context: Identity,
    first: Annotated[Day | None, Query(alias="from", description="The first day.")] = None,
    last: Annotated[Day | None, Query(alias="to", description="The last day; by default today.")] = None,
    group_by: Annotated[GroupBy, Query()] = "component",
    chosen: Annotated[Literal["json", "html", "csv"] | None, Query(alias="format")] = None,
) -> Response | CostsBody:
    """What answers cost, by group, against the time before; the month's forecast; how to save."""
    require(context, "billing:read")
    report = await container().costs.analyse(context, first, last, group_by)
    if chosen == "csv":
        return _csv(report)
    if wants_page(request, chosen):
        return page_response(costs_page(report))
    return CostsBody.of(report)


def _csv(report: CostReport) -> Response:
    """One line a group; amounts are whole micro-USD."""
    rows = ((one.key, one.billed, one.unbilled, one.total, one.before) for one in report.groups)
    name = f"costs-{report.group_by}-{report.period.first}-{report.period.last}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(
        to_csv((report.group_by, *_COLUMNS), rows), media_type="text/csv; charset=utf-8", headers=headers
    )
