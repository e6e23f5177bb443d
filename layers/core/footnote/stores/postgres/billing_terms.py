"""What all changes of subscriptions are made of; each function works in the transaction of its cursor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from footnote.billing import Beginning, Plan, Subscription
from footnote.billing.proration import period_after, share
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import NotFound
from footnote.platform.ids import new_id
from footnote.stores.postgres.billing import find_plan
from footnote.stores.postgres.database import Cursor

COLUMNS = """
subscription_id, plan, plan_version, provider, status, anchor, period_start, period_end, started_at,
customer_ref, provider_ref, provider_changed_at, past_due_since, cancel_at_period_end, pending_plan,
pending_version, ended_at, priced_from
"""
_CURRENT = f"""
SELECT {COLUMNS} FROM billing.subscriptions WHERE organization_id = %(organization_id)s AND ended_at IS NULL
"""  # noqa: S608 - constants
_INSERT = """
INSERT INTO billing.subscriptions (
    organization_id, subscription_id, plan, plan_version, provider, customer_ref, provider_ref,
    provider_changed_at, status, past_due_since, anchor, period_start, period_end, cancel_at_period_end,
    pending_plan, pending_version, started_at, priced_from)
VALUES (
    %(organization_id)s, %(subscription_id)s, %(plan)s, %(plan_version)s, %(provider)s, %(customer_ref)s,
    %(provider_ref)s, %(provider_changed_at)s, %(status)s, %(past_due_since)s, %(anchor)s, %(period_start)s,
    %(period_end)s, %(cancel_at_period_end)s, %(pending_plan)s, %(pending_version)s, %(started_at)s,
    %(priced_from)s)
"""
_UPDATE = """
UPDATE billing.subscriptions
   SET status = %(status)s, past_due_since = %(past_due_since)s, period_start = %(period_start)s,
       period_end = %(period_end)s, cancel_at_period_end = %(cancel_at_period_end)s,
       pending_plan = %(pending_plan)s, pending_version = %(pending_version)s, ended_at = %(ended_at)s,
       customer_ref = %(customer_ref)s, provider_ref = %(provider_ref)s,
       provider_changed_at = %(provider_changed_at)s, priced_from = %(priced_from)s
 WHERE organization_id = %(organization_id)s AND subscription_id = %(subscription_id)s
"""
_EVENT = """
INSERT INTO billing.subscription_events (organization_id, event_id, subscription_id, kind, data, user_id)
VALUES (%(organization_id)s, %(event_id)s, %(subscription_id)s, %(kind)s, %(data)s, %(user_id)s)
"""
_TELL = """
INSERT INTO quota.outbox (organization_id, event_id, topic, payload)
VALUES (%(organization_id)s, %(id)s, %(topic)s, %(data)s)
"""
_CHARGE = """
INSERT INTO billing.plan_charges (
    organization_id, charge_id, period_start, kind, name, plan, plan_version, starts_at, ends_at,
    amount_cents)
VALUES (
    %(organization_id)s, %(charge_id)s, %(period_start)s, %(kind)s, %(name)s, %(plan)s, %(plan_version)s,
    %(starts_at)s, %(ends_at)s, %(amount_cents)s)
"""
# Under the plan that was last before its end: a provider renews later, and the plan may be changed meanwhile.
_CLOSE = """
INSERT INTO billing.periods (organization_id, period_start, period_end, plan, plan_version, provider)
SELECT %(organization_id)s, %(period_start)s, %(period_end)s, coalesce(b.plan, %(plan)s),
       coalesce(b.plan_version, %(plan_version)s), %(provider)s
  FROM (SELECT) it LEFT JOIN LATERAL (
       SELECT plan, plan_version FROM billing.subscriptions
        WHERE organization_id = %(organization_id)s AND started_at < %(period_end)s
          AND (ended_at IS NULL OR ended_at > %(period_start)s)
        ORDER BY started_at DESC, subscription_id DESC LIMIT 1) b ON true
"""
_CLOSED_UNTIL = """
SELECT max(period_end) AS until FROM billing.periods WHERE organization_id = %(organization_id)s
"""
# The fee of a period of the provider's subscription, once: also when it ends here and comes back.
_FIRST_FEE = """
INSERT INTO billing.provider_fees (organization_id, provider_ref, period_start)
VALUES (%(organization_id)s, %(provider_ref)s, %(fee_start)s) ON CONFLICT DO NOTHING
"""
_SHORTEST = timedelta(seconds=1)
_ENTITLE = "SELECT billing.entitle(%(plan)s, %(version)s, %(limits)s, %(rates)s, %(features)s)"


@dataclass(frozen=True, slots=True)
class Terms:
    """One transaction on the subscription of an organization, which no other one changes meanwhile.

    Args:
        cursor: The transaction.
        context: The organization, and the member who asks.
        default_plan: What holds without a subscription.
        now: The time of the transaction.
    """

    cursor: Cursor
    context: OrganizationContext
    default_plan: str
    now: datetime

    @classmethod
    async def locked(cls, cursor: Cursor, context: OrganizationContext, default_plan: str) -> Terms:
        """Waits for other changes of the organization's subscription, and keeps them waiting."""
        name = f"billing:{context.organization_id}"
        await cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (name,))
        await cursor.execute("SELECT quota.clock() AS now")
        row = await cursor.fetchone()
        assert row is not None
        return cls(cursor, context, default_plan, row["now"])

    @property
    def organization_id(self) -> UUID:
        """Whose subscription it is."""
        return self.context.organization_id

    async def current(self) -> Subscription | None:
        """The subscription that has not ended."""
        await self.cursor.execute(_CURRENT, {"organization_id": self.organization_id})
        row = await self.cursor.fetchone()
        return None if row is None else Subscription(**row)

    async def plan(self, plan: str, version: int | None = None) -> Plan:
        """A plan's version, by default the newest.

        Raises:
            NotFound: There is none.
        """
        found = await find_plan(self.cursor, self.organization_id, plan, version)
        if found is None:
            raise NotFound(f"There is no plan '{plan[:64]}'. GET /billing/plans lists those that there are.")
        return found

    async def plan_of(self, subscription: Subscription) -> Plan:
        """What is subscribed to."""
        return await self.plan(subscription.plan, subscription.plan_version)

    async def begin(self, beginning: Beginning, **state: Any) -> Subscription:
        """Begins a subscription, its first period, and what it entitles to; behind all closed periods."""
        plan = beginning.plan
        values: dict[str, Any] = {
            "subscription_id": new_id(),
            "plan": plan.plan,
            "plan_version": plan.version,
            "provider": beginning.provider,
            "customer_ref": beginning.customer_ref,
            "provider_ref": beginning.subscription_ref,
            "status": "active",
            "anchor": self.now,
            "period_start": self.now,
            "period_end": period_after(self.now, self.now),
            "started_at": self.now,
        } | state
        begun = beginning_at(Subscription(**values), await self._closed_until())
        await self.insert(begun)
        await self.charge_fee(plan, begun)
        await self.entitle(plan)
        await self.tell("subscribed", begun, plan=plan.plan, version=plan.version)
        return begun

    async def insert(self, subscription: Subscription) -> None:
        """Stores a new row."""
        await self.cursor.execute(_INSERT, self._row(subscription))

    async def update(self, subscription: Subscription) -> None:
        """Stores what may change of a row."""
        await self.cursor.execute(_UPDATE, self._row(subscription))

    async def entitle(self, plan: Plan) -> None:
        """Gives the organization the plan's limits, rates and features, in windows that are open too."""
        values = {
            "plan": plan.plan,
            "version": plan.version,
            "limits": Jsonb(dict(plan.limits)),
            "rates": Jsonb(dict(plan.rates)),
            "features": Jsonb(list(plan.features)),
        }
        await self.cursor.execute(_ENTITLE, values)

    async def charge_fee(self, plan: Plan, period: Subscription) -> None:
        """The plan's price for the whole period; nothing in a trial.

        Where it was charged before, the subscription has ended and come back: what was given back for the
        rest of the period is charged again.
        """
        if period.status == "trialing":
            return
        if period.provider_ref is None or await self._is_first_fee(period):
            await self._charge("fee", plan, period, period.period_start, plan.price_cents)
            return
        start, end = period.period_start, period.period_end
        rest = share(plan.price_cents, start, period.fee_start, end)
        await self._charge("charge", plan, period, start, rest)

    async def prorate(self, old: Plan, new: Plan | None, period: Subscription) -> None:
        """Gives back what is left of the old plan's price, and takes the new one's for the same time."""
        start, end = period.fee_start, period.period_end
        if self.now >= end or period.status == "trialing":
            return
        await self._charge("credit", old, period, self.now, -share(old.price_cents, self.now, start, end))
        if new is not None:
            await self._charge("charge", new, period, self.now, share(new.price_cents, self.now, start, end))

    async def close_period(self, subscription: Subscription, end: datetime) -> None:
        """Ends the period; it waits for its invoice from now on."""
        if end <= subscription.period_start:
            return
        await self.cursor.execute(_CLOSE, {**self._row(subscription), "period_end": end})

    async def tell(self, kind: str, subscription: Subscription, **data: Any) -> None:
        """Writes down what became of the subscription, and tells it."""
        await self.tell_of(subscription.subscription_id, kind, **data)

    async def tell_of(self, subscription_id: UUID, kind: str, **data: Any) -> None:
        """The same for one that is known by its id."""
        event_id = new_id()
        values = {
            "organization_id": self.organization_id,
            "event_id": event_id,
            "subscription_id": subscription_id,
            "kind": kind,
            "data": Jsonb(data),
            "user_id": self.context.user_id,
        }
        await self.cursor.execute(_EVENT, values)
        told = {"subscription_id": str(subscription_id), **data}
        outbox = {"id": f"subscription:{event_id}", "topic": f"subscription.{kind}", "data": Jsonb(told)}
        await self.cursor.execute(_TELL, {"organization_id": self.organization_id, **outbox})

    async def _closed_until(self) -> datetime | None:
        await self.cursor.execute(_CLOSED_UNTIL, {"organization_id": self.organization_id})
        row = await self.cursor.fetchone()
        return None if row is None else row["until"]

    async def _is_first_fee(self, period: Subscription) -> bool:
        await self.cursor.execute(_FIRST_FEE, {**self._row(period), "fee_start": period.fee_start})
        return self.cursor.rowcount == 1

    async def _charge(
        self, kind: str, plan: Plan, period: Subscription, at: datetime, amount_cents: int
    ) -> None:
        values = {
            "organization_id": self.organization_id,
            "charge_id": new_id(),
            "period_start": period.period_start,
            "kind": kind,
            "name": plan.name,
            "plan": plan.plan,
            "plan_version": plan.version,
            "starts_at": at,
            "ends_at": period.period_end,
            "amount_cents": amount_cents,
        }
        await self.cursor.execute(_CHARGE, values)

    def _row(self, subscription: Subscription) -> dict[str, Any]:
        names = Subscription.__slots__
        return {"organization_id": self.organization_id} | {
            name: getattr(subscription, name) for name in names
        }


def beginning_at(period: Subscription, earliest: datetime | None) -> Subscription:
    """The period, beginning at `earliest` if that is later: periods of an organization never overlap."""
    if earliest is None or earliest <= period.period_start:
        return period
    return replace(
        period,
        period_start=earliest,
        period_end=max(period.period_end, earliest + _SHORTEST),
        priced_from=period.period_start,
    )
