"""Stages of budgets over a month: reached, left, held, told and recorded, each once."""

from datetime import UTC, datetime

import psycopg
import pytest

from footnote.billing.budgets import Budgeter, BudgetTerms, Override
from footnote.quota import Denied, Reserved
from footnote.stores.postgres.budgets import PostgresBudgetJobs, PostgresBudgets
from tests.support.budgets import spend, stage_of
from tests.support.clock import ManualClock
from tests.support.organizations import new_organization, open_database
from tests.support.quota import moved_clock, query

USD = 1_000_000


@pytest.fixture
def dsn(migrated_database):
    return migrated_database.superuser_dsn


@pytest.fixture
def clock(dsn):
    with moved_clock(dsn, "2027-06-01 00:00+00") as clock:
        yield clock


@pytest.fixture
def organization(migrated_database):
    return new_organization(migrated_database)


@pytest.fixture
async def opened(migrated_database):
    database = open_database(migrated_database)
    yield database
    await database.close()


@pytest.fixture
def store(opened):
    return PostgresBudgets(opened, "enterprise")


@pytest.fixture
async def jobs(migrated_database):
    database = open_database(migrated_database, "footnote_jobs")
    yield PostgresBudgetJobs(database)
    await database.close()


@pytest.fixture
def review(jobs):
    return lambda: Budgeter(jobs, ManualClock()).run(60)


def stages(dsn, organization):
    return query(
        dsn,
        "SELECT from_stage, to_stage FROM billing.budget_events"
        " WHERE organization_id = %s AND kind = 'stage' ORDER BY number",
        organization.organization_id,
    )


def told(dsn, topic):
    return query(dsn, "SELECT payload FROM quota.outbox WHERE topic = %s ORDER BY event_id", topic)


async def test_a_month_of_stages_both_ways(dsn, clock, organization, opened, store, review):
    await store.set_budget(organization, BudgetTerms(30 * USD, notify=True), "a month of June")

    async def at(moment, cost):
        clock.set(moment)
        if cost:
            assert isinstance(await spend(opened, organization, cost), Reserved)
        await review()
        return stage_of(dsn, organization.organization_id)

    # Two busy days say nothing of the month yet; after the third they do.
    assert await at("2027-06-02 12:00+00", 4 * USD) == "normal"
    assert await at("2027-06-03 23:59+00", 0) == "normal"
    assert await at("2027-06-04 00:00+00", 0) == "hard"  # 4 in 3 days: 40 of 30
    assert await at("2027-06-05 00:00+00", 0) == "hard"  # 30 of 30: not low enough to be left
    assert await at("2027-06-05 08:00+00", 0) == "soft"  # 27.7 of 30
    assert await at("2027-06-07 00:00+00", 0) == "normal"  # 20 of 30
    assert await at("2027-06-11 00:00+00", 6 * USD) == "soft"  # 10 in 10 days: all of it, and no more
    assert await at("2027-06-21 00:00+00", 20 * USD) == "emergency"  # spent
    assert isinstance(await spend(opened, organization, 0), Denied)
    assert await at("2027-06-30 23:59+00", 0) == "emergency"
    # The next month begins anew.
    assert await at("2027-07-01 00:00+00", 0) == "normal"
    assert isinstance(await spend(opened, organization, USD), Reserved)

    expected = ["hard", "soft", "normal", "soft", "emergency", "normal"]
    assert stages(dsn, organization) == list(zip(["normal", *expected[:-1]], expected, strict=True))
    payloads = [payload for (payload,) in told(dsn, "budget.stage")]
    assert sorted(one["stage"] for one in payloads) == sorted(expected)
    # The hard stop's thresholds are those of the meter: once each.
    warnings = [payload["threshold"] for (payload,) in told(dsn, "quota.warning")]
    assert sorted(warnings) == [50, 80, 90, 100]
    assert told(dsn, "budget.threshold") == []


async def test_another_budget_counts_at_once(dsn, clock, organization, opened, store):
    await store.set_budget(organization, BudgetTerms(10 * USD), "small")
    assert isinstance(await spend(opened, organization, 10 * USD), Reserved)
    assert isinstance(await spend(opened, organization, 1), Denied)
    raised = await store.set_budget(organization, BudgetTerms(20 * USD), "more")
    assert (raised.stage, raised.spent) == ("normal", 10 * USD)
    assert isinstance(await spend(opened, organization, USD), Reserved)
    lowered = await store.set_budget(organization, BudgetTerms(11 * USD), "less")
    assert lowered.stage == "emergency"
    removed = await store.set_budget(organization, BudgetTerms(None), "none")
    assert (removed.stage, removed.terms.amount) == ("normal", None)
    assert isinstance(await spend(opened, organization, 100 * USD), Reserved)
    events = await store.events(organization, 50)
    assert [event.kind for event in reversed(events)] == ["budget"] * 3 + ["stage", "budget", "stage"]
    assert {event.user_id for event in events} == {organization.user_id}
    assert events[1].reason == "none"
    assert events[1].figures["from"]["amount"] == 11 * USD
    assert events[0].figures["spent"] == 11 * USD


async def test_without_a_hard_stop_thresholds_are_told_once_and_nothing_closes(
    dsn, clock, organization, opened, store, review
):
    await store.set_budget(organization, BudgetTerms(10 * USD, hard_stop=False), "watch")
    for cost in (5 * USD, 0, 4 * USD, 3 * USD, 0):
        assert isinstance(await spend(opened, organization, cost), Reserved)
        await review()
        await review()
    assert sorted(payload["threshold"] for (payload,) in told(dsn, "budget.threshold")) == [50, 80, 100]
    assert stage_of(dsn, organization.organization_id) == "hard"
    clock.set("2027-07-01 00:00+00")
    await spend(opened, organization, 6 * USD)
    await review()
    assert sorted(p["threshold"] for (p,) in told(dsn, "budget.threshold")) == [50, 50, 80, 100]


async def test_a_projection_closes_where_that_is_wanted_and_a_person_may_open(
    dsn, clock, organization, opened, store, review
):
    terms = BudgetTerms(30 * USD, stop_on_projection=True)
    await store.set_budget(organization, terms, "careful")
    await spend(opened, organization, 5 * USD)
    clock.set("2027-06-04 00:00+00")
    await review()
    assert stage_of(dsn, organization.organization_id) == "emergency"  # 50 of 30
    denied = await spend(opened, organization, 1)
    assert isinstance(denied, Denied)
    assert denied.denials[0].scope == "organization"

    until = datetime(2027, 6, 5, tzinfo=UTC)
    held = await store.override(organization, Override("soft", until, "a fair"), "a fair")
    assert held is not None
    assert (held.stage, held.override) == ("soft", Override("soft", until, "a fair"))
    assert isinstance(await spend(opened, organization, USD), Reserved)
    # Never above the amount: only another amount moves the limit.
    assert isinstance(await spend(opened, organization, 25 * USD), Denied)
    await review()
    assert stage_of(dsn, organization.organization_id) == "soft"
    clock.set(until)
    await review()
    await review()
    assert stage_of(dsn, organization.organization_id) == "emergency"
    events = list(reversed(await store.events(organization, 50)))
    kinds = [event.kind for event in events]
    assert kinds == ["budget", "stage", "override", "stage", "override_ended", "stage"]
    # What a person said holds for what that person did, and not for what the figures did afterwards.
    figures = "what was spent and is projected"
    assert [event.reason for event in events[1:]] == [
        figures,
        "a fair",
        "a fair",
        "its time is over",
        figures,
    ]


async def test_the_platforms_stages(dsn, clock, organization, opened, jobs, review):
    await jobs.set_platform(BudgetTerms(30 * USD, stop_on_projection=True), "an operator", "a start")
    await spend(opened, organization, 5 * USD)
    clock.set("2027-06-04 00:00+00")
    assert (await review())["stages_changed"] == 1
    denied = await spend(opened, organization, 1)
    assert isinstance(denied, Denied)
    assert denied.denials[0].scope == "platform"
    held = Override("normal", datetime(2027, 6, 5, tzinfo=UTC), "a launch")
    assert (await jobs.override_platform(held, "an operator", "a launch")).budget.stage == "normal"
    assert isinstance(await spend(opened, organization, 1), Reserved)
    clock.set("2027-06-05 00:00+00")
    await review()
    assert (await jobs.platform()).stage == "emergency"
    raised = await jobs.set_platform(BudgetTerms(100 * USD), "an operator", "enough")
    assert (raised.before, raised.budget.stage) == ("emergency", "normal")
    reason = "SELECT reason FROM billing.platform_budget_events WHERE number IN (4, 6) ORDER BY number"
    reasons = query(dsn, reason)
    assert reasons == [("a launch",), ("what was spent and is projected",)]
    rows = query(dsn, "SELECT kind, by_whom FROM billing.platform_budget_events ORDER BY number")
    operator, budgeter = "an operator", "budgeter"
    assert rows == [
        ("budget", operator), ("stage", budgeter), ("override", operator), ("stage", operator),
        ("override_ended", budgeter), ("stage", budgeter), ("budget", operator), ("stage", operator),
    ]  # fmt: skip


async def test_a_budget_pins_the_terms_that_hold_now(dsn, clock, organization, opened):
    await PostgresBudgets(opened, "free").set_budget(organization, BudgetTerms(USD), "a start")
    rows = query(
        dsn,
        "SELECT e.plan, e.limits = p.limits, e.cost_limit FROM quota.entitlements e"
        " JOIN quota.plans p ON p.plan = e.plan AND p.version = e.plan_version WHERE e.organization_id = %s",
        organization.organization_id,
    )
    assert rows == [("free", True, USD)]


async def test_organizations_see_and_change_their_own_alone(migrated_database, clock, organization, store):
    other = new_organization(migrated_database)
    await store.set_budget(organization, BudgetTerms(USD), "ours")
    assert await store.budget(other) is None
    assert await store.events(other, 50) == []
    assert await store.override(other, Override("normal", datetime(2027, 6, 2, tzinfo=UTC), "x"), "x") is None


def test_what_was_recorded_never_changes(clock, migrated_database):
    with psycopg.connect(migrated_database.dsn(), autocommit=True) as app:
        for statement in (
            "UPDATE billing.budget_events SET reason = ''",
            "DELETE FROM billing.budget_events",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(statement)
