"""C1, C2: several processes, one quota. Figures of the test plan (reliability.md, 3.2)."""

from collections import defaultdict
from dataclasses import replace

import pytest

from footnote.quota import Meter
from tests.support.organizations import new_organization
from tests.support.quota import NIGHTLY, assert_books_agree, limit, query, window
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
