"""What payment providers told, in Postgres."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from footnote.billing import ProviderSubscription
from footnote.billing.payments.provider_invoices import ProviderInvoice
from footnote.billing.payments.webhooks import Outcome, ProviderEvent
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict
from footnote.quota.events import Event
from footnote.stores.postgres.billing import find_plan
from footnote.stores.postgres.billing_states import bring, rival_of
from footnote.stores.postgres.billing_terms import Terms
from footnote.stores.postgres.database import Cursor, Database
from footnote.stores.postgres.outbox import is_marked_within, mark_within
from footnote.stores.postgres.provider_invoices import keep_within

_LOOK = "SELECT payments.is_noted(%(provider)s, %(event_id)s) AS noted, clock_timestamp() AS now"
_NOTE = """
SELECT payments.note(%(provider)s, %(event_id)s, %(type)s, %(subscription_ref)s, %(outcome)s) AS is_new
"""
_EXISTS = "SELECT FROM core.organizations WHERE organization_id = %(organization_id)s"
# Paid after it was settled: what came late is given back as well.
_REOPEN = """
UPDATE billing.duplicates SET settled_at = NULL
 WHERE organization_id = %(organization_id)s AND provider = %(provider)s
   AND subscription_ref = %(subscription_ref)s AND settled_at IS NOT NULL
"""
_PAYER = """
SELECT customer_ref, plan, plan_version FROM billing.subscriptions
 WHERE organization_id = %(organization_id)s AND provider = %(provider)s
   AND customer_ref IS NOT NULL AND started_at <= %(at)s AND (ended_at IS NULL OR ended_at > %(at)s)
 ORDER BY started_at DESC LIMIT 1
"""


class PostgresEventInbox:
    """`EventInbox` on Postgres.

    Args:
        database: Transactions.
        default_plan: The plan of organizations that have subscribed to none.
    """

    def __init__(self, database: Database, default_plan: str) -> None:
        self._database = database
        self._default_plan = default_plan

    async def look(self, event: ProviderEvent) -> datetime | None:
        """See `EventInbox.look`."""
        async with self._database.definer_tx() as cursor:
            await cursor.execute(_LOOK, {"provider": event.provider, "event_id": event.event_id})
            row = await cursor.fetchone()
            assert row is not None
            return None if row["noted"] else row["now"]

    async def note(self, event: ProviderEvent, outcome: Outcome) -> bool:
        """See `EventInbox.note`."""
        async with self._database.definer_tx() as cursor:
            return await _note(cursor, event, outcome)

    async def rival(self, event: ProviderEvent, state: ProviderSubscription) -> str | None:
        """See `EventInbox.rival`."""
        context = OrganizationContext(state.organization_id)
        async with self._database.tenant_tx(context) as cursor:
            terms = await Terms.locked(cursor, context, self._default_plan)
            return await rival_of(terms, state, event.provider)

    async def apply(
        self,
        event: ProviderEvent,
        state: ProviderSubscription,
        rival: ProviderSubscription | None = None,
        invoice: ProviderInvoice | None = None,
    ) -> Outcome:
        """See `EventInbox.apply`."""
        context = OrganizationContext(state.organization_id)
        async with self._database.tenant_tx(context) as cursor:
            terms = await Terms.locked(cursor, context, self._default_plan)
            # Whoever does the same event has waited for the lock, and sees here that it is done.
            await cursor.execute(_LOOK, {"provider": event.provider, "event_id": event.event_id})
            row = await cursor.fetchone()
            if row is None or row["noted"]:
                return "replayed"
            outcome = await _outcome(terms, event, state, rival)
            if invoice is not None and outcome != "foreign":
                await keep_within(cursor, context.organization_id, event.provider, invoice)
            if not await _note(cursor, event, outcome):
                raise Conflict(f"The event {event.event_id} is being done for another subscription.")
            return outcome


class PostgresUsageMarkers:
    """`UsageMarkers` on Postgres.

    Args:
        database: Tenant transactions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def payer(
        self, context: OrganizationContext, provider: str, at: datetime
    ) -> tuple[str, frozenset[str]] | None:
        """See `UsageMarkers.payer`."""
        async with self._database.tenant_tx(context) as cursor:
            names = {"organization_id": context.organization_id, "provider": provider, "at": at}
            await cursor.execute(_PAYER, names)
            row = await cursor.fetchone()
            if row is None:
                return None
            plan = await find_plan(cursor, context.organization_id, row["plan"], row["plan_version"])
            return row["customer_ref"], frozenset(plan.usage_prices if plan else ())

    async def is_marked(self, consumer: str, event: Event) -> bool:
        """See `UsageMarkers.is_marked`."""
        async with self._database.tenant_tx(event.context) as cursor:
            return await is_marked_within(cursor, consumer, event)

    async def mark(self, consumer: str, event: Event) -> None:
        """See `UsageMarkers.mark`."""
        async with self._database.tenant_tx(event.context) as cursor:
            await mark_within(cursor, consumer, event)


async def _outcome(
    terms: Terms, event: ProviderEvent, state: ProviderSubscription, rival: ProviderSubscription | None
) -> Outcome:
    names: dict[str, Any] = {"organization_id": state.organization_id, "provider": event.provider}
    await terms.cursor.execute(_EXISTS, names)
    if await terms.cursor.fetchone() is None:
        return "foreign"
    if rival is not None and rival.organization_id == state.organization_id:
        await bring(terms, rival, event.provider)
    outcome = await bring(terms, state, event.provider)
    if event.type == "invoice.paid":
        await terms.cursor.execute(_REOPEN, {**names, "subscription_ref": state.subscription_ref})
    return outcome


async def _note(cursor: Cursor, event: ProviderEvent, outcome: Outcome) -> bool:
    values = {
        "provider": event.provider,
        "event_id": event.event_id,
        "type": event.type,
        "subscription_ref": event.subscription_ref,
        "outcome": outcome,
    }
    await cursor.execute(_NOTE, values)
    row = await cursor.fetchone()
    assert row is not None
    return bool(row["is_new"])
