"""How a subscription changes; each function works in the transaction of its `Terms`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from footnote.billing import Beginning, Plan, ProviderSubscription, Subscription
from footnote.billing.proration import period_after
from footnote.platform.errors import Conflict, NotFound
from footnote.platform.ids import new_id
from footnote.stores.postgres.billing_terms import COLUMNS, Terms

_OF_PROVIDER = f"""
SELECT {COLUMNS} FROM billing.subscriptions
 WHERE organization_id = %(organization_id)s AND provider_ref = %(reference)s
 ORDER BY provider_changed_at DESC NULLS LAST, started_at DESC LIMIT 1
"""  # noqa: S608 - constants


async def switch_now(terms: Terms, current: Subscription, plan: Plan) -> Subscription:
    """Another plan for the rest of the period; whatever was to come at its end is off."""
    old = await terms.plan_of(current)
    await terms.prorate(old, plan, current)
    return await _succeed(terms, current, current, plan, terms.now)


async def _succeed(
    terms: Terms, old: Subscription, period: Subscription, plan: Plan, at: datetime
) -> Subscription:
    """A row of the new plan in place of the old one, in the period that `period` states."""
    await terms.update(replace(old, ended_at=at, pending_plan=None, pending_version=None))
    begun = replace(
        period,
        subscription_id=new_id(),
        plan=plan.plan,
        plan_version=plan.version,
        started_at=at,
        cancel_at_period_end=False,
        pending_plan=None,
        pending_version=None,
    )
    await terms.insert(begun)
    await terms.entitle(plan)
    await terms.tell("changed", begun, plan=plan.plan, version=plan.version, before=old.plan)
    return begun


async def end_now(terms: Terms, current: Subscription, kind: str) -> None:
    """Ends the subscription at once; the rest of its price is given back, and the default plan holds."""
    await terms.prorate(await terms.plan_of(current), None, current)
    await _end(terms, current, min(terms.now, current.period_end), kind)


async def roll_over(
    terms: Terms, current: Subscription, start: datetime | None = None, end: datetime | None = None
) -> Subscription | None:
    """Ends the period and begins the next one, under the plan that was to come; the subscription then.

    Args:
        terms: The transaction.
        current: The subscription.
        start: When the next period begins, where the provider says it.
        end: When that one ends.
    """
    if current.cancel_at_period_end:
        await _end(terms, current, current.period_end, "ended")
        return None
    start = start or current.period_end
    await terms.close_period(current, start)
    end = end or period_after(current.anchor, start)
    renewed = replace(current, period_start=start, period_end=end)
    if current.pending_plan is None:
        await terms.update(renewed)
        await terms.charge_fee(await terms.plan_of(current), renewed)
        await terms.tell("renewed", renewed, period_start=start.isoformat(), period_end=end.isoformat())
        return renewed
    plan = await terms.plan(current.pending_plan, current.pending_version)
    begun = await _succeed(terms, current, renewed, plan, start)
    await terms.charge_fee(plan, begun)
    return begun


async def _end(terms: Terms, current: Subscription, at: datetime, kind: str) -> None:
    await terms.close_period(current, at)
    ended = replace(
        current,
        status="cancelled",
        past_due_since=None,
        pending_plan=None,
        pending_version=None,
        ended_at=max(at, current.started_at),
    )
    await terms.update(ended)
    plan = await terms.plan(terms.default_plan)
    await terms.entitle(plan)
    await terms.tell(kind, ended, plan=plan.plan, before=current.plan)


async def mark_past_due(terms: Terms, current: Subscription) -> None:
    """What is owed is overdue; the plan stays for a while."""
    late = replace(current, status="past_due", past_due_since=terms.now)
    await terms.update(late)
    await terms.tell("past_due", late, since=terms.now.isoformat())


async def apply_state(terms: Terms, state: ProviderSubscription, provider: str) -> bool:
    """See `SubscriptionStore.apply_provider_state`."""
    known = await _known(terms, state.subscription_ref)
    if known is not None and known.provider_changed_at and state.changed_at < known.provider_changed_at:
        return False
    current = await terms.current()
    mine = current if current is not None and current.provider_ref == state.subscription_ref else None
    if state.status == "incomplete" or (state.status == "cancelled" and mine is None):
        return False
    if mine is not None and state.status == "cancelled":
        await end_now(terms, replace(mine, provider_changed_at=state.changed_at), "ended")
        return True
    plan = await _plan(terms, state)
    if mine is not None:
        return await _follow(terms, mine, state, plan)
    if known is not None and state.status == "past_due":
        # It was ended because nobody paid.
        return False
    if current is not None:
        await end_now(terms, current, "ended")
    await _begin(terms, state, plan, provider)
    return True


async def _follow(terms: Terms, before: Subscription, state: ProviderSubscription, plan: Plan) -> bool:
    """Period first, then the plan, then the rest."""
    now = replace(before, provider_changed_at=state.changed_at, customer_ref=state.customer_ref)
    if state.period_start > now.period_start:
        rolled = await roll_over(
            terms, replace(now, cancel_at_period_end=False), state.period_start, state.period_end
        )
        assert rolled is not None
        now = rolled
    is_to_come = (plan.plan, plan.version) == (now.pending_plan, now.pending_version)
    if (plan.plan, plan.version) != (now.plan, now.plan_version) and not is_to_come:
        now = await switch_now(terms, now, plan)
    since = (now.past_due_since or terms.now) if state.status == "past_due" else None
    after = replace(
        now,
        status=state.status,
        past_due_since=since,
        cancel_at_period_end=state.cancel_at_period_end,
        period_end=state.period_end if state.period_start == now.period_start else now.period_end,
    )
    await terms.update(after)
    changed = replace(after, provider_changed_at=before.provider_changed_at) != before
    if (after.status, after.cancel_at_period_end) != (before.status, before.cancel_at_period_end):
        await terms.tell("updated", after, status=after.status, cancelled=after.cancel_at_period_end)
    return changed


async def _begin(terms: Terms, state: ProviderSubscription, plan: Plan, provider: str) -> None:
    beginning = Beginning(plan, provider, state.customer_ref, state.subscription_ref)
    await terms.begin(
        beginning,
        status=state.status,
        past_due_since=terms.now if state.status == "past_due" else None,
        anchor=state.period_start,
        period_start=state.period_start,
        period_end=state.period_end,
        cancel_at_period_end=state.cancel_at_period_end,
        provider_changed_at=state.changed_at,
    )


async def _known(terms: Terms, reference: str) -> Subscription | None:
    """The row that has seen the newest state of the provider's subscription."""
    names = {"organization_id": terms.organization_id, "reference": reference}
    await terms.cursor.execute(_OF_PROVIDER, names)
    row = await terms.cursor.fetchone()
    return None if row is None else Subscription(**row)


async def _plan(terms: Terms, state: ProviderSubscription) -> Plan:
    try:
        return await terms.plan(state.plan, state.version)
    except NotFound as error:
        raise Conflict(
            f"The provider's subscription {state.subscription_ref} is to version {state.version} of the plan"
            f" '{state.plan}', which there is not. Publish it, then send the event again."
        ) from error
