"""What is in force in an organization: the newest row of `evaluation.activations`.

Apart from the rest of evaluation, because every question needs it and nothing else of it.
"""

from __future__ import annotations

from footnote.platform.context import OrganizationContext
from footnote.platform.overrides import Overrides
from footnote.stores.postgres.database import Database

_NEWEST = """
SELECT overrides FROM evaluation.activations
 WHERE organization_id = %(organization)s ORDER BY number DESC LIMIT 1
"""


class PostgresActiveOverrides:
    """`footnote.platform.overrides.ActiveOverrides` on Postgres.

    Args:
        database: Tenant transactions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def active(self, context: OrganizationContext) -> Overrides:
        """See `ActiveOverrides.active`."""
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_NEWEST, {"organization": context.organization_id})
            row = await cursor.fetchone()
        return dict(row["overrides"]) if row else {}
