"""What a provider's state of a subscription means here, in the transaction of its `Terms`.

One subscription of a provider is in force for an organization: the first that was applied here, until the
provider says that it is over. Another one that is paid for meanwhile is a duplicate, for ever: it never takes
over, and what was paid for it is given back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from footnote.billing import Beginning, Plan, ProviderSubscription, Subscription
from footnote.billing.payments.webhooks import Outcome
from footnote.billing.proration import period_after
from footnote.platform.errors import Conflict, NotFound
from footnote.stores.postgres.billing_changes import end_now, roll_over, switch_now
from footnote.stores.postgres.billing_terms import COLUMNS, Terms

_ASKED = """
INSERT INTO billing.provider_states AS s (organization_id, provider, subscription_ref, asked_at)
VALUES (%(organization_id)s, %(provider)s, %(reference)s, %(asked_at)s)
ON CONFLICT (organization_id, provider, subscription_ref) DO UPDATE SET asked_at = excluded.asked_at
 WHERE s.asked_at <= excluded.asked_at
"""
_OF_PROVIDER = f"""
SELECT {COLUMNS} FROM billing.subscriptions
 WHERE organization_id = %(organization_id)s AND provider_ref = %(reference)s
 ORDER BY provider_changed_at DESC NULLS LAST, started_at DESC LIMIT 1
"""  # noqa: S608 - constants
_DUPLICATE = """
SELECT FROM billing.duplicates
 WHERE organization_id = %(organization_id)s AND provider = %(provider)s AND subscription_ref = %(reference)s
"""
_NOTE_DUPLICATE = """
INSERT INTO billing.duplicates (organization_id, provider, subscription_ref, rival_ref, subscription_id)
VALUES (%(organization_id)s, %(provider)s, %(reference)s, %(rival_ref)s, %(subscription_id)s)
"""
_KEEP_CUSTOMER = """
INSERT INTO billing.customers (organization_id, provider, customer_ref)
VALUES (%(organization_id)s, %(provider)s, %(customer_ref)s) ON CONFLICT DO NOTHING
"""
# Less than any month has: where so much is missing between two periods, a whole one is.
_MONTH = timedelta(days=27)


async def bring(terms: Terms, state: ProviderSubscription, provider: str) -> Outcome:
    """Brings the organization's subscription to a state, unless a newer one was applied."""
    names = _names(terms, state, provider)
    await terms.cursor.execute(_ASKED, {**names, "asked_at": state.changed_at})
    if terms.cursor.rowcount == 0:
        return "stale"
    known = await _known(terms, names)
    if known is not None and known.provider_changed_at and state.changed_at < known.provider_changed_at:
        return "stale"
    if await _is_duplicate(terms, names):
        return "duplicate"
    current = await terms.current()
    if current is not None and current.provider_ref == state.subscription_ref:
        return await _bring_current(terms, current, state)
    return await _bring_other(terms, current, known, state, names)


async def _bring_other(
    terms: Terms,
    current: Subscription | None,
    known: Subscription | None,
    state: ProviderSubscription,
    names: dict[str, Any],
) -> Outcome:
    """Begins a subscription, if no other one of the provider is in force."""
    if state.status in {"incomplete", "cancelled"}:
        return "unchanged"
    if current is not None and current.provider_ref is not None:
        await _note_duplicate(terms, current, names)
        return "duplicate"
    if state.status == "past_due" and (known is not None or current is not None):
        # It was ended because nobody paid, or would take the place of one that is paid by invoice.
        return "unchanged"
    plan = await _plan(terms, state)
    if current is not None:
        await end_now(terms, current, "ended")
    await _begin(terms, state, plan, names)
    return "applied"


async def rival_of(terms: Terms, state: ProviderSubscription, provider: str) -> str | None:
    """The provider's other subscription in force, if `state` would be noted as its duplicate."""
    if state.status in {"incomplete", "cancelled"}:
        return None
    current = await terms.current()
    if current is None or current.provider_ref in {None, state.subscription_ref}:
        return None
    return None if await _is_duplicate(terms, _names(terms, state, provider)) else current.provider_ref


async def _bring_current(terms: Terms, current: Subscription, state: ProviderSubscription) -> Outcome:
    if state.status == "incomplete":
        return "unchanged"
    if state.status == "cancelled":
        await end_now(terms, replace(current, provider_changed_at=state.changed_at), "ended")
        return "applied"
    changed = await _follow(terms, current, state, await _plan(terms, state))
    return "applied" if changed else "unchanged"


async def _follow(terms: Terms, before: Subscription, state: ProviderSubscription, plan: Plan) -> bool:
    """Period first, then the plan, then the rest."""
    is_late = state.status == "past_due"
    now = replace(
        before,
        provider_changed_at=state.changed_at,
        customer_ref=state.customer_ref,
        status=state.status,
        past_due_since=(before.past_due_since or terms.now) if is_late else None,
    )
    if state.period_start > now.fee_start:
        now = await _advance(terms, now, state, plan, tells_all=before.status != "active")
    is_to_come = (plan.plan, plan.version) == (now.pending_plan, now.pending_version)
    if (plan.plan, plan.version) != (now.plan, now.plan_version) and not is_to_come:
        now = await switch_now(terms, now, plan)
    ends = max(state.period_end, now.period_start + timedelta(seconds=1))
    after = replace(
        now,
        cancel_at_period_end=state.cancel_at_period_end,
        period_end=ends if state.period_start == now.fee_start else now.period_end,
    )
    await terms.update(after)
    changed = replace(after, provider_changed_at=before.provider_changed_at) != before
    if (after.status, after.cancel_at_period_end) != (before.status, before.cancel_at_period_end):
        await terms.tell("updated", after, status=after.status, cancelled=after.cancel_at_period_end)
    return changed


async def _advance(
    terms: Terms, now: Subscription, state: ProviderSubscription, plan: Plan, *, tells_all: bool
) -> Subscription:
    """The provider's period, under the plan that it has there, and those before it that nobody told of.

    Args:
        terms: The transaction.
        now: The subscription.
        state: With a later period.
        plan: Of `state`.
        tells_all: There are none that nobody told of: what is not paid for may stand still at the provider.
    """
    now = replace(now, cancel_at_period_end=False)
    while not tells_all and state.period_start - now.period_end >= _MONTH:
        start = now.period_end
        now = await _rolled(terms, now, start, min(period_after(start, start), state.period_start))
    is_other = (plan.plan, plan.version) != (now.plan, now.plan_version)
    coming = (plan.plan, plan.version) if is_other else (None, None)
    now = replace(now, pending_plan=coming[0], pending_version=coming[1])
    return await _rolled(terms, now, state.period_start, state.period_end)


async def _rolled(terms: Terms, now: Subscription, start: datetime, end: datetime) -> Subscription:
    rolled = await roll_over(terms, now, start, end)
    assert rolled is not None
    return rolled


async def _begin(terms: Terms, state: ProviderSubscription, plan: Plan, names: dict[str, Any]) -> None:
    beginning = Beginning(plan, names["provider"], state.customer_ref, state.subscription_ref)
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
    await terms.cursor.execute(_KEEP_CUSTOMER, {**names, "customer_ref": state.customer_ref})


async def _note_duplicate(terms: Terms, current: Subscription, names: dict[str, Any]) -> None:
    """Notes the duplicate, and tells whoever gives back what was paid for it."""
    rival = {"rival_ref": current.provider_ref, "subscription_id": current.subscription_id}
    await terms.cursor.execute(_NOTE_DUPLICATE, {**names, **rival})
    told = {"provider": names["provider"], "subscription_ref": names["reference"]}
    await terms.tell("duplicate", current, **told, rival_ref=current.provider_ref)


async def _is_duplicate(terms: Terms, names: dict[str, Any]) -> bool:
    await terms.cursor.execute(_DUPLICATE, names)
    return await terms.cursor.fetchone() is not None


async def _known(terms: Terms, names: dict[str, Any]) -> Subscription | None:
    """The row that has seen the newest state of the provider's subscription."""
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


def _names(terms: Terms, state: ProviderSubscription, provider: str) -> dict[str, Any]:
    names = {"provider": provider, "reference": state.subscription_ref}
    return {"organization_id": terms.organization_id, **names}
