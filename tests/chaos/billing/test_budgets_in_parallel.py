"""Hard stops of organizations and the platform are exact, while budgets change too (reliability.md, l)."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from footnote.billing.budgets import Budgeter
from footnote.quota import Meter, Used
from footnote.stores.postgres.budgets import PostgresBudgetJobs
from tests.support.budgets import platform_parts, set_budget, set_platform_budget
from tests.support.clock import ManualClock
from tests.support.organizations import new_organization, open_database
from tests.support.quota import NIGHTLY, assert_books_agree, query, window
from tests.support.quota_workers import Processes, outcomes, tasks_of

N, K = (500, 100) if NIGHTLY else (200, 50)
REPEATS = range(20 if NIGHTLY else 1)
COST = 137
ORGANIZATION, PLATFORM = "BUDGET_EXCEEDED", "PLATFORM_BUDGET_EXCEEDED"


def paid(context, count, **fields):
    used = (Used(Meter.MESSAGES, 1, "", COST),)
    return tasks_of(context, count, {Meter.MESSAGES: 1, Meter.COST: COST}, used=used, **fields)


def mixed(*lists):
    """Tasks of several organizations by turns, numbered anew."""
    tasks = [task for several in itertools.zip_longest(*lists) for task in several if task is not None]
    return [replace(task, number=number) for number, task in enumerate(tasks)]


def when(answers, act):
    """A callback of steps that acts once, after so many answers."""
    count = itertools.count(1)

    def on_step(step):
        if step.kind != "invoke" and next(count) == answers:
            act()

    return on_step


@pytest.mark.timeout(300)
@pytest.mark.parametrize("repeat", REPEATS)
def test_a_budget_admits_exactly_what_it_pays_for(migrated_database, repeat):
    dsn = migrated_database.superuser_dsn
    spender, other = new_organization(migrated_database), new_organization(migrated_database)
    set_budget(migrated_database, spender, K * COST + COST - 1)
    set_budget(migrated_database, other, N * COST)
    steps = Processes(migrated_database).run(mixed(paid(spender, N), paid(other, N // 4)))
    # The other organization's requests are all served: a budget closes the routes of its own.
    assert outcomes(steps) == {"served": K + N // 4, ORGANIZATION: N - K}
    assert window(dsn, spender.organization_id, Meter.COST) == (K * COST, 0)
    assert window(dsn, other.organization_id, Meter.COST) == (N // 4 * COST, 0)
    assert_books_agree(dsn)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("repeat", REPEATS)
def test_the_platforms_budget_is_exact_over_organizations_and_parts(migrated_database, repeat):
    dsn = migrated_database.superuser_dsn
    # A part's share is about three requests: what one part lacks must come from the others.
    set_platform_budget(migrated_database, K * COST + COST - 1)
    organizations = [new_organization(migrated_database) for _ in range(8)]
    tasks = mixed(*(paid(one, N // 8) for one in organizations))
    steps = Processes(migrated_database).run(tasks)
    assert outcomes(steps) == {"served": K, PLATFORM: len(tasks) - K}
    assert platform_parts(dsn) == (K * COST + COST - 1, K * COST, 0)
    assert_books_agree(dsn)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("repeat", REPEATS)
def test_a_budget_raised_in_flight_admits_exactly_the_new_one(migrated_database, repeat):
    dsn = migrated_database.superuser_dsn
    context = new_organization(migrated_database)
    set_budget(migrated_database, context, K // 5 * COST)
    raised = when(K // 2, lambda: set_budget(migrated_database, context, K * COST))
    steps = Processes(migrated_database, on_step=raised).run(paid(context, 2 * N))
    assert outcomes(steps) == {"served": K, ORGANIZATION: 2 * N - K}
    assert window(dsn, context.organization_id, Meter.COST) == (K * COST, 0)
    assert_books_agree(dsn)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("repeat", REPEATS)
def test_a_budget_lowered_in_flight_lets_nothing_more_in(migrated_database, repeat):
    dsn = migrated_database.superuser_dsn
    context = new_organization(migrated_database)
    set_budget(migrated_database, context, N * COST)
    at_change = []

    def lower():
        set_budget(migrated_database, context, COST)
        at_change.append(sum(window(dsn, context.organization_id, Meter.COST)))

    steps = Processes(migrated_database, on_step=when(K // 2, lower)).run(paid(context, N))
    served = outcomes(steps)["served"]
    assert K // 2 <= served < N
    assert window(dsn, context.organization_id, Meter.COST) == (served * COST, 0)
    assert at_change == [served * COST]
    assert_books_agree(dsn)


@pytest.mark.timeout(300)
def test_a_stage_is_told_once_however_many_look(migrated_database):
    dsn = migrated_database.superuser_dsn
    context = new_organization(migrated_database)
    set_budget(migrated_database, context, 5 * COST)
    Processes(migrated_database).run(paid(context, 8))

    async def look(_):
        opened = open_database(migrated_database, "footnote_jobs")
        done = await Budgeter(PostgresBudgetJobs(opened), ManualClock()).run(60)
        await opened.close()
        return done

    async def all_at_once():
        return await asyncio.gather(*map(look, range(8)))

    assert all(done["budgets"] == 1 and not done["unfinished"] for done in asyncio.run(all_at_once()))
    assert query(dsn, "SELECT to_stage FROM billing.budget_events WHERE kind = 'stage'") == [("emergency",)]
    assert query(dsn, "SELECT count(*) FROM quota.outbox WHERE topic = 'budget.stage'") == [(1,)]


@pytest.mark.timeout(300)
def test_budgets_that_change_all_the_time_stop_no_request_that_they_allow(migrated_database):
    """Neither waits for the other in a circle: nothing is refused that is within the least of the budgets."""
    dsn = migrated_database.superuser_dsn
    context = new_organization(migrated_database)
    amounts = itertools.cycle([N * COST, 2 * N * COST, 3 * N * COST])
    set_budget(migrated_database, context, next(amounts))

    def change(step):
        if step.kind != "invoke" and step.number % 10 == 0:
            set_budget(migrated_database, context, next(amounts), hard_stop=step.number % 20 == 0)
            set_platform_budget(migrated_database, next(amounts))

    steps = Processes(migrated_database, on_step=change).run(paid(context, N))
    assert outcomes(steps) == {"served": N}
    assert window(dsn, context.organization_id, Meter.COST) == (N * COST, 0)
    assert_books_agree(dsn)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("repeat", REPEATS)
def test_the_platforms_budget_changes_in_flight(migrated_database, repeat):
    """The parts always add up to the budget; nothing is admitted above the one that held."""
    dsn = migrated_database.superuser_dsn
    set_platform_budget(migrated_database, K // 5 * COST)
    organizations = [new_organization(migrated_database) for _ in range(8)]
    raised = when(K // 2, lambda: set_platform_budget(migrated_database, K * COST))
    tasks = mixed(*(paid(one, N // 4) for one in organizations))
    steps = Processes(migrated_database, on_step=raised).run(tasks)
    assert outcomes(steps) == {"served": K, PLATFORM: len(tasks) - K}
    assert platform_parts(dsn) == (K * COST, K * COST, 0)
    set_platform_budget(migrated_database, K // 2 * COST)
    assert platform_parts(dsn) == (K // 2 * COST, K * COST, 0)
    assert outcomes(Processes(migrated_database).run(paid(organizations[0], 8))) == {PLATFORM: 8}
    set_platform_budget(migrated_database, (K + 3) * COST)
    assert outcomes(Processes(migrated_database).run(paid(organizations[1], 8))) == {"served": 3, PLATFORM: 5}
    assert query(dsn, "SELECT count(*) FROM billing.platform_budget_events WHERE kind = 'budget'") == [(4,)]
    assert_books_agree(dsn)
