"""Billing profiles in Postgres."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from uuid import UUID

from footnote.billing import BillingProfile, ProfileChange
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import InvalidRequest, NotFound
from footnote.stores.postgres.database import Cursor, Database

_READ = """
SELECT coalesce(p.legal_name, '') AS legal_name, coalesce(p.address, '') AS address,
       coalesce(p.tax_id, '') AS tax_id, coalesce(p.email, '') AS email,
       coalesce(p.tax_basis_points, 0) AS tax_basis_points, coalesce(e.time_zone, 'UTC') AS time_zone,
       CASE WHEN p.time_zone_from IS NOT NULL THEN p.time_zone END AS next_time_zone,
       p.time_zone_from AS next_from, c.month_end AS month_ends,
       o.name AS organization_name
  FROM core.organizations o
 CROSS JOIN quota.calendar_of(%(organization_id)s) c
  LEFT JOIN billing.profiles p ON p.organization_id = o.organization_id
  LEFT JOIN quota.entitlements e ON e.organization_id = o.organization_id
 WHERE o.organization_id = %(organization_id)s
"""
# Not while the biller changes the time zone: what is written must fit the one that is in force.
_TAKE_TURNS = "SELECT pg_advisory_xact_lock(hashtextextended('billing:' || %(organization_id)s::text, 0))"
_IS_TIME_ZONE = """
SELECT EXISTS (SELECT FROM pg_timezone_names
                WHERE name = %(name)s AND name !~ '^(posix|right)' AND name ~ '^[A-Za-z0-9_+/-]+$') AS known
"""
_WRITE = """
INSERT INTO billing.profiles AS p (
    organization_id, legal_name, address, tax_id, email, time_zone, time_zone_from)
SELECT %(organization_id)s, %(legal_name)s, %(address)s, %(tax_id)s, %(email)s, %(time_zone)s,
       CASE WHEN %(time_zone)s <> %(current)s
            THEN ((date_trunc('month', quota.clock() AT TIME ZONE %(time_zone)s) + interval '1 month')
                  AT TIME ZONE %(time_zone)s) END
ON CONFLICT (organization_id) DO UPDATE
   SET legal_name = excluded.legal_name, address = excluded.address, tax_id = excluded.tax_id,
       email = excluded.email, time_zone = excluded.time_zone,
       time_zone_from = CASE WHEN p.time_zone = excluded.time_zone AND excluded.time_zone_from IS NOT NULL
                             THEN coalesce(p.time_zone_from, excluded.time_zone_from)
                             ELSE excluded.time_zone_from END,
       updated_at = quota.clock()
"""
_TAX = """
INSERT INTO billing.profiles (organization_id, tax_basis_points)
VALUES (%(organization_id)s, %(basis_points)s)
ON CONFLICT (organization_id) DO UPDATE
   SET tax_basis_points = excluded.tax_basis_points, updated_at = quota.clock()
"""


class PostgresProfileStore:
    """`footnote.billing.ProfileStore` on Postgres.

    Args:
        database: Tenant transactions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self, context: OrganizationContext) -> BillingProfile:
        """See `ProfileStore.read`."""
        async with self._database.tenant_tx(context) as cursor:
            return await profile_within(cursor, context.organization_id)

    async def write(self, context: OrganizationContext, change: ProfileChange) -> BillingProfile:
        """See `ProfileStore.write`."""
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_IS_TIME_ZONE, {"name": change.time_zone})
            row = await cursor.fetchone()
            if row is None or not row["known"]:
                raise InvalidRequest(
                    f"'{change.time_zone[:64]}' is no time zone. Use a name of IANA's, as 'Europe/Berlin'."
                )
            values: dict[str, Any] = {"organization_id": context.organization_id}
            await cursor.execute(_TAKE_TURNS, values)
            before = await profile_within(cursor, context.organization_id)
            values["current"] = before.time_zone
            await cursor.execute(_WRITE, values | asdict(change))
            return await profile_within(cursor, context.organization_id)

    async def set_tax(self, organization_id: UUID, basis_points: int) -> None:
        """Sets the rate of tax, for operators."""
        async with self._database.tenant_tx(OrganizationContext(organization_id)) as cursor:
            await profile_within(cursor, organization_id)
            await cursor.execute(_TAX, {"organization_id": organization_id, "basis_points": basis_points})


async def profile_within(cursor: Cursor, organization_id: UUID) -> BillingProfile:
    """The organization's profile.

    Raises:
        NotFound: There is no such organization.
    """
    await cursor.execute(_READ, {"organization_id": organization_id})
    row = await cursor.fetchone()
    if row is None:
        raise NotFound(f"There is no organization {organization_id}.")
    return BillingProfile(**row)
