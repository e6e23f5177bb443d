"""Usage reports from the ledger."""

from __future__ import annotations

from datetime import date
from types import MappingProxyType

from footnote.billing.usage import DayRange, GroupBy, LedgerPlace, LedgerRow, UsageReport, UsageRow
from footnote.platform.context import OrganizationContext
from footnote.stores.postgres.database import Database
from footnote.stores.postgres.ledger_sums import USED, USED_BY_MEMBERS, bounds_of, today_of

_GROUPS = MappingProxyType(
    {
        "day": "(at AT TIME ZONE %(zone)s)::date",
        "meter": "''",
        "user": "user_id",
        "model": "model",
        "feature": "feature",
    }
)
_IN_RANGE = """
 WHERE organization_id = %(organization_id)s
   AND at >= (%(first)s::date)::timestamp AT TIME ZONE %(time_zone)s
   AND at < (%(last)s::date + 1)::timestamp AT TIME ZONE %(time_zone)s
"""
_EXPORT = (
    """
SELECT at, hold_id, attempt, meter, model, user_id, feature, units, cost_micro_usd, price_version
  FROM quota.usage_ledger
"""
    + _IN_RANGE
    + """
   AND (%(at)s::timestamptz IS NULL OR at >= %(at)s)
   AND (%(at)s::timestamptz IS NULL OR (at, hold_id, attempt, meter COLLATE "C", model COLLATE "C")
        > (%(at)s, %(hold_id)s::uuid, %(attempt)s::int, %(meter)s, %(model)s))
 ORDER BY at, hold_id, attempt, meter COLLATE "C", model COLLATE "C" LIMIT %(limit)s
"""
)


class PostgresUsageStore:
    """`footnote.billing.usage.UsageStore` on Postgres.

    Args:
        database: Tenant transactions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def today(self, context: OrganizationContext) -> date:
        """See `UsageStore.today`."""
        async with self._database.tenant_tx(context) as cursor:
            today, _ = await today_of(cursor, context.organization_id)
        return today

    async def report(self, context: OrganizationContext, days: DayRange, group_by: GroupBy) -> UsageReport:
        """See `UsageStore.report`."""
        rows_of = USED_BY_MEMBERS if group_by == "user" else USED
        # Texts are made of the groups, not of every row.
        statement = (
            f"SELECT coalesce(kind::text, '') AS group, meter, units, cost_micro_usd FROM ("  # noqa: S608
            f" SELECT {_GROUPS[group_by]} AS kind, meter, sum(units)::bigint AS units,"
            f" sum(cost_micro_usd)::bigint AS cost_micro_usd FROM ({rows_of}) used GROUP BY 1, 2) groups"
            " ORDER BY 1, 2"
        )
        async with self._database.tenant_tx(context, snapshot=True, background=True) as cursor:
            bounds = await bounds_of(cursor, context.organization_id, days.first, days.last)
            await cursor.execute(statement.encode(), bounds)
            rows = tuple(UsageRow(**found) for found in await cursor.fetchall())
        return UsageReport(days, group_by, bounds["zone"], rows)

    async def export(
        self, context: OrganizationContext, days: DayRange, limit: int, after: LedgerPlace | None
    ) -> list[LedgerRow]:
        """See `UsageStore.export`."""
        place = {name: getattr(after, name, None) for name in LedgerPlace.__slots__}
        async with self._database.tenant_tx(context) as cursor:
            names = _names(context, days) | place | {"limit": limit}
            _, zone = await today_of(cursor, context.organization_id)
            await cursor.execute(_EXPORT, names | {"time_zone": zone})
            return [LedgerRow(**found) for found in await cursor.fetchall()]


def _names(context: OrganizationContext, days: DayRange) -> dict[str, object]:
    return {"organization_id": context.organization_id, "first": days.first, "last": days.last}
