"""Subscriptions that were paid for twice, in Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from footnote.billing import GivenBack
from footnote.billing.payments.duplicates import Duplicate
from footnote.platform.context import OrganizationContext
from footnote.stores.postgres.billing_terms import Terms
from footnote.stores.postgres.database import Database

_SELECT = """
SELECT organization_id, provider, subscription_ref, rival_ref, found_at, settled_at, refunded_cents,
       refund_refs
  FROM billing.duplicates WHERE organization_id = %(organization_id)s
"""
_FIND = _SELECT + " AND provider = %(provider)s AND subscription_ref = %(subscription_ref)s"
_WAITING = "SELECT * FROM payments.open_duplicates(%s, %s)"
_SETTLE = """
UPDATE billing.duplicates
   SET settled_at = clock_timestamp(), refunded_cents = %(cents)s, refund_refs = %(refund_refs)s
 WHERE organization_id = %(organization_id)s AND provider = %(provider)s
   AND subscription_ref = %(subscription_ref)s AND settled_at IS NULL
RETURNING subscription_id
"""


class PostgresDuplicateStore:
    """`DuplicateStore` on Postgres.

    Args:
        database: Transactions.
        default_plan: The plan of organizations that have subscribed to none.
    """

    def __init__(self, database: Database, default_plan: str) -> None:
        self._database = database
        self._default_plan = default_plan

    async def find(
        self, context: OrganizationContext, provider: str, subscription_ref: str
    ) -> Duplicate | None:
        """See `DuplicateStore.find`."""
        names = {"provider": provider, "subscription_ref": subscription_ref}
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_FIND, {"organization_id": context.organization_id, **names})
            row = await cursor.fetchone()
            return None if row is None else Duplicate(**row)

    async def of(self, context: OrganizationContext) -> Sequence[Duplicate]:
        """An organization's, oldest first; for operators."""
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_SELECT + " ORDER BY found_at", {"organization_id": context.organization_id})
            return [Duplicate(**row) for row in await cursor.fetchall()]

    async def waiting(self, older_s: int, limit: int) -> Sequence[tuple[UUID, str, str]]:
        """See `DuplicateStore.waiting`."""
        async with self._database.definer_tx(background=True) as cursor:
            await cursor.execute(_WAITING, (older_s, limit))
            found = await cursor.fetchall()
        return [(row["organization_id"], row["provider"], row["subscription_ref"]) for row in found]

    async def settle(self, duplicate: Duplicate, given: GivenBack) -> bool:
        """See `DuplicateStore.settle`."""
        context = OrganizationContext(duplicate.organization_id)
        names = {
            "organization_id": duplicate.organization_id,
            "provider": duplicate.provider,
            "subscription_ref": duplicate.subscription_ref,
        }
        done = {"cents": given.cents, "refund_refs": list(given.refund_refs)}
        async with self._database.tenant_tx(context) as cursor:
            terms = await Terms.locked(cursor, context, self._default_plan)
            await cursor.execute(_SETTLE, names | done)
            row = await cursor.fetchone()
            if row is None:
                return False
            # One that was paid once more after it was settled is told again, if that was given back.
            if given.cents > duplicate.refunded_cents or not duplicate.refund_refs:
                await terms.tell_of(
                    row["subscription_id"],
                    "duplicate_refunded",
                    provider=duplicate.provider,
                    subscription_ref=duplicate.subscription_ref,
                    refunded_cents=given.cents,
                    refund_refs=list(given.refund_refs),
                )
            return True
