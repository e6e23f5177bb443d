"""Plans in Postgres (`quota.plans`, `quota.custom_plans`)."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from footnote.billing import CUSTOM, Plan, PlanDocument
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import InvalidRequest, NotFound
from footnote.stores.postgres.database import Cursor, Database

_COLUMNS = "version, name, price_cents, currency, limits, rates, usage_prices, features"
_PUBLIC = f"""
SELECT * FROM (
    SELECT DISTINCT ON (plan) plan, is_public, {_COLUMNS} FROM quota.plans ORDER BY plan, version DESC
) newest WHERE is_public ORDER BY price_cents, plan
"""  # noqa: S608 - constants
_NEWEST = f"""
SELECT plan, {_COLUMNS} FROM quota.plans WHERE plan = %(plan)s ORDER BY version DESC LIMIT 1
"""  # noqa: S608 - constants
_VERSION = f"SELECT plan, {_COLUMNS} FROM quota.plans WHERE plan = %(plan)s AND version = %(version)s"  # noqa: S608
_OWN = f"""
SELECT 'custom' AS plan, {_COLUMNS} FROM quota.custom_plans
 WHERE organization_id = %(organization_id)s AND (%(version)s::int IS NULL OR version = %(version)s)
 ORDER BY version DESC LIMIT 1
"""  # noqa: S608 - constants
_VALUES = """
    %(name)s, %(price_cents)s, %(currency)s, %(limits)s, %(rates)s, %(usage_prices)s, %(features)s
"""
_PUBLISH = f"""
INSERT INTO quota.plans (
    plan, name, price_cents, currency, limits, rates, usage_prices, features, is_public, version)
SELECT %(plan)s, {_VALUES}, %(is_public)s, coalesce(max(version), 0) + 1
  FROM quota.plans WHERE plan = %(plan)s
RETURNING version
"""  # noqa: S608 - constants
_ASSIGN = f"""
INSERT INTO quota.custom_plans (
    organization_id, name, price_cents, currency, limits, rates, usage_prices, features, version)
SELECT %(organization_id)s, {_VALUES}, coalesce(max(version), 0) + 1
  FROM quota.custom_plans WHERE organization_id = %(organization_id)s
RETURNING version
"""  # noqa: S608 - constants


class PostgresPlanStore:
    """`footnote.billing.PlanStore` on Postgres. Only `footnote_owner` may publish.

    Args:
        database: Tenant transactions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def offered(self, context: OrganizationContext) -> list[Plan]:
        """See `PlanStore.offered`."""
        async with self._database.tenant_tx(context) as cursor:
            plans = await public_plans(cursor)
            own = await find_plan(cursor, context.organization_id, CUSTOM)
        return [*plans, *([own] if own else [])]

    async def public(self) -> list[Plan]:
        """The newest public versions."""
        async with self._database.definer_tx() as cursor:
            return await public_plans(cursor)

    async def publish(self, document: PlanDocument) -> int:
        """Adds a version to a plan, or a new plan; the version's number."""
        if document.plan == CUSTOM:
            raise InvalidRequest(
                f"'{CUSTOM}' is the name of plans made for one organization: assign it instead."
            )
        async with self._database.definer_tx() as cursor:
            # Two operators at once: the second one's version comes after the first one's.
            await cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('quota.plans', 0))")
            values = {**_values(document), "plan": document.plan, "is_public": document.is_public}
            await cursor.execute(_PUBLISH, values)
            return await _version(cursor)

    async def assign(self, organization_id: UUID, document: PlanDocument) -> int:
        """Offers an organization a plan of its own; the version's number.

        Raises:
            NotFound: There is no such organization.
        """
        async with self._database.tenant_tx(OrganizationContext(organization_id)) as cursor:
            await cursor.execute(
                "SELECT FROM core.organizations WHERE organization_id = %s FOR UPDATE", (organization_id,)
            )
            if await cursor.fetchone() is None:
                raise NotFound(f"There is no organization {organization_id}.")
            await cursor.execute(_ASSIGN, {**_values(document), "organization_id": organization_id})
            return await _version(cursor)


async def public_plans(cursor: Cursor) -> list[Plan]:
    """The newest public versions, the cheapest first."""
    await cursor.execute(_PUBLIC)
    return [plan_of(row) for row in await cursor.fetchall()]


async def find_plan(
    cursor: Cursor, organization_id: UUID, plan: str, version: int | None = None
) -> Plan | None:
    """A plan's version, by default the newest; `None`: there is none."""
    statement = _OWN if plan == CUSTOM else _NEWEST if version is None else _VERSION
    await cursor.execute(statement, {"organization_id": organization_id, "plan": plan, "version": version})
    row = await cursor.fetchone()
    return None if row is None else plan_of(row)


def plan_of(row: dict[str, Any]) -> Plan:
    """The plan of a row."""
    return Plan(
        **{**{key: row[key] for key in row if key != "is_public"}, "features": tuple(row["features"])}
    )


def _values(document: PlanDocument) -> dict[str, Any]:
    return {
        "name": document.name,
        "price_cents": document.price_cents,
        "currency": document.currency,
        "limits": Jsonb(document.limits),
        "rates": Jsonb(document.rates),
        "usage_prices": Jsonb(document.prices()),
        "features": Jsonb(document.features),
    }


async def _version(cursor: Cursor) -> int:
    row = await cursor.fetchone()
    assert row is not None
    return int(row["version"])
