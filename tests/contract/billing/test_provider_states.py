"""States of a provider's subscription that come back, come late, or come for two: exact periods and fees."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from footnote.billing import Beginning, Request
from tests.contract.billing.test_subscriptions import charges, plan_in_force, state_of
from tests.support.billing import rows

APRIL, MAY = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
JUNE, JULY = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def apply(store, owner):
    async def apply(state):
        return await store.apply_provider_state(owner, state)

    return apply


def periods(database, context):
    """Closed periods, then the one that runs."""
    found = rows(
        database.superuser_dsn,
        "SELECT period_start, period_end FROM billing.periods WHERE organization_id = %(o)s"
        " UNION ALL SELECT period_start, period_end FROM billing.subscriptions"
        " WHERE organization_id = %(o)s AND ended_at IS NULL ORDER BY 1",
        o=context.organization_id,
    )
    return [(row["period_start"], row["period_end"]) for row in found]


async def test_a_subscription_that_ended_unpaid_and_is_paid_comes_back_without_a_second_fee(
    apply, store, owner, times, module_database
):
    times.travel(APRIL)
    late = state_of(owner, status="past_due")
    assert await apply(late) == "applied"
    times.travel(APRIL + 10 * DAY)
    assert await store.end_unpaid(owner, 7 * 86_400)
    assert await apply(replace(late, changed_at=APRIL + 11 * DAY)) == "unchanged"
    times.travel(APRIL + 12 * DAY)
    paid = replace(late, status="active", changed_at=APRIL + 12 * DAY)
    assert await apply(paid) == "applied"
    assert plan_in_force(module_database, owner) == "pro"
    assert periods(module_database, owner) == [(APRIL, APRIL + 10 * DAY), (APRIL + 10 * DAY, MAY)]
    # 20 of 30 days were given back, and are taken again: the provider was paid for all of them.
    fee_credit_charge = [("fee", "pro", 2900), ("credit", "pro", -1933), ("charge", "pro", 1933)]
    assert charges(module_database, owner) == fee_credit_charge
    # It ends once more: what is given back is a part of the whole month's price.
    times.travel(APRIL + 15 * DAY)
    assert await apply(replace(paid, status="cancelled", changed_at=APRIL + 15 * DAY)) == "applied"
    assert charges(module_database, owner)[-1] == ("credit", "pro", -1450)
    assert periods(module_database, owner)[-1] == (APRIL + 10 * DAY, APRIL + 15 * DAY)


async def test_two_subscriptions_in_turns_charge_one_fee_and_close_each_period_once(
    apply, owner, times, module_database
):
    """Two tabs were paid in, and events of both come as long as both run."""
    times.travel(APRIL)
    first = state_of(owner)
    second = replace(first, subscription_ref=f"{first.subscription_ref}_2", plan="enterprise")
    assert await apply(first) == "applied"
    for turn in range(1, 5):
        at = APRIL + turn * DAY
        times.travel(at)
        assert await apply(replace(second, changed_at=at)) == "duplicate"
        assert await apply(replace(first, changed_at=at)) == "unchanged"
    assert charges(module_database, owner) == [("fee", "pro", 2900)]
    times.travel(MAY)
    gone = replace(second, status="cancelled", changed_at=MAY)
    assert await apply(gone) == "duplicate"
    assert await apply(replace(first, period_start=MAY, period_end=JUNE, changed_at=MAY)) == "applied"
    assert periods(module_database, owner) == [(APRIL, MAY), (MAY, JUNE)]
    # The first one ends: the duplicate does not take its place, whatever comes of it.
    times.travel(MAY + DAY)
    assert await apply(replace(first, status="cancelled", changed_at=MAY + DAY)) == "applied"
    assert await apply(replace(second, period_start=MAY, period_end=JUNE, changed_at=JUNE)) == "duplicate"
    assert plan_in_force(module_database, owner) == "free"


async def test_one_that_is_heard_of_late_begins_behind_what_was_there(
    apply, store, owner, times, module_database
):
    times.travel(APRIL + DAY)
    decision = await store.decide(owner, "pro")
    await store.begin(owner, Beginning(decision.plan, "manual"), Request(None, ""))
    times.travel(APRIL + 16 * DAY)
    assert await apply(state_of(owner, plan="enterprise")) == "applied"
    assert periods(module_database, owner) == [
        (APRIL + DAY, APRIL + 16 * DAY),
        (APRIL + 16 * DAY, MAY),
    ]
    assert ("fee", "enterprise", 9900) in charges(module_database, owner)
    # A change in the middle is a part of the provider's month, not of what is left of it here.
    times.travel(APRIL + 20 * DAY)
    assert await apply(state_of(owner, changed_at=APRIL + 20 * DAY)) == "applied"
    assert charges(module_database, owner)[-2:] == [("credit", "enterprise", -3300), ("charge", "pro", 967)]


async def test_one_whose_whole_period_is_closed_already_begins_all_the_same(
    apply, store, owner, times, module_database
):
    times.travel(APRIL)
    decision = await store.decide(owner, "pro")
    await store.begin(owner, Beginning(decision.plan, "manual"), Request(None, ""))
    times.travel(MAY)
    assert await store.advance(owner)
    assert await apply(state_of(owner, period_end=APRIL + 20 * DAY)) == "applied"
    renewed = state_of(owner, period_start=APRIL + 20 * DAY, period_end=MAY + 20 * DAY, changed_at=MAY)
    assert await apply(renewed) == "applied"
    found = periods(module_database, owner)
    assert all(one[1] <= two[0] for one, two in pairwise(found))
    assert found[-1] == (MAY, MAY + 20 * DAY)


async def test_months_that_nobody_told_of_have_their_fees(apply, owner, times, module_database):
    times.travel(APRIL)
    await apply(state_of(owner))
    times.travel(JULY)
    august = datetime(2026, 8, 1, tzinfo=UTC)
    assert await apply(state_of(owner, period_start=JULY, period_end=august, changed_at=JULY)) == "applied"
    assert charges(module_database, owner) == [("fee", "pro", 2900)] * 4
    assert periods(module_database, owner) == [(APRIL, MAY), (MAY, JUNE), (JUNE, JULY), (JULY, august)]


async def test_months_in_which_it_stood_still_unpaid_have_none(apply, owner, times, module_database):
    times.travel(APRIL)
    await apply(state_of(owner, status="past_due"))
    times.travel(JULY)
    august = datetime(2026, 8, 1, tzinfo=UTC)
    await apply(state_of(owner, period_start=JULY, period_end=august, changed_at=JULY))
    assert charges(module_database, owner) == [("fee", "pro", 2900)] * 2


async def test_a_trial_costs_nothing_and_the_month_behind_it_the_price(apply, owner, times, module_database):
    times.travel(APRIL)
    trial = state_of(owner, status="trialing", period_end=APRIL + 14 * DAY)
    assert await apply(trial) == "applied"
    assert plan_in_force(module_database, owner) == "pro"
    times.travel(APRIL + 2 * DAY)
    assert await apply(replace(trial, plan="enterprise", changed_at=APRIL + 2 * DAY)) == "applied"
    assert charges(module_database, owner) == []
    times.travel(APRIL + 14 * DAY)
    begun = replace(
        trial,
        plan="enterprise",
        status="active",
        period_start=APRIL + 14 * DAY,
        period_end=MAY + 14 * DAY,
        changed_at=APRIL + 14 * DAY,
    )
    assert await apply(begun) == "applied"
    assert charges(module_database, owner) == [("fee", "enterprise", 9900)]


async def test_another_plan_from_the_period_on_has_its_own_fee_for_all_of_it(
    apply, owner, times, module_database
):
    """What was chosen in the provider's portal for the next period, told an hour after it began."""
    times.travel(APRIL)
    await apply(state_of(owner))
    times.travel(MAY + timedelta(hours=1))
    dearer = state_of(owner, plan="enterprise", period_start=MAY, period_end=JUNE, changed_at=MAY)
    assert await apply(dearer) == "applied"
    assert charges(module_database, owner) == [("fee", "pro", 2900), ("fee", "enterprise", 9900)]
    assert plan_in_force(module_database, owner) == "enterprise"


async def test_one_that_nobody_paid_for_takes_no_others_place(apply, store, owner, times, module_database):
    times.travel(APRIL)
    decision = await store.decide(owner, "pro")
    await store.begin(owner, Beginning(decision.plan, "manual"), Request(None, ""))
    assert await apply(state_of(owner, plan="enterprise", status="past_due")) == "unchanged"
    assert plan_in_force(module_database, owner) == "pro"
    paid = state_of(owner, plan="enterprise", changed_at=APRIL + DAY)
    assert await apply(paid) == "applied"
    assert plan_in_force(module_database, owner) == "enterprise"


async def test_a_period_that_is_over_is_priced_by_its_own_plan(apply, owner, times, module_database):
    """The plan is changed after the end of the period, and before the provider has renewed it."""
    times.travel(APRIL)
    first = state_of(owner)
    assert await apply(first) == "applied"
    times.travel(MAY + timedelta(minutes=10))
    changed = replace(first, plan="enterprise", changed_at=MAY + timedelta(minutes=10))
    assert await apply(changed) == "applied"
    assert plan_in_force(module_database, owner) == "enterprise"
    times.travel(MAY + timedelta(minutes=20))
    renewed = replace(changed, period_start=MAY, period_end=JUNE, changed_at=MAY + timedelta(minutes=20))
    assert await apply(renewed) == "applied"
    (closed,) = rows(
        module_database.superuser_dsn,
        "SELECT plan, plan_version FROM billing.periods WHERE organization_id = %(o)s",
        o=owner.organization_id,
    )
    assert (closed["plan"], closed["plan_version"]) == ("pro", 1)
