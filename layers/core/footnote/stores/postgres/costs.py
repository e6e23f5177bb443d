"""Sums of the ledgers in Postgres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any

from footnote.billing.costs import CostGroup, GroupBy, Period, Totals
from footnote.billing.recommendations import Patterns
from footnote.platform.context import OrganizationContext
from footnote.stores.postgres.database import Cursor, Database

_ZONE = """
SELECT coalesce((SELECT e.time_zone FROM quota.entitlements e
                  WHERE e.organization_id = %(organization_id)s), 'UTC') AS zone, quota.clock() AS now
"""
_TODAY = f"SELECT z.zone, (z.now AT TIME ZONE z.zone)::date AS today FROM ({_ZONE}) z"  # noqa: S608 - constants
# Both ledgers, from the first day to the last one, in the organization's time zone.
_ENTRIES = f"""
WITH zone AS ({_ZONE}), bounds AS (
    SELECT z.zone, %(first)s::timestamp AT TIME ZONE z.zone AS first,
           (%(last)s::date + 1)::timestamp AT TIME ZONE z.zone AS until FROM zone z
), entries AS (
    SELECT u.user_id, u.feature, u.model, u.meter, u.at, u.hold_id, u.attempt, u.units,
           u.cost_micro_usd AS billed, 0 AS unbilled
      FROM quota.usage_ledger u, bounds b
     WHERE u.organization_id = %(organization_id)s AND u.at >= b.first AND u.at < b.until
     UNION ALL
    SELECT c.user_id, c.feature, NULL, NULL, c.at, NULL, NULL, 0, 0, c.cost_micro_usd
      FROM quota.cost_ledger c, bounds b
     WHERE c.organization_id = %(organization_id)s AND c.at >= b.first AND c.at < b.until
)
"""  # noqa: S608 - constants
_TOTALS = f"""{_ENTRIES}
SELECT coalesce(sum(billed), 0)::bigint AS billed, coalesce(sum(unbilled), 0)::bigint AS unbilled,
       coalesce(sum(units) FILTER (WHERE meter = 'messages'), 0)::bigint AS messages,
       coalesce(sum(billed) FILTER (WHERE feature = 'chat'), 0)::bigint AS chat_cost,
       (SELECT count(*) FROM (SELECT DISTINCT hold_id, attempt FROM entries WHERE attempt > 0) d)
           AS transactions
  FROM entries
"""  # noqa: S608 - constants
_KEYS: Mapping[GroupBy, str] = MappingProxyType(
    {
        "organization": "%(organization_id)s::text",
        "model": "nullif(model, '')",
        "feature": "feature",
        "day": "((at AT TIME ZONE (SELECT zone FROM zone))::date)::text",
        "user": "user_id::text",
        "component": "meter",
    }
)
_GROUPS = MappingProxyType(
    {
        name: f"""{_ENTRIES}
        SELECT {key} AS key, sum(billed)::bigint AS billed, sum(unbilled)::bigint AS unbilled
          FROM entries WHERE billed <> 0 OR unbilled <> 0
         GROUP BY 1 ORDER BY {"1" if name == "day" else "sum(billed) + sum(unbilled) DESC, 1"}
        """  # noqa: S608 - constants
        for name, key in _KEYS.items()
    }
)
_INFERENCE = "('input_tokens', 'cached_tokens', 'output_tokens', 'compute_ms')"
_PATTERNS = f"""{_ENTRIES}, answers AS (
    SELECT count(*) AS answers, count(*) FILTER (WHERE (m.metadata ->> 'cached')::boolean) AS cached_answers
      FROM chat.messages m, bounds b
     WHERE m.organization_id = %(organization_id)s AND m.actor = 'assistant'
       AND m.created_at >= b.first AND m.created_at < b.until
)
SELECT a.answers, a.cached_answers,
       coalesce(sum(e.billed) FILTER (WHERE e.feature = 'chat' AND e.meter IN {_INFERENCE}), 0)::bigint
           AS inference_cost,
       coalesce(sum(e.billed) FILTER (WHERE e.meter = 'embedding_tokens'), 0)::bigint AS embedding_cost,
       coalesce(sum(e.billed) FILTER (WHERE e.meter = 'compute_ms' AND e.model <> ''), 0)::bigint
           AS compute_cost,
       coalesce(sum(e.units) FILTER (WHERE e.meter = 'compute_ms' AND e.model <> ''), 0)::bigint AS compute_ms
  FROM answers a LEFT JOIN entries e ON true GROUP BY a.answers, a.cached_answers
"""  # noqa: S608 - constants
# Hours that are not over yet would look like quiet ones.
_HOURS = f"""{_ENTRIES}, hours AS (
    SELECT h FROM bounds b, generate_series(b.first, least(b.until, date_trunc('hour', quota.clock()))
                                                     - interval '1 hour', interval '1 hour') h
), sums AS (
    SELECT date_trunc('hour', at) AS h, sum(billed + unbilled)::bigint AS cost,
           count(*) FILTER (WHERE meter = 'embedding_tokens') AS embeddings
      FROM entries GROUP BY 1
)
SELECT coalesce(s.cost, 0) AS cost, coalesce(s.embeddings, 0) AS embeddings
  FROM hours LEFT JOIN sums s ON s.h = date_trunc('hour', hours.h) ORDER BY hours.h
"""  # noqa: S608 - constants


class PostgresCosts:
    """`footnote.billing.costs.CostStore` on Postgres.

    Args:
        database: Tenant transactions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def today(self, context: OrganizationContext) -> tuple[date, str]:
        """See `CostStore.today`."""
        async with self._database.tenant_tx(context) as cursor:
            row = await _one(cursor, _TODAY, {"organization_id": context.organization_id})
        return row["today"], row["zone"]

    async def sums(
        self, context: OrganizationContext, period: Period, group_by: GroupBy
    ) -> tuple[Totals, Sequence[CostGroup]]:
        """See `CostStore.sums`."""
        values = _values(context, period)
        async with self._database.tenant_tx(context, snapshot=True, background=True) as cursor:
            totals = Totals(**await _one(cursor, _TOTALS, values))
            return totals, await _groups(cursor, group_by, values)

    async def daily(self, context: OrganizationContext, period: Period) -> Sequence[CostGroup]:
        """See `CostStore.daily`."""
        async with self._database.tenant_tx(context, snapshot=True, background=True) as cursor:
            return await _groups(cursor, "day", _values(context, period))

    async def patterns(self, context: OrganizationContext, period: Period) -> Patterns:
        """See `CostStore.patterns`."""
        values = _values(context, period)
        async with self._database.tenant_tx(context, snapshot=True, background=True) as cursor:
            figures = await _one(cursor, _PATTERNS, values)
            await cursor.execute(_HOURS, values)
            hours = await cursor.fetchall()
        return Patterns(
            **figures,
            embedding_by_hour=[hour["embeddings"] for hour in hours],
            cost_by_hour=[hour["cost"] for hour in hours],
        )


def _values(context: OrganizationContext, period: Period) -> dict[str, Any]:
    return {"organization_id": context.organization_id, "first": period.first, "last": period.last}


async def _groups(cursor: Cursor, group_by: GroupBy, values: Mapping[str, Any]) -> list[CostGroup]:
    await cursor.execute(_GROUPS[group_by], values)
    return [CostGroup(**row) for row in await cursor.fetchall()]


async def _one(cursor: Cursor, statement: str, values: Mapping[str, Any]) -> dict[str, Any]:
    await cursor.execute(statement, values)
    row = await cursor.fetchone()
    assert row is not None
    return dict(row)
