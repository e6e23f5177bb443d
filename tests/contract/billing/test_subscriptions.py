"""Subscriptions: upgrades, downgrades, cancellation, the provider's states; all of it sent more than once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from footnote.billing import Checkout, ProviderSubscription, Request
from footnote.billing.payments.manual import ManualProvider
from footnote.platform.errors import Conflict, NotFound
from footnote.platform.ids import new_id
from footnote.quota import HoldRequest, IdempotencyKeyReused, Meter, Reserved
from footnote.stores.postgres.billing_subscriptions import PostgresSubscriptionStore
from tests.support.billing import rows
from tests.support.organizations import open_database

APRIL = datetime(2026, 4, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)


def charges(database, context):
    found = rows(
        database.superuser_dsn,
        "SELECT kind, plan, amount_cents FROM billing.plan_charges WHERE organization_id = %(o)s"
        " ORDER BY starts_at, array_position('{fee,credit,charge}', kind)",
        o=context.organization_id,
    )
    return [(row["kind"], row["plan"], row["amount_cents"]) for row in found]


def plan_in_force(database, context):
    (row,) = rows(
        database.superuser_dsn,
        "SELECT o.plan, e.plan AS entitled"
        " FROM core.organizations o JOIN quota.entitlements e USING (organization_id)"
        " WHERE organization_id = %(o)s",
        o=context.organization_id,
    )
    assert row["plan"] == row["entitled"]
    return row["plan"]


async def reserve(quota, context, messages=1):
    request = HoldRequest(new_id(), b"1" * 32, "chat", {Meter.MESSAGES: messages, Meter.COST: 0}, 60)
    return await quota.reserve(context, request)


async def test_without_a_subscription_the_default_plan_holds(subscriptions, owner):
    overview = await subscriptions.overview(owner)
    assert (overview.plan.plan, overview.subscription) == ("free", None)
    change = await subscriptions.change(owner, "free")
    assert change.overview.subscription is None
    with pytest.raises(Conflict, match="no subscription"):
        await subscriptions.cancel(owner)
    with pytest.raises(NotFound, match="GET /billing/plans"):
        await subscriptions.change(owner, "gold")


async def test_subscribing_begins_a_period_and_lifts_open_windows(
    subscriptions, quota, owner, times, module_database
):
    times.travel(APRIL)
    assert isinstance(await reserve(quota, owner, 100), Reserved)
    assert not isinstance(await reserve(quota, owner), Reserved)
    change = await subscriptions.change(owner, "pro")
    has = change.overview.subscription
    assert (has.status, has.period_start, has.period_end) == ("active", APRIL, MAY)
    assert plan_in_force(module_database, owner) == "pro"
    (window,) = [one for one in await quota.windows(owner) if one.meter is Meter.MESSAGES]
    stored = rows(
        module_database.superuser_dsn,
        "SELECT lim FROM quota.windows"
        " WHERE organization_id = %(o)s AND subject = %(o)s AND meter = 'messages'",
        o=owner.organization_id,
    )
    assert (window.limit, window.reserved, stored) == (1000, 100, [{"lim": 1000}])
    assert isinstance(await reserve(quota, owner), Reserved)
    assert charges(module_database, owner) == [("fee", "pro", 2900)]


async def test_an_upgrade_is_prorated_by_the_second(subscriptions, owner, times, module_database):
    times.travel(APRIL)
    await subscriptions.change(owner, "pro")
    times.travel(APRIL + timedelta(days=10))
    await subscriptions.change(owner, "enterprise")
    again = await subscriptions.change(owner, "enterprise")
    assert again.overview.subscription.period_end == MAY
    # 20 of 30 days: 2900 * 2 / 3 = 1933.33, 9900 * 2 / 3 = 6600.
    assert charges(module_database, owner) == [
        ("fee", "pro", 2900),
        ("credit", "pro", -1933),
        ("charge", "enterprise", 6600),
    ]
    kept = rows(
        module_database.superuser_dsn,
        "SELECT plan, ended_at IS NULL AS is_current FROM billing.subscriptions"
        " WHERE organization_id = %(o)s ORDER BY started_at",
        o=owner.organization_id,
    )
    assert [(row["plan"], row["is_current"]) for row in kept] == [("pro", False), ("enterprise", True)]


async def test_a_downgrade_waits_for_the_end_of_the_period(
    subscriptions, store, quota, owner, times, module_database
):
    times.travel(APRIL)
    await subscriptions.change(owner, "enterprise")
    assert isinstance(await reserve(quota, owner, 5000), Reserved)
    later = (await subscriptions.change(owner, "pro")).overview
    assert (later.plan.plan, later.subscription.pending_plan) == ("enterprise", "pro")
    assert plan_in_force(module_database, owner) == "enterprise"
    assert not await store.advance(owner)
    times.travel(MAY - timedelta(seconds=1))
    assert not await store.advance(owner)
    times.travel(MAY)
    assert await store.advance(owner)
    assert not await store.advance(owner)
    now = (await subscriptions.overview(owner)).subscription
    assert (now.plan, now.pending_plan, now.period_start) == ("pro", None, MAY)
    assert plan_in_force(module_database, owner) == "pro"
    assert charges(module_database, owner) == [("fee", "enterprise", 9900), ("fee", "pro", 2900)]


async def test_what_was_to_come_is_taken_back_by_choosing_the_plan_anew(subscriptions, owner):
    await subscriptions.change(owner, "enterprise")
    await subscriptions.change(owner, "pro")
    assert (await subscriptions.change(owner, "enterprise")).overview.subscription.pending_plan is None
    assert (await subscriptions.change(owner, "free")).overview.subscription.cancel_at_period_end
    assert not (await subscriptions.change(owner, "enterprise")).overview.subscription.cancel_at_period_end


async def test_a_cancelled_subscription_ends_with_its_period(
    subscriptions, store, owner, times, module_database
):
    times.travel(APRIL)
    await subscriptions.change(owner, "pro")
    assert (await subscriptions.cancel(owner)).overview.subscription.cancel_at_period_end
    assert not (await subscriptions.resume(owner)).overview.subscription.cancel_at_period_end
    await subscriptions.cancel(owner)
    await subscriptions.cancel(owner)
    times.travel(MAY + timedelta(days=3))
    assert await store.advance(owner)
    assert not await store.advance(owner)
    overview = await subscriptions.overview(owner)
    assert (overview.plan.plan, overview.subscription) == ("free", None)
    assert plan_in_force(module_database, owner) == "free"
    with pytest.raises(Conflict):
        await subscriptions.resume(owner)


async def test_a_lower_limit_than_what_is_used_only_denies(subscriptions, store, quota, owner, times):
    times.travel(APRIL + timedelta(days=14))
    await subscriptions.change(owner, "pro")
    await subscriptions.change(owner, "free")
    assert isinstance(await reserve(quota, owner, 600), Reserved)
    times.travel(MAY + timedelta(days=14))
    assert isinstance(await reserve(quota, owner, 600), Reserved)
    assert await store.advance(owner)
    window = next(one for one in await quota.windows(owner) if one.meter is Meter.MESSAGES)
    assert (window.limit, window.reserved, window.remaining) == (100, 600, 0)
    assert not isinstance(await reserve(quota, owner), Reserved)


async def test_missed_periods_are_made_up_one_by_one(subscriptions, store, owner, times, module_database):
    times.travel(datetime(2026, 1, 31, 12, tzinfo=UTC))
    await subscriptions.change(owner, "pro")
    times.travel(datetime(2026, 5, 2, tzinfo=UTC))
    for _ in range(3):
        assert await store.advance(owner)
    assert not await store.advance(owner)
    closed = rows(
        module_database.superuser_dsn,
        "SELECT period_end FROM billing.periods WHERE organization_id = %(o)s ORDER BY period_start",
        o=owner.organization_id,
    )
    assert [(row["period_end"].month, row["period_end"].day) for row in closed] == [(2, 28), (3, 31), (4, 30)]


async def test_a_repeated_key_changes_nothing_and_another_request_is_refused(
    subscriptions, owner, module_database
):
    first = await subscriptions.change(owner, "pro", "a key")
    assert (await subscriptions.change(owner, "pro", "a key")).overview == first.overview
    with pytest.raises(IdempotencyKeyReused):
        await subscriptions.change(owner, "enterprise", "a key")
    await subscriptions.change(owner, "enterprise", "another key")
    # The first request comes once more, late: the plan stays.
    assert (await subscriptions.change(owner, "pro", "a key")).overview.plan.plan == "enterprise"
    assert [kind for kind, _, _ in charges(module_database, owner)] == ["fee", "credit", "charge"]


async def test_a_change_after_the_period_that_nobody_has_ended_yet_is_one_of_the_next_period(
    subscriptions, owner, times, module_database
):
    times.travel(APRIL)
    await subscriptions.change(owner, "pro")
    times.travel(MAY + timedelta(days=10, hours=8))
    await subscriptions.change(owner, "enterprise")
    has = (await subscriptions.overview(owner)).subscription
    assert (has.plan, has.period_start) == ("enterprise", MAY)
    # 20 2/3 of 31 days are left.
    assert charges(module_database, owner) == [
        ("fee", "pro", 2900), ("fee", "pro", 2900), ("credit", "pro", -1933), ("charge", "enterprise", 6600),
    ]  # fmt: skip
    (closed,) = rows(
        module_database.superuser_dsn,
        "SELECT plan, period_end FROM billing.periods WHERE organization_id = %(o)s",
        o=owner.organization_id,
    )
    assert closed == {"plan": "pro", "period_end": MAY}


async def test_many_at_once_subscribe_once(owner, profiles, module_database, subscriptions):
    databases = [open_database(module_database) for _ in range(4)]
    stores = [PostgresSubscriptionStore(database, "free") for database in databases]
    services = [replace(subscriptions, store=store) for store in stores]
    outcomes = await asyncio.gather(
        *(service.change(owner, "pro") for service in services for _ in range(3)), return_exceptions=True
    )
    assert {type(outcome).__name__ for outcome in outcomes} == {"Change"}
    assert charges(module_database, owner) == [("fee", "pro", 2900)]
    for database in databases:
        await database.close()


def state_of(context, **changes):
    values = {
        "organization_id": context.organization_id,
        "customer_ref": "cus_1",
        "subscription_ref": f"sub_{context.organization_id}",
        "plan": "pro",
        "version": 1,
        "status": "active",
        "period_start": APRIL,
        "period_end": MAY,
        "cancel_at_period_end": False,
        "changed_at": APRIL,
    }
    return ProviderSubscription(**values | changes)


async def test_the_providers_states_are_followed_in_any_order(subscriptions, owner, times, module_database):
    apply = subscriptions.apply_provider_state
    times.travel(APRIL)
    begun, dearer = state_of(owner), state_of(owner, plan="enterprise", changed_at=APRIL + timedelta(days=15))
    assert not await apply(owner, replace(begun, status="incomplete"))
    assert await apply(owner, begun)
    assert not await apply(owner, begun)
    times.travel(APRIL + timedelta(days=15))
    assert await apply(owner, dearer)
    assert not await apply(owner, begun)
    assert not await apply(owner, dearer)
    assert charges(module_database, owner) == [
        ("fee", "pro", 2900), ("credit", "pro", -1450), ("charge", "enterprise", 4950),
    ]  # fmt: skip
    june = datetime(2026, 6, 1, tzinfo=UTC)
    assert (await subscriptions.overview(owner)).plan.plan == "enterprise"
    times.travel(MAY)
    renewed = replace(dearer, period_start=MAY, period_end=june, changed_at=MAY)
    assert await apply(owner, renewed)
    unpaid = replace(renewed, status="past_due", changed_at=MAY + timedelta(days=1))
    assert await apply(owner, unpaid)
    assert (await subscriptions.overview(owner)).subscription.status == "past_due"
    paid = replace(renewed, changed_at=MAY + timedelta(days=2))
    assert await apply(owner, paid)
    assert not await apply(owner, unpaid)
    has = (await subscriptions.overview(owner)).subscription
    assert (has.status, has.period_start, has.period_end, has.plan) == ("active", MAY, june, "enterprise")
    gone = replace(paid, status="cancelled", changed_at=june)
    times.travel(june)
    assert await apply(owner, gone)
    assert not await apply(owner, gone)
    assert not await apply(owner, paid)
    assert (await subscriptions.overview(owner)).subscription is None
    with pytest.raises(Conflict, match="Publish it"):
        await apply(owner, replace(paid, version=99, changed_at=june + timedelta(days=1)))


async def test_a_subscription_that_is_not_paid_for_ends_after_the_time_of_grace(
    subscriptions, store, owner, times, module_database
):
    week = 7 * 86400
    times.travel(APRIL)
    await subscriptions.apply_provider_state(owner, state_of(owner, status="past_due"))
    times.travel(APRIL + timedelta(seconds=week - 1))
    assert await store.unpaid(owner, week) is None
    assert plan_in_force(module_database, owner) == "pro"
    times.travel(APRIL + timedelta(seconds=week))
    assert owner.organization_id in await store.due(None, 1000, 0, week)
    assert await store.end_unpaid(owner, week)
    assert not await store.end_unpaid(owner, week)
    assert plan_in_force(module_database, owner) == "free"
    late = state_of(owner, status="past_due", changed_at=APRIL + timedelta(days=8))
    assert not await subscriptions.apply_provider_state(owner, late)
    paid = replace(late, status="active", changed_at=APRIL + timedelta(days=9))
    assert await subscriptions.apply_provider_state(owner, paid)
    assert plan_in_force(module_database, owner) == "pro"


async def test_a_downgrade_that_the_provider_knows_already_waits_for_the_period(
    subscriptions, store, owner, times
):
    apply, day = subscriptions.apply_provider_state, timedelta(days=1)
    times.travel(APRIL)
    dearer = state_of(owner, plan="enterprise")
    await apply(owner, dearer)
    decision = await store.decide(owner, "pro")
    assert decision.kind == "later"
    await store.carry_out(owner, decision, Request(None, ""))
    cheaper = state_of(owner, changed_at=APRIL + day)
    await apply(owner, cheaper)
    overview = await subscriptions.overview(owner)
    assert (overview.plan.plan, overview.subscription.pending_plan) == ("enterprise", "pro")
    times.travel(MAY)
    assert await apply(owner, replace(cheaper, period_start=MAY, period_end=MAY + 31 * day, changed_at=MAY))
    overview = await subscriptions.overview(owner)
    assert (overview.plan.plan, overview.subscription.pending_plan) == ("pro", None)
    assert overview.subscription.period_start == MAY


class Elsewhere(ManualProvider):
    """A provider that payers have to go to; remembers what it was told."""

    name = "stripe"

    def __init__(self):
        self.told = []

    async def customer(self, payer):
        self.told.append(("customer", payer.customer_ref))
        return "cus_1"

    async def subscribe(self, payer, plan, *, success_url, cancel_url, key):
        self.told.append(("subscribe", plan.plan, payer.customer_ref, key))
        return Checkout("https://pay.example/1", "cus_1", None)

    async def change_plan(self, subscription_ref, plan, *, prorate, key):
        self.told.append(("change", plan.plan, prorate, subscription_ref))

    async def cancel(self, subscription_ref, *, at_period_end, key):
        self.told.append(("cancel", at_period_end, subscription_ref))

    async def resume(self, subscription_ref, *, key):
        self.told.append(("resume", subscription_ref))


async def test_what_has_to_be_paid_elsewhere_holds_when_the_provider_says_so(
    subscriptions, owner, times, module_database
):
    provider = Elsewhere()
    service, reference = replace(subscriptions, provider=provider), f"sub_{owner.organization_id}"
    times.travel(APRIL)
    for _ in range(2):
        change = await service.change(owner, "pro", "a key")
        assert (change.checkout_url, change.overview.subscription) == ("https://pay.example/1", None)
    assert provider.told == [("customer", None), ("subscribe", "pro", "cus_1", "a key")]
    assert charges(module_database, owner) == []
    assert await service.apply_provider_state(owner, state_of(owner))
    assert (await service.overview(owner)).plan.plan == "pro"
    provider.told.clear()
    await service.change(owner, "enterprise")
    await service.change(owner, "pro")
    await service.cancel(owner)
    await service.resume(owner)
    await service.change(owner, "free")
    await service.change(owner, "enterprise")
    assert provider.told == [
        ("change", "enterprise", True, reference),
        ("change", "pro", False, reference),
        ("cancel", True, reference),
        ("resume", reference),
        ("cancel", True, reference),
        ("resume", reference),
        ("change", "enterprise", False, reference),
    ]
    has = (await service.overview(owner)).subscription
    assert (has.plan, has.cancel_at_period_end, has.pending_plan) == ("enterprise", False, None)
