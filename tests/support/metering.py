"""Counts anew what an organization has used and stores, and compares it with its windows."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from footnote.billing import ANY_MODEL, PriceList
from footnote.quota import Meter

PRICES = PriceList(
    1,
    {
        (Meter.EMBEDDING_TOKENS, ANY_MODEL): 20_000,
        (Meter.RERANK_CALLS, ANY_MODEL): 500_000,
        (Meter.INPUT_TOKENS, ANY_MODEL): 150_000,
        (Meter.CACHED_TOKENS, ANY_MODEL): 75_000,
        (Meter.OUTPUT_TOKENS, ANY_MODEL): 600_000,
        (Meter.COMPUTE_MS, ANY_MODEL): 16_667,
    },
)
_WINDOWS = """
    SELECT w.meter, w.window_start, w.committed, w.reserved FROM quota.windows w
     WHERE w.organization_id = %(organization)s AND w.subject = %(organization)s
"""
_LEDGER = """
    SELECT meter, window_start, sum(units)::bigint AS units FROM (
        SELECT meter, window_start, units FROM quota.usage_ledger WHERE organization_id = %(organization)s
         UNION ALL
        SELECT 'cost', w.window_start, u.cost_micro_usd FROM quota.usage_ledger u
          JOIN quota.windows w ON w.organization_id = u.organization_id AND w.subject = u.organization_id
           AND w.meter = 'cost' AND u.at >= w.window_start AND u.at < w.window_end
         WHERE u.organization_id = %(organization)s
         UNION ALL
        SELECT 'cost', window_start, cost_micro_usd FROM quota.cost_ledger
         WHERE organization_id = %(organization)s
    ) entries GROUP BY meter, window_start
"""
_RESERVED = """
    SELECT l.meter, l.window_start, sum(l.units)::bigint AS units
      FROM quota.holds h, unnest(h.lines) l
     WHERE h.organization_id = %(organization)s AND h.state = 'open' AND l.subject = %(organization)s
     GROUP BY l.meter, l.window_start
"""
_ACTIVE = """
    SELECT count(*) AS documents, coalesce(sum(v.size_bytes), 0)::bigint AS storage_bytes
      FROM knowledge.documents d JOIN knowledge.document_versions v
        ON v.organization_id = d.organization_id AND v.document_id = d.document_id
       AND v.version = d.active_version
     WHERE d.organization_id = %(organization)s AND d.deleted_at IS NULL
"""


class FixedPrices:
    """`footnote.billing.Prices` that never change."""

    async def current(self) -> PriceList:
        return PRICES


def assert_metering_is_exact(superuser_dsn: str, organization_id: UUID, *, at_rest: bool = False) -> None:
    """Windows are the sums of the ledgers and of the open holds; the levels are the active documents.

    Args:
        superuser_dsn: The database.
        organization_id: Whose windows.
        at_rest: Nothing may be reserved any more.
    """
    with psycopg.connect(superuser_dsn, autocommit=True, row_factory=dict_row) as connection:
        names = {"organization": organization_id}
        windows = connection.execute(_WINDOWS, names).fetchall()
        committed = {_key(row): row["committed"] for row in windows if row["committed"]}
        reserved = {_key(row): row["reserved"] for row in windows if row["reserved"]}
        active = connection.execute(_ACTIVE, names).fetchone()
        assert active is not None
        assert committed == _sums(connection, _LEDGER, names)
        assert reserved == _sums(connection, _RESERVED, names)
        levels = {meter: units for (meter, _), units in committed.items() if meter in active}
        assert levels == {meter: units for meter, units in active.items() if units}
        assert not (at_rest and reserved), reserved


def committed_of(superuser_dsn: str, organization_id: UUID) -> dict[str, int]:
    """Committed units by meter, of all windows of the organization."""
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        found = connection.execute(
            "SELECT meter, sum(committed)::bigint FROM quota.windows"
            " WHERE organization_id = %(id)s AND subject = %(id)s GROUP BY meter",
            {"id": organization_id},
        ).fetchall()
    return {meter: units for meter, units in found if units}


def end_holds(superuser_dsn: str) -> None:
    """Lets the time of all open holds pass, and ends them as the sweeper does."""
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        connection.execute(
            "UPDATE quota.holds SET expires_at = now() - interval '1 minute' WHERE state = 'open'"
        )
        while connection.execute("SELECT metering.expire_next(0)").fetchone() == (True,):
            pass


def entitle(superuser_dsn: str, organization_id: UUID, limits: str, **terms: Any) -> None:
    """Gives an organization limits (JSON by meter) of its own, and a budget's `cost_limit` and `stage`."""
    with psycopg.connect(superuser_dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO quota.entitlements (organization_id, plan, plan_version, limits, cost_limit, stage)"
            " VALUES (%(id)s, 'tight', 1, %(limits)s, %(cost_limit)s, %(stage)s)"
            " ON CONFLICT (organization_id) DO UPDATE SET limits = excluded.limits,"
            " cost_limit = excluded.cost_limit, stage = excluded.stage",
            {"id": organization_id, "limits": limits, "cost_limit": None, "stage": "normal"} | terms,
        )


def _sums(
    connection: psycopg.Connection[dict[str, Any]], statement: str, names: dict[str, Any]
) -> dict[tuple[str, Any], int]:
    rows = connection.execute(statement, names).fetchall()
    return {_key(row): row["units"] for row in rows if row["units"]}


def _key(row: dict[str, Any]) -> tuple[str, Any]:
    return row["meter"], row["window_start"]
