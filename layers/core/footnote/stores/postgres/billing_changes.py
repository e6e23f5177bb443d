"""How a subscription changes; each function works in the transaction of its `Terms`."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from footnote.billing import Plan, Subscription
from footnote.billing.proration import period_after
from footnote.platform.ids import new_id
from footnote.stores.postgres.billing_terms import Terms, beginning_at


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
    end = end or period_after(current.anchor, start)
    await terms.close_period(current, start)
    renewed = replace(current, period_start=start, period_end=end, priced_from=None)
    renewed = beginning_at(renewed, current.period_start)
    if current.pending_plan is None:
        await terms.update(renewed)
        await terms.charge_fee(await terms.plan_of(current), renewed)
        told = {"period_start": renewed.period_start, "period_end": renewed.period_end}
        await terms.tell("renewed", renewed, **{name: at.isoformat() for name, at in told.items()})
        return renewed
    plan = await terms.plan(current.pending_plan, current.pending_version)
    begun = await _succeed(terms, current, renewed, plan, renewed.period_start)
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
