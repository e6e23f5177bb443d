"""Subscriptions in Postgres (schema `billing`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from footnote.billing import (
    Beginning,
    Change,
    Decision,
    Overview,
    Plan,
    ProviderSubscription,
    Request,
    Subscription,
)
from footnote.billing.payments.webhooks import Outcome
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict
from footnote.quota import IdempotencyKeyReused
from footnote.stores.postgres.billing import find_plan
from footnote.stores.postgres.billing_changes import end_now, mark_past_due, roll_over, switch_now
from footnote.stores.postgres.billing_states import bring
from footnote.stores.postgres.billing_terms import Terms
from footnote.stores.postgres.database import Database

_SEEN = """
SELECT request_hash, checkout_url FROM billing.requests
 WHERE organization_id = %(organization_id)s AND key = %(key)s
"""
_NOTE = """
INSERT INTO billing.requests (organization_id, key, request_hash, checkout_url)
VALUES (%(organization_id)s, %(key)s, %(hash)s, %(url)s) ON CONFLICT DO NOTHING
"""
_ENTITLED = """
SELECT plan, plan_version FROM quota.entitlements WHERE organization_id = %(organization_id)s
"""
_CUSTOMER = """
SELECT customer_ref FROM billing.customers
 WHERE organization_id = %(organization_id)s AND provider = %(provider)s
"""
_KEEP_CUSTOMER = """
INSERT INTO billing.customers AS c (organization_id, provider, customer_ref)
VALUES (%(organization_id)s, %(provider)s, %(customer_ref)s)
ON CONFLICT (organization_id, provider) DO UPDATE SET customer_ref = excluded.customer_ref
 WHERE c.customer_ref = %(instead_of)s
"""
_DUE = "SELECT organization_id FROM biller.due_organizations(%(after)s, %(limit)s, %(delay_s)s, %(grace_s)s)"
_UNHEARD = "SELECT * FROM payments.unheard_subscriptions(%s, %s, %s)"
_OVERDUE = """
SELECT FROM billing.invoices i
 WHERE i.organization_id = %(organization_id)s AND i.provider = 'manual' AND i.total_cents > 0
   AND i.due_at <= %(now)s
   AND NOT EXISTS (SELECT FROM billing.invoice_payments p
                    WHERE p.organization_id = i.organization_id AND p.invoice_id = i.invoice_id)
 LIMIT 1
"""
_TIME_ZONE = """
SELECT time_zone FROM billing.profiles
 WHERE organization_id = %(organization_id)s AND time_zone_from <= %(now)s
"""


class PostgresSubscriptionStore:
    """`footnote.billing.SubscriptionStore` on Postgres, and what the biller needs beside it.

    Args:
        database: Tenant transactions.
        default_plan: The plan of organizations that have subscribed to none.
    """

    def __init__(self, database: Database, default_plan: str) -> None:
        self._database = database
        self._default_plan = default_plan

    async def overview(self, context: OrganizationContext) -> Overview:
        """See `SubscriptionStore.overview`."""
        async with self._terms(context) as terms:
            return await self._overview(terms)

    async def decide(self, context: OrganizationContext, plan: str) -> Decision:
        """See `SubscriptionStore.decide`."""
        async with self._terms(context) as terms:
            wanted = await terms.plan(plan)
            return Decision.of(await self._overview(terms), wanted, self._default_plan)

    async def replayed(self, context: OrganizationContext, request: Request) -> Change | None:
        """See `SubscriptionStore.replayed`."""
        async with self._terms(context) as terms:
            names = {"organization_id": context.organization_id, "key": request.key}
            await terms.cursor.execute(_SEEN, names)
            row = await terms.cursor.fetchone()
            if row is None:
                return None
            _check_same(request, row["request_hash"])
            overview = await self._overview(terms)
            # Paid meanwhile, or begun in another way: there is nothing left to pay.
            return Change(overview, row["checkout_url"] if overview.subscription is None else None)

    async def note(self, context: OrganizationContext, request: Request, checkout_url: str | None) -> None:
        """See `SubscriptionStore.note`."""
        async with self._terms(context) as terms:
            await _note(terms, request, checkout_url)

    async def customer_ref(self, context: OrganizationContext, provider: str) -> str | None:
        """See `SubscriptionStore.customer_ref`."""
        async with self._database.tenant_tx(context) as cursor:
            names = {"organization_id": context.organization_id, "provider": provider}
            await cursor.execute(_CUSTOMER, names)
            row = await cursor.fetchone()
            return None if row is None else str(row["customer_ref"])

    async def keep_customer(
        self, context: OrganizationContext, provider: str, customer_ref: str, instead_of: str | None = None
    ) -> str:
        """See `SubscriptionStore.keep_customer`."""
        async with self._terms(context) as terms:
            names = {"organization_id": context.organization_id, "provider": provider}
            kept = {"customer_ref": customer_ref, "instead_of": instead_of}
            await terms.cursor.execute(_KEEP_CUSTOMER, names | kept)
            await terms.cursor.execute(_CUSTOMER, names)
            row = await terms.cursor.fetchone()
            assert row is not None
            return str(row["customer_ref"])

    async def now(self) -> datetime:
        """See `SubscriptionStore.now`."""
        async with self._database.definer_tx() as cursor:
            await cursor.execute("SELECT clock_timestamp() AS now")
            row = await cursor.fetchone()
            assert row is not None
            now: datetime = row["now"]
            return now

    async def begin(self, context: OrganizationContext, beginning: Beginning, request: Request) -> None:
        """See `SubscriptionStore.begin`."""
        async with self._terms(context) as terms:
            if not await _note(terms, request):
                return
            current = await terms.current()
            if current is None:
                await terms.begin(beginning)
            elif (current.plan, current.plan_version) != (beginning.plan.plan, beginning.plan.version):
                raise _moved_on()

    async def carry_out(self, context: OrganizationContext, decision: Decision, request: Request) -> None:
        """See `SubscriptionStore.carry_out`."""
        async with self._terms(context) as terms:
            if not await _note(terms, request) or decision.subscription is None:
                return
            current = await self._expected(terms, decision.subscription.subscription_id)
            if decision.kind == "now":
                await switch_now(terms, current, decision.plan)
                return
            ends = decision.kind == "end"
            planned = replace(current, cancel_at_period_end=ends)
            if decision.kind == "later":
                to_come = decision.plan
                planned = replace(planned, pending_plan=to_come.plan, pending_version=to_come.version)
            elif not ends:
                planned = replace(planned, pending_plan=None, pending_version=None)
            if planned != current:
                await terms.update(planned)
                await terms.tell(
                    "planned", planned, plan=decision.plan.plan, at=current.period_end.isoformat()
                )

    async def set_cancellation(
        self, context: OrganizationContext, subscription_id: UUID, cancelled: bool, request: Request
    ) -> None:
        """See `SubscriptionStore.set_cancellation`."""
        async with self._terms(context) as terms:
            if not await _note(terms, request):
                return
            current = await self._expected(terms, subscription_id)
            if current.cancel_at_period_end != cancelled:
                changed = replace(current, cancel_at_period_end=cancelled)
                await terms.update(changed)
                kind = "cancelled" if cancelled else "resumed"
                await terms.tell(kind, changed, at=current.period_end.isoformat())

    async def apply_provider_state(
        self, context: OrganizationContext, state: ProviderSubscription
    ) -> Outcome:
        """See `SubscriptionStore.apply_provider_state`."""
        async with self._terms(context) as terms:
            return await bring(terms, state, "stripe")

    async def unheard(self, provider: str, late_s: int, limit: int) -> list[tuple[UUID, str]]:
        """Organizations and provider's ids of subscriptions whose period ended so long ago, oldest first."""
        async with self._database.definer_tx(background=True) as cursor:
            await cursor.execute(_UNHEARD, (provider, late_s, limit))
            return [(row["organization_id"], row["provider_ref"]) for row in await cursor.fetchall()]

    async def due(self, after: UUID | None, limit: int, delay_s: int, grace_s: int) -> list[UUID]:
        """Organizations that something is due for, in the order of their ids, behind `after`."""
        async with self._database.definer_tx(background=True) as cursor:
            values = {"after": after, "limit": limit, "delay_s": delay_s, "grace_s": grace_s}
            await cursor.execute(_DUE, values)
            return [row["organization_id"] for row in await cursor.fetchall()]

    async def advance(self, context: OrganizationContext) -> bool:
        """See `SubscriptionStore.advance`: the end of a period, an overdue invoice, another time zone."""
        async with self._terms(context, background=True) as terms:
            current = await terms.current()
            if current is not None and current.provider == "manual":
                if current.period_end <= terms.now:
                    await roll_over(terms, current)
                    return True
                if current.status == "active" and await is_overdue(terms):
                    await mark_past_due(terms, current)
                    return True
            return await self._change_time_zone(terms)

    async def unpaid(self, context: OrganizationContext, grace_s: int) -> Subscription | None:
        """The current subscription if it was past due for longer than the time of grace."""
        async with self._terms(context) as terms:
            return await _unpaid(terms, grace_s)

    async def end_unpaid(self, context: OrganizationContext, grace_s: int) -> bool:
        """Ends the subscription that was not paid for; the default plan holds from then on."""
        async with self._terms(context) as terms:
            current = await _unpaid(terms, grace_s)
            if current is not None:
                await end_now(terms, current, "ended_unpaid")
            return current is not None

    @asynccontextmanager
    async def _terms(self, context: OrganizationContext, background: bool = False) -> AsyncIterator[Terms]:
        async with self._database.tenant_tx(context, background=background) as cursor:
            yield await Terms.locked(cursor, context, self._default_plan)

    async def _overview(self, terms: Terms) -> Overview:
        current = await terms.current()
        if current is not None:
            return Overview(await terms.plan_of(current), current)
        return Overview(await self._plan_without(terms), None)

    async def _plan_without(self, terms: Terms) -> Plan:
        """What holds without a subscription: what the organization was left with, or the default."""
        await terms.cursor.execute(_ENTITLED, {"organization_id": terms.organization_id})
        row = await terms.cursor.fetchone()
        if row is not None:
            found = await find_plan(terms.cursor, terms.organization_id, row["plan"], row["plan_version"])
            if found is not None:
                return found
        return await terms.plan(self._default_plan)

    @staticmethod
    async def _expected(terms: Terms, subscription_id: UUID) -> Subscription:
        current = await terms.current()
        if current is None or current.subscription_id != subscription_id:
            raise _moved_on()
        if current.provider == "manual" and current.period_end <= terms.now:
            raise _moved_on()
        return current

    async def _change_time_zone(self, terms: Terms) -> bool:
        names = {"organization_id": terms.organization_id, "now": terms.now}
        await terms.cursor.execute(_TIME_ZONE, names)
        row = await terms.cursor.fetchone()
        if row is None:
            return False
        await terms.cursor.execute(_ENTITLED, names)
        if await terms.cursor.fetchone() is None:
            await terms.entitle(await terms.plan(self._default_plan))
        await terms.cursor.execute("SELECT billing.change_time_zone(%s)", (row["time_zone"],))
        return True


async def _unpaid(terms: Terms, grace_s: int) -> Subscription | None:
    current = await terms.current()
    since = current.past_due_since if current is not None else None
    return current if since is not None and (terms.now - since).total_seconds() >= grace_s else None


async def is_overdue(terms: Terms) -> bool:
    """Whether an invoice is due and not paid."""
    await terms.cursor.execute(_OVERDUE, {"organization_id": terms.organization_id, "now": terms.now})
    return await terms.cursor.fetchone() is not None


async def _note(terms: Terms, request: Request, checkout_url: str | None = None) -> bool:
    """Keeps the request with its effect; false: it was kept before, and there is nothing to do."""
    if request.key is None:
        return True
    names = {"organization_id": terms.organization_id, "key": request.key}
    await terms.cursor.execute(_NOTE, {**names, "hash": request.digest, "url": checkout_url})
    if terms.cursor.rowcount:
        return True
    await terms.cursor.execute(_SEEN, names)
    row = await terms.cursor.fetchone()
    assert row is not None
    _check_same(request, row["request_hash"])
    return False


def _check_same(request: Request, digest: bytes) -> None:
    if request.digest != bytes(digest):
        raise IdempotencyKeyReused("This Idempotency-Key came with another request. Choose a new one.")


def _moved_on() -> Conflict:
    return Conflict("The subscription was changed at the same moment. Look at it, and try again.")
