"""Holds, windows and the usage ledger in Postgres: the functions of migrations 0009 and 0014.

Other stores settle within their own transactions by `settle_within`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.quota import (
    Denial,
    Denied,
    HoldRequest,
    InProgress,
    Meter,
    Mismatch,
    Replayed,
    Reservation,
    Reserved,
    Settled,
    Settlement,
    Terms,
    Window,
)
from footnote.stores.postgres.database import Cursor, Database

logger = get_logger("quota")

# A hold of the same key that ends in the very moment is looked at once more; so often at most.
_AGAIN = 3
_RESERVE = """
SELECT quota.reserve(%(hold_id)s, %(request_hash)s, %(feature)s, %(meters)s::text[], %(units)s::bigint[],
                     %(ttl_s)s, %(dispatched)s, %(default_plan)s, %(call_id)s) AS answer
"""
_SETTLE = """
SELECT quota.settle(%(hold_id)s, %(attempt)s, %(meters)s::text[], %(models)s::text[], %(units)s::bigint[],
                    %(costs)s::bigint[], %(price_version)s, %(response)s) AS answer
"""
_RELEASE = "SELECT quota.release(%(hold_id)s, %(attempt)s, %(cost)s) AS answer"
_ADJUST = """
SELECT quota.adjust(%(event_id)s, %(feature)s, %(meters)s::text[], %(units)s::bigint[]) AS changed
"""
_TERMS = """
SELECT coalesce(e.plan, p.plan) AS plan, coalesce(e.plan_version, p.version) AS plan_version,
       coalesce(e.limits, p.limits) AS limits, coalesce(e.rates, p.rates) AS rates,
       coalesce(e.features, p.features) AS features, e.cost_limit,
       coalesce(e.stage, 'normal') AS stage, b.stage AS platform_stage
  FROM quota.platform_budget b
  LEFT JOIN quota.entitlements e ON e.organization_id = %(organization_id)s
  LEFT JOIN LATERAL (SELECT * FROM quota.plans q WHERE q.plan = %(default_plan)s
                      ORDER BY q.version DESC LIMIT 1) p ON e.plan IS NULL
"""
_WINDOWS = """
SELECT w.subject, w.meter, w.window_start, w.window_end, w.committed, w.reserved,
       CASE WHEN w.subject <> w.organization_id THEN (
                SELECT c.lim FROM quota.member_caps c
                 WHERE c.organization_id = w.organization_id AND c.meter = w.meter
                   AND c.user_id IN (w.subject, '00000000-0000-0000-0000-000000000000')
                 ORDER BY c.user_id DESC LIMIT 1)
            WHEN w.meter = 'cost' THEN %(cost_limit)s::bigint
            ELSE (%(limits)s::jsonb ->> w.meter)::bigint END AS lim
  FROM quota.calendar_of(%(organization_id)s) c, quota.windows w
 WHERE w.organization_id = %(organization_id)s AND w.subject = ANY(%(subjects)s)
   AND w.window_start = quota.window_start(w.meter, c)
 ORDER BY w.subject, w.meter
"""
_LEVEL_ENDS = 9999


class PostgresQuotaStore:
    """`footnote.quota.QuotaStore` on Postgres.

    Args:
        database: Tenant transactions.
        default_plan: The plan of organizations that have subscribed to none.
    """

    def __init__(self, database: Database, default_plan: str) -> None:
        self._database = database
        self._default_plan = default_plan

    async def reserve(self, context: OrganizationContext, request: HoldRequest) -> Reservation:
        values = {
            "hold_id": request.hold_id,
            "request_hash": request.request_hash,
            "feature": request.feature,
            "meters": [meter.value for meter in request.units],
            "units": list(request.units.values()),
            "ttl_s": request.ttl_s,
            "dispatched": request.dispatched,
            "call_id": request.call_id,
            "default_plan": self._default_plan,
        }
        for _ in range(_AGAIN):
            answer = await self._answer(context, _RESERVE, values)
            if answer["outcome"] != "again":
                return _reservation(request.hold_id, answer)
        raise ServiceUnavailable("Holds of this key end faster than one can be made.")

    async def settle(self, context: OrganizationContext, settlement: Settlement) -> Settled:
        return Settled(**await self._answer(context, _SETTLE, _settle_values(settlement)))

    async def release(
        self, context: OrganizationContext, hold_id: UUID, attempt: int, cost_micro_usd: int = 0
    ) -> None:
        values = {"hold_id": hold_id, "attempt": attempt, "cost": cost_micro_usd}
        await self._answer(context, _RELEASE, values)

    async def adjust(
        self, context: OrganizationContext, event_id: UUID, feature: str, units: Mapping[Meter, int]
    ) -> bool:
        async with self._database.tenant_tx(context) as cursor:
            return await adjust_within(cursor, event_id, feature, units)

    async def terms(self, context: OrganizationContext) -> Terms:
        async with self._database.tenant_tx(context) as cursor:
            return await self._terms(cursor, context)

    async def windows(self, context: OrganizationContext, subjects: Sequence[UUID] = ()) -> list[Window]:
        async with self._database.tenant_tx(context) as cursor:
            terms = await self._terms(cursor, context)
            values = {
                "organization_id": context.organization_id,
                "subjects": [context.organization_id, *subjects],
                "cost_limit": terms.cost_limit,
                "limits": Jsonb(dict(terms.limits)),
            }
            await cursor.execute(_WINDOWS, values)
            return [_window(context, row) for row in await cursor.fetchall()]

    async def _answer(
        self, context: OrganizationContext, statement: str, values: Mapping[str, Any]
    ) -> dict[str, Any]:
        row = await self._database.tenant_call(context, statement, values)
        assert row is not None
        return dict(row["answer"])

    async def _terms(self, cursor: Cursor, context: OrganizationContext) -> Terms:
        values = {"organization_id": context.organization_id, "default_plan": self._default_plan}
        await cursor.execute(_TERMS, values)
        row = await cursor.fetchone()
        assert row is not None
        return Terms(**{**row, "features": tuple(row["features"])})


async def settle_within(cursor: Cursor, settlement: Settlement) -> Settled:
    """Settles in the transaction of `cursor`, so that result and charge are stored together or not at all."""
    await cursor.execute(_SETTLE, _settle_values(settlement))
    row = await cursor.fetchone()
    assert row is not None
    return Settled(**row["answer"])


def _settle_values(settlement: Settlement) -> dict[str, Any]:
    return {
        "hold_id": settlement.hold_id,
        "attempt": settlement.attempt,
        "meters": [used.meter.value for used in settlement.used],
        "models": [used.model for used in settlement.used],
        "units": [used.units for used in settlement.used],
        "costs": [used.cost_micro_usd for used in settlement.used],
        "price_version": settlement.price_version,
        "response": None if settlement.response is None else Jsonb(settlement.response),
    }


async def adjust_within(cursor: Cursor, event_id: UUID, feature: str, units: Mapping[Meter, int]) -> bool:
    """See `QuotaStore.adjust`; in the transaction of `cursor`."""
    values = {
        "event_id": event_id,
        "feature": feature,
        "meters": [meter.value for meter in units],
        "units": list(units.values()),
    }
    await cursor.execute(_ADJUST, values)
    row = await cursor.fetchone()
    assert row is not None
    return bool(row["changed"])


def _reservation(hold_id: UUID, answer: dict[str, Any]) -> Reservation:
    outcome = answer.pop("outcome")
    if outcome == "reserved":
        return Reserved(hold_id=hold_id, **answer)
    if outcome == "denied":
        return Denied(tuple(map(_denial, answer["denials"])), answer["plan"])
    if outcome == "replayed":
        return Replayed(answer["response"])
    return InProgress(answer["retry_after_s"]) if outcome == "in_progress" else Mismatch()


def _denial(row: dict[str, Any]) -> Denial:
    reset_at = row.pop("reset_at", None)
    meter = Meter(row.pop("meter"))
    return Denial(meter=meter, reset_at=datetime.fromisoformat(reset_at) if reset_at else None, **row)


def _window(context: OrganizationContext, row: dict[str, Any]) -> Window:
    return Window(
        meter=Meter(row["meter"]),
        limit=row["lim"],
        committed=row["committed"],
        reserved=row["reserved"],
        started_at=row["window_start"],
        reset_at=None if row["window_end"].year >= _LEVEL_ENDS else row["window_end"],
        user_id=None if row["subject"] == context.organization_id else row["subject"],
    )
