"""HTTP of usage reports."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from footnote.billing.usage import (
    DayRange,
    GroupBy,
    LedgerPlace,
    UsageReport,
    ledger_csv,
    report_csv,
)
from footnote.composition import container
from footnote.composition.admission_edge import limited
from footnote.identity import require
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import InvalidRequest
from footnote.platform.fields import Day
from footnote.platform.http import Identity
from footnote.quota import Meter

router = APIRouter(prefix="/billing/usage", tags=["Billing"], route_class=limited())

_CSV = "text/csv; charset=utf-8"
_AS_CSV = {"content": {"text/csv": {"schema": {"type": "string"}}}}
_EXPORT_ROWS = 5_000
_MOST_ATTEMPTS = 2**31 - 1
First = Annotated[
    Day | None,
    Query(
        alias="from",
        description="The first day, in the organization's time zone; that of the month by default.",
    ),
]
Last = Annotated[
    Day | None, Query(alias="to", description="The last day, today by default; 366 days at most.")
]


class UsageRowBody(BaseModel):
    """Units of a meter in one group; `group` is the day, member, model or feature."""

    group: str
    meter: str
    units: int
    cost_micro_usd: int


class UsageBody(BaseModel):
    """What was used: exactly what the ledger holds."""

    first_day: date
    last_day: date
    time_zone: str
    group_by: GroupBy
    rows: list[UsageRowBody]

    @classmethod
    def of(cls, report: UsageReport) -> Self:
        """The report as the API shows it."""
        rows = [UsageRowBody.model_validate(row, from_attributes=True) for row in report.rows]
        return cls(
            first_day=report.range.first,
            last_day=report.range.last,
            time_zone=report.time_zone,
            group_by=report.group_by,
            rows=rows,
        )


@router.get("", response_model=UsageBody, responses={200: _AS_CSV})
async def report_usage(
    context: Identity,
    first: First = None,
    last: Last = None,
    group_by: GroupBy = "day",
    chosen: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response | UsageBody:
    """What was used in some days, by day, meter, member, model or feature."""
    require(context, "billing:read")
    days = await _days(context, first, last)
    report = await container().usage.report(context, days, group_by)
    if chosen == "csv":
        return _csv(report_csv(report), f"usage-{days.first}-{days.last}-{group_by}.csv")
    return UsageBody.of(report)


@router.get("/export", response_class=Response, responses={200: _AS_CSV})
async def export_usage(
    context: Identity,
    first: First = None,
    last: Last = None,
    cursor: Annotated[str | None, Query(max_length=1_000)] = None,
    limit: Annotated[int, Query(ge=1, le=_EXPORT_ROWS)] = _EXPORT_ROWS,
) -> Response:
    """Rows of the ledger as CSV, page by page: `X-Next-Cursor` asks for the next one, which has no head."""
    require(context, "billing:read")
    after = _decode(cursor) if cursor else None
    days = await _days(context, first, last)
    rows = await container().usage.export(context, days, limit, after)
    answer = _csv(ledger_csv(rows, with_head=after is None), f"ledger-{days.first}-{days.last}.csv")
    if len(rows) == limit:
        answer.headers["X-Next-Cursor"] = _encode(rows[-1].place)
    return answer


async def _days(context: OrganizationContext, first: date | None, last: date | None) -> DayRange:
    end = last or await container().usage.today(context)
    return DayRange(first or end.replace(day=1), end)


def _csv(text: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(text, media_type=_CSV, headers=headers)


def _encode(place: LedgerPlace) -> str:
    fields = [place.at.isoformat(), str(place.hold_id), place.attempt, place.meter, place.model]
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def _decode(cursor: str) -> LedgerPlace:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        at, hold_id, attempt, meter, model = json.loads(text)
        return LedgerPlace(_moment(at), UUID(hold_id), _attempt(attempt), Meter(meter), _name(model))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise InvalidRequest("The cursor is not one that this list returned.") from error


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("no time zone")
    return at.astimezone(UTC)


def _attempt(number: object) -> int:
    if not isinstance(number, int) or abs(number) > _MOST_ATTEMPTS:
        raise ValueError("no attempt")
    return number


def _name(text: object) -> str:
    if not isinstance(text, str) or not text.isprintable():
        raise ValueError("no name")
    return text
