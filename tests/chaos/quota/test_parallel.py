"""C1, C2: several processes, one quota. Figures of the test plan (reliability.md, 3.2)."""

import itertools
from collections import defaultdict
from dataclasses import replace

import pytest

from footnote.quota import Meter, Used
from tests.support.organizations import new_member, new_organization
from tests.support.quota import (
    NIGHTLY,
    assert_books_agree,
    let_time_of_holds_pass,
    limit,
    query,
    window,
)
from tests.support.quota_workers import Processes, outcomes, tasks_of

N, K = 500, 100
PROCESSES = 8 if NIGHTLY else 4
REPEATS = range(100 if NIGHTLY else 1)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("repeat", REPEATS)
def test_n_parallel_k_quota(migrated_database, repeat):
    context = new_organization(migrated_database)
    limit(migrated_database.superuser_dsn, context.organization_id, {"messages": K})
    steps = Processes(migrated_database, PROCESSES).run(tasks_of(context, N, {Meter.MESSAGES: 1}))
    assert outcomes(steps) == {"served": K, "QUOTA_EXCEEDED": N - K}
    refused = [step for step in steps if step.outcome == "QUOTA_EXCEEDED"]
    for step in refused:
        status, details = step.details
        assert status == 429
        assert details["limit"] == K
        assert details["current_usage"] + details["reserved"] == K
    assert window(migrated_database.superuser_dsn, context.organization_id, Meter.MESSAGES) == (K, 0)
    assert query(migrated_database.superuser_dsn, "SELECT sum(units) FROM quota.usage_ledger") == [(K,)]
    assert query(migrated_database.superuser_dsn, "SELECT count(*) FROM quota.holds") == [(K,)]
    assert_books_agree(migrated_database.superuser_dsn)


@pytest.mark.timeout(120)
def test_n_parallel_k_quota_of_two_windows_and_two_meters(migrated_database):
    """A month and a day, an organization and its member: the narrowest limit is kept, none overdrawn."""
    dsn = migrated_database.superuser_dsn
    context = new_organization(migrated_database)
    limit(dsn, context.organization_id, {"messages": 3 * K, "api_calls": K + 20, "input_tokens": 70 * K})
    units = {Meter.MESSAGES: 1, Meter.API_CALLS: 1, Meter.INPUT_TOKENS: 70, Meter.COST: 5}
    steps = Processes(migrated_database, PROCESSES).run(tasks_of(context, N, units))
    assert outcomes(steps) == {"served": K, "QUOTA_EXCEEDED": N - K}
    for meter, used in (
        (Meter.MESSAGES, K), (Meter.API_CALLS, K), (Meter.INPUT_TOKENS, 70 * K), (Meter.COST, 0),
    ):  # fmt: skip
        assert window(dsn, context.organization_id, meter) == (used, 0)
    assert_books_agree(dsn)


def test_first_use_window_row_missing(migrated_database):
    """Nobody has a window yet, and all come at once: the first one makes it, none passes by it."""
    dsn = migrated_database.superuser_dsn
    for _ in range(20 if NIGHTLY else 5):
        context = new_organization(migrated_database)
        limit(dsn, context.organization_id, {"messages": 1, "documents": 1})
        processes = Processes(migrated_database, PROCESSES)
        steps = processes.run(tasks_of(context, PROCESSES, {Meter.MESSAGES: 1, Meter.DOCUMENTS: 1}))
        assert outcomes(steps) == {"served": 1, "QUOTA_EXCEEDED": PROCESSES - 1}
    assert_books_agree(dsn)


@pytest.mark.timeout(120)
def test_multi_meter_all_or_none(migrated_database):
    """The second meter has no room: the first has kept nothing of those that were refused."""
    dsn = migrated_database.superuser_dsn
    context = new_organization(migrated_database)
    limit(dsn, context.organization_id, {"messages": 1000, "input_tokens": 95}, cost_limit=1000)
    units = {Meter.MESSAGES: 1, Meter.INPUT_TOKENS: 10, Meter.COST: 1}
    steps = Processes(migrated_database, PROCESSES).run(tasks_of(context, 60, units, end="abandon"))
    assert outcomes(steps) == {"abandon": 9, "QUOTA_EXCEEDED": 51}
    assert window(dsn, context.organization_id, Meter.MESSAGES) == (0, 9)
    assert window(dsn, context.organization_id, Meter.INPUT_TOKENS) == (0, 90)
    assert window(dsn, context.organization_id, Meter.COST) == (0, 9)
    assert query(dsn, "SELECT sum(reserved) FROM quota.platform_windows") == [(9,)]
    assert_books_agree(dsn)


@pytest.mark.timeout(120)
def test_the_same_key_fifty_times_has_one_effect(migrated_database):
    """C2: 200 keys, each sent 50 times by several processes."""
    dsn = migrated_database.superuser_dsn
    context = new_organization(migrated_database)
    limit(dsn, context.organization_id, {"messages": 1000})
    keys, times = 200, 50
    # All processes are at the same key at the same time.
    tasks = [
        replace(task, number=key, key=f"key {key}")
        for key in range(keys)
        for task in tasks_of(context, times, {Meter.MESSAGES: 1})
    ]
    steps = Processes(migrated_database, PROCESSES).run(tasks)
    bodies = defaultdict(set)
    served = defaultdict(int)
    for step in steps:
        if step.kind == "fail":
            assert step.outcome == "REQUEST_IN_PROGRESS"
            assert step.details[0] == 409
        elif step.kind == "ok":
            bodies[step.number].add(step.response["answer"])
            served[step.number] += step.outcome == "served"
    assert set(served.values()) == {1}
    assert len(served) == keys
    assert {len(answers) for answers in bodies.values()} == {1}
    assert outcomes(steps)["replayed"] > 0
    assert window(dsn, context.organization_id, Meter.MESSAGES) == (keys, 0)
    assert_books_agree(dsn)


@pytest.mark.timeout(120)
def test_the_platforms_budget_is_exact_over_several_organizations(migrated_database):
    """Sixteen parts, each too small for one request: room is moved between them, to the last micro-USD."""
    dsn = migrated_database.superuser_dsn
    budget, price = 1_003, 10
    query(dsn, "SELECT quota.set_platform_budget(%s)", budget)
    organizations = [new_organization(migrated_database) for _ in range(5)]
    tasks = []
    for context in organizations:
        limit(dsn, context.organization_id, {})
        tasks += tasks_of(context, 60, {Meter.COST: price})
    tasks = [replace(task, number=number, end="abandon") for number, task in enumerate(tasks)]
    tasks = sorted(tasks, key=lambda task: task.number % 60)
    steps = Processes(migrated_database, PROCESSES).run(tasks)
    assert outcomes(steps) == {"abandon": 100, "PLATFORM_BUDGET_EXCEEDED": 200}
    parts = "SELECT sum(lim), sum(reserved), min(lim - committed - reserved) FROM quota.platform_windows"
    assert query(dsn, parts) == [(budget, 1000, 0)]
    assert_books_agree(dsn)


@pytest.mark.timeout(200)
def test_everything_at_once_never_locks_up(migrated_database):
    """Reservations, settlements, releases, the sweeper, keys in common, parts of the platform that lend."""
    dsn = migrated_database.superuser_dsn
    query(dsn, "SELECT quota.set_platform_budget(4000)")
    organizations = [new_organization(migrated_database) for _ in range(3)]
    members = [new_member(migrated_database, one) for one in organizations for _ in range(2)]
    for one in organizations:
        limit(dsn, one.organization_id, {"messages": 1000, "api_calls": 500}, cost_limit=2000)
    units = {Meter.MESSAGES: 1, Meter.API_CALLS: 1, Meter.STORAGE_BYTES: 3, Meter.COST: 30}
    used = (Used(Meter.MESSAGES, 1, "", 20), Used(Meter.API_CALLS, 1), Used(Meter.STORAGE_BYTES, 2))
    tasks = []
    for number in range(1_600 if NIGHTLY else 480):
        (task,) = tasks_of(members[number // 4 % 6], 1, units, used=used)
        end = ("settle", "settle", "release", "abandon", "settle")[number % 5]
        key = f"key {number // 8}" if number % 3 else None  # neighbours in other processes have the same
        tasks.append(replace(task, number=number // 8, end=end, key=key, settlements=1 + number % 2))
    told = itertools.count(1)

    def sweep(step):
        if step.kind != "invoke" and next(told) % 12 == 0:
            let_time_of_holds_pass(dsn)
            for _ in range(3):
                query(dsn, "SELECT metering.expire_next(5)")

    steps = Processes(migrated_database, PROCESSES, on_step=sweep).run(tasks)
    allowed = {"served", "release", "abandon", "replayed", "REQUEST_IN_PROGRESS"}
    assert set(outcomes(steps)) <= {*allowed, "BUDGET_EXCEEDED", "PLATFORM_BUDGET_EXCEEDED"}
    query(dsn, "SELECT pg_stat_force_next_flush()")
    assert query(dsn, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()") == [(0,)]
    assert query(dsn, "SELECT sum(lim) FROM quota.platform_windows") == [(4000,)]
    assert_books_agree(dsn)
