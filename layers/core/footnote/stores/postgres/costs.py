"""Sums of the ledgers in Postgres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date
from types import MappingProxyType
from typing import Any

from footnote.billing.costs import CostGroup, GroupBy, Period, Totals
from footnote.billing.recommendations import Patterns
from footnote.platform.context import OrganizationContext
from footnote.stores.postgres.database import Cursor, Database
from footnote.stores.postgres.ledger_sums import REQUESTS_SINCE, USED, USED_BY_MEMBERS, bounds_of, today_of

# Both ledgers, from the first day to the last one, in the organization's time zone.
_ENTRIES = f"""
WITH entries AS (
    SELECT at, meter, model, feature, units, cost_micro_usd AS billed, 0 AS unbilled, entries, requests
      FROM ({USED}) used
     UNION ALL
    SELECT c.at, NULL, NULL, c.feature, 0, 0, c.cost_micro_usd, 0, 0 FROM quota.cost_ledger c
     WHERE c.organization_id = %(organization_id)s AND c.at >= %(first_at)s AND c.at < %(until_at)s
)
"""  # noqa: S608 - constants
_MEMBERS = f"""
WITH entries AS (
    SELECT user_id, cost_micro_usd AS billed, 0 AS unbilled FROM ({USED_BY_MEMBERS}) used
     UNION ALL
    SELECT c.user_id, 0, c.cost_micro_usd FROM quota.cost_ledger c
     WHERE c.organization_id = %(organization_id)s AND c.at >= %(first_at)s AND c.at < %(until_at)s
)
"""  # noqa: S608 - constants
_TOTALS = f"""{_ENTRIES}
SELECT coalesce(sum(billed), 0)::bigint AS billed, coalesce(sum(unbilled), 0)::bigint AS unbilled,
       coalesce(sum(units) FILTER (WHERE meter = 'messages'), 0)::bigint AS messages,
       coalesce(sum(billed) FILTER (WHERE feature = 'chat'), 0)::bigint AS chat_cost,
       coalesce(sum(requests), 0)::bigint + ({REQUESTS_SINCE}) AS transactions
  FROM entries
"""  # noqa: S608 - constants
_KEYS: Mapping[GroupBy, str] = MappingProxyType(
    {
        "organization": "%(organization_id)s",
        "model": "nullif(model, '')",
        "feature": "feature",
        "day": "(at AT TIME ZONE %(zone)s)::date",
        "user": "user_id",
        "component": "meter",
    }
)
# Texts are made of the groups, not of every row.
_GROUPS = MappingProxyType(
    {
        name: f"""{_MEMBERS if name == "user" else _ENTRIES}
        SELECT kind::text AS key, billed, unbilled
          FROM (SELECT {key} AS kind, sum(billed)::bigint AS billed, sum(unbilled)::bigint AS unbilled
                  FROM entries WHERE billed <> 0 OR unbilled <> 0 GROUP BY 1) groups
         ORDER BY {"1" if name == "day" else "billed + unbilled DESC, 1"}
        """  # noqa: S608 - constants
        for name, key in _KEYS.items()
    }
)
_INFERENCE = "('input_tokens', 'cached_tokens', 'output_tokens', 'compute_ms')"
_ANSWERS = """
SELECT count(*) FROM chat.messages m
 WHERE m.organization_id = %(organization_id)s AND m.actor = 'assistant'
   AND m.created_at >= %(first_at)s AND m.created_at < %(until_at)s
"""
_PATTERNS = f"""{_ENTRIES}
SELECT ({_ANSWERS}) AS answers, ({_ANSWERS} AND m.metadata ->> 'cached' = 'true') AS cached_answers,
       coalesce(sum(e.billed) FILTER (WHERE e.feature = 'chat' AND e.meter IN {_INFERENCE}), 0)::bigint
           AS inference_cost,
       coalesce(sum(e.billed) FILTER (WHERE e.meter = 'embedding_tokens'), 0)::bigint AS embedding_cost,
       coalesce(sum(e.billed) FILTER (WHERE e.meter = 'compute_ms' AND e.model <> ''), 0)::bigint
           AS compute_cost,
       coalesce(sum(e.units) FILTER (WHERE e.meter = 'compute_ms' AND e.model <> ''), 0)::bigint AS compute_ms
  FROM entries e
"""  # noqa: S608 - constants
# Hours since the first day began; those that are not over yet would look like quiet ones.
_HOURS = f"""{_ENTRIES}, hours AS (
    SELECT generate_series(
        first_at, least(%(until_at)s, date_bin('1 hour', quota.clock(), first_at)) - interval '1 hour',
        interval '1 hour') AS h
      FROM (SELECT %(first_at)s::timestamptz AS first_at) f
), sums AS (
    SELECT date_bin('1 hour', at, %(first_at)s::timestamptz) AS h, sum(billed + unbilled)::bigint AS cost,
           sum(entries) FILTER (WHERE meter = 'embedding_tokens')::bigint AS embeddings
      FROM entries GROUP BY 1
)
SELECT coalesce(s.cost, 0) AS cost, coalesce(s.embeddings, 0) AS embeddings
  FROM hours LEFT JOIN sums s USING (h) ORDER BY h
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
            return await today_of(cursor, context.organization_id)

    async def sums(
        self, context: OrganizationContext, period: Period, group_by: GroupBy
    ) -> tuple[Totals, Sequence[CostGroup]]:
        """See `CostStore.sums`."""
        async with self._snapshot(context) as cursor:
            values = await bounds_of(cursor, context.organization_id, period.first, period.last)
            totals = Totals(**await _one(cursor, _TOTALS, values))
            return totals, await _groups(cursor, group_by, values)

    async def daily(self, context: OrganizationContext, period: Period) -> Sequence[CostGroup]:
        """See `CostStore.daily`."""
        async with self._snapshot(context) as cursor:
            values = await bounds_of(cursor, context.organization_id, period.first, period.last)
            return await _groups(cursor, "day", values)

    async def patterns(self, context: OrganizationContext, period: Period) -> Patterns:
        """See `CostStore.patterns`."""
        async with self._snapshot(context) as cursor:
            values = await bounds_of(cursor, context.organization_id, period.first, period.last)
            figures = await _one(cursor, _PATTERNS, values)
            await cursor.execute(_HOURS, values)
            hours = await cursor.fetchall()
        return Patterns(
            **figures,
            embedding_by_hour=[hour["embeddings"] for hour in hours],
            cost_by_hour=[hour["cost"] for hour in hours],
        )

    def _snapshot(self, context: OrganizationContext) -> AbstractAsyncContextManager[Cursor]:
        return self._database.tenant_tx(context, snapshot=True, background=True)


async def _groups(cursor: Cursor, group_by: GroupBy, values: Mapping[str, Any]) -> list[CostGroup]:
    await cursor.execute(_GROUPS[group_by], values)
    return [CostGroup(**row) for row in await cursor.fetchall()]


async def _one(cursor: Cursor, statement: str, values: Mapping[str, Any]) -> dict[str, Any]:
    await cursor.execute(statement, values)
    row = await cursor.fetchone()
    assert row is not None
    return dict(row)
