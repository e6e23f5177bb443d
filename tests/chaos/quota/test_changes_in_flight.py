"""C4, C5: Redis goes, months end, plans change while requests run (reliability.md, 3.2)."""

import itertools
import time
from dataclasses import replace

import pytest
from redis import Redis

from footnote.quota import Meter
from tests.support.organizations import new_organization
from tests.support.quota import (
    NIGHTLY,
    assert_books_agree,
    limit,
    moved_clock,
    query,
    window,
)
from tests.support.quota_workers import Processes, outcomes, tasks_of

N, K = (500, 100) if NIGHTLY else (240, 60)
REPEATS = range(20 if NIGHTLY else 1)
OVERDRAWN = "SELECT count(*) FROM quota.windows WHERE committed + reserved > lim"


def after(told_of, *acts):
    """A callback of steps: each act once, when so many answers were told."""
    count = itertools.count(1)
    due = dict(zip(told_of, acts, strict=True))

    def on_step(step):
        if step.kind != "invoke":
            due.pop(next(count), lambda: None)()

    return on_step


@pytest.mark.timeout(120)
def test_window_rollover_in_flight(migrated_database):
    """Each hold is settled in the month it was reserved in, and nothing goes below zero."""
    dsn = migrated_database.superuser_dsn
    context = new_organization(migrated_database)
    limit(dsn, context.organization_id, {"messages": K, "api_calls": 10 * K})
    units = {Meter.MESSAGES: 1, Meter.API_CALLS: 1, Meter.COST: 4}
    with moved_clock(dsn, "2027-01-31 23:59:59.9+00") as clock:
        on_step = after(
            [K // 2, K], lambda: clock.set("2027-02-01 00:00+00"), lambda: clock.set("2027-02-02")
        )
        tasks = [replace(task, pause_s=0.002) for task in tasks_of(context, 2 * K, units)]
        steps = Processes(migrated_database, on_step=on_step).run(tasks)
    assert set(outcomes(steps)) <= {"served", "QUOTA_EXCEEDED"}
    months = query(
        dsn,
        "SELECT window_start::date::text, committed, reserved FROM quota.windows"
        " WHERE meter = 'messages' AND subject = organization_id ORDER BY window_start",
    )
    assert [month for month, *_ in months] == ["2027-01-01", "2027-02-01"]
    # Some while January lasted, the limit at most in February; none is lost between them.
    assert K // 2 <= months[0][1] <= K
    assert months[1][1] == min(K, 2 * K - months[0][1])
    assert all(reserved == 0 for *_, reserved in months)
    assert query(dsn, OVERDRAWN) == [(0,)]
    assert_books_agree(dsn)


def refusals(steps):
    return outcomes(steps).get("QUOTA_EXCEEDED", 0)


@pytest.mark.timeout(120)
def test_holds_of_the_old_month_are_settled_in_it(migrated_database):
    """Reserved before the month's end, settled, released and ended after it."""
    dsn = migrated_database.superuser_dsn
    context = new_organization(migrated_database)
    limit(dsn, context.organization_id, {"messages": 9})
    with moved_clock(dsn, "2027-01-31 23:59+00") as clock:
        held = tasks_of(context, 3, {Meter.MESSAGES: 1, Meter.COST: 5}, pause_s=1.0)
        ends = ("settle", "release", "abandon")
        held = [replace(task, end=end) for task, end in zip(held, ends, strict=True)]
        reserved = itertools.count(1)

        def month_ends(step):
            """All three have been told to begin: in half a second they have reserved, and still work."""
            if step.kind == "invoke" and next(reserved) == len(held):
                time.sleep(0.5)
                clock.set("2027-02-01 00:00:01+00")

        steps = Processes(migrated_database, 3, on_step=month_ends).run(held)
        assert outcomes(steps) == {"served": 1, "release": 1, "abandon": 1}
        query(dsn, "UPDATE quota.holds SET expires_at = now() - interval '1 minute' WHERE state = 'open'")
        assert query(dsn, "SELECT metering.expire_next(5)") == [(True,)]
    rows = query(dsn, "SELECT DISTINCT window_start::date::text FROM quota.windows")
    assert rows == [("2027-01-01",)]
    assert window(dsn, context.organization_id, Meter.MESSAGES) == (1, 0)
    assert window(dsn, context.organization_id, Meter.COST) == (5, 0)
    assert_books_agree(dsn)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("repeat", REPEATS)
def test_plans_go_up_and_down_in_flight(migrated_database, repeat):
    """Never below zero, and never above the highest limit that held; a lowered one only refuses."""
    dsn = migrated_database.superuser_dsn
    context = new_organization(migrated_database)

    def change(messages):
        return lambda: limit(dsn, context.organization_id, {"messages": messages})

    change(K)()
    on_step = after([20, 40, 90, 130], change(10), change(K + 20), change(None), change(K))
    tasks = [replace(task, pause_s=0.001) for task in tasks_of(context, N, {Meter.MESSAGES: 1})]
    steps = Processes(migrated_database, on_step=on_step).run(tasks)
    committed, reserved = window(dsn, context.organization_id, Meter.MESSAGES)
    assert reserved == 0
    assert committed == outcomes(steps)["served"]
    # 20 of the first limit, none of the second but what was running, all while there was no limit.
    assert 20 + 40 <= committed <= N - 20
    assert refusals(steps) == N - committed
    # What came in while there was no limit counts: the old limit lets nobody in until it covers all of it.
    change(committed + 3)()
    assert outcomes(Processes(migrated_database).run(tasks[:8])) == {"served": 3, "QUOTA_EXCEEDED": 5}
    assert query(dsn, OVERDRAWN) == [(0,)]
    assert_books_agree(dsn)


@pytest.mark.timeout(120)
def test_redis_flushed_and_stopped_changes_nothing_of_the_quota(migrated_database, redis_server):
    """C4: rates are counted in Redis, the quota is not; it stays exact while Redis forgets and is away."""
    dsn = migrated_database.superuser_dsn
    context = new_organization(migrated_database)
    limit(dsn, context.organization_id, {"messages": K})
    redis = Redis(port=redis_server.port, password=redis_server.password)
    on_step = after([30, 50, 150], redis.flushall, redis_server.stop, redis_server.start)
    address = redis_server.port, redis_server.password
    processes = Processes(migrated_database, on_step=on_step, redis=address)
    try:
        steps = processes.run(tasks_of(context, N, {Meter.MESSAGES: 1}))
    finally:
        if not redis_server.engine.ready():
            redis_server.start()
    assert outcomes(steps) == {"served": K, "QUOTA_EXCEEDED": N - K}
    assert_books_agree(dsn)
