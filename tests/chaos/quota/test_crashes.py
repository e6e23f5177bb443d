"""C3, C3b: processes and servers that die in the middle (reliability.md, 3.2)."""

import itertools
import os
import random
import signal
import time
from contextlib import suppress
from dataclasses import replace

import psycopg
import pytest

from footnote.quota import Meter
from tests.support.organizations import new_organization
from tests.support.quota import (
    NIGHTLY,
    assert_books_agree,
    let_time_of_holds_pass,
    limit,
    query,
    window,
)
from tests.support.quota_history import check_history
from tests.support.quota_workers import KillPoint, Processes, outcomes, tasks_of

KILLS = 20
REQUESTS, K = (500, 100) if NIGHTLY else (100, 40)


def keyed_tasks(context, count):
    tasks = tasks_of(context, count, {Meter.MESSAGES: 1, Meter.COST: 3})
    return [replace(task, key=f"key {task.number}") for task in tasks]


def charged_numbers(dsn):
    """Which tasks are in the ledger: by the answer that was kept with each."""
    rows = query(
        dsn,
        "SELECT h.response ->> 'answer', l.units FROM quota.usage_ledger l"
        " JOIN quota.holds h USING (organization_id, hold_id, attempt) WHERE l.meter = 'messages'",
    )
    assert all(units == 1 for _, units in rows)
    return [int(answer.split()[0]) for answer, _ in rows]


def sweep(database):
    """What the job of every minute does with holds."""
    with psycopg.connect(database.dsn("footnote_jobs"), autocommit=True) as connection:
        ended = 0
        while connection.execute("SELECT metering.expire_next(5)").fetchone() == (True,):
            ended += 1
    return ended


def settle_down(database, context, steps, tasks):
    """TTL and a minute later: the sweeper ends what was left, and whoever has no answer asks once more."""
    let_time_of_holds_pass(database.superuser_dsn)
    sweep(database)
    assert query(database.superuser_dsn, "SELECT count(*) FROM quota.holds WHERE state = 'open'") == [(0,)]
    assert window(database.superuser_dsn, context.organization_id, Meter.MESSAGES)[1] == 0
    assert_books_agree(database.superuser_dsn)
    served = {step.number for step in steps if step.kind == "ok"}
    rest = [replace(task, kill_at=None) for task in tasks if task.number not in served]
    return [*steps, *Processes(database).run(rest)]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", KillPoint)
def test_a_process_that_dies_at_any_point_costs_and_loses_nothing(migrated_database, point):
    dsn = migrated_database.superuser_dsn
    context = new_organization(migrated_database)
    limit(dsn, context.organization_id, {"messages": K})
    tasks = keyed_tasks(context, REQUESTS)
    # Those that die come before the limit can be reached: later ones might be refused before they get so far.
    first = 36
    fatal = {number for number in range(first) if number % 9 < 5}
    tasks = [replace(task, kill_at=point) if task.number in fatal else task for task in tasks]
    steps = [
        step for part in (tasks[:first], tasks[first:]) for step in Processes(migrated_database).run(part)
    ]
    died = sum(step.kind == "invoke" for step in steps) - REQUESTS
    assert died == (0 if point is KillPoint.BACKEND_TERMINATED_IN_SETTLE else KILLS)
    steps = settle_down(migrated_database, context, steps, tasks)
    charged = charged_numbers(dsn)
    told = check_history(steps, charged, K)
    assert told["confirmed"] == len(charged) == K
    assert window(dsn, context.organization_id, Meter.MESSAGES) == (K, 0)
    assert_books_agree(dsn)


@pytest.mark.timeout(120)
def test_abandoned_hold_expires(migrated_database):
    """What a dead process had reserved is free again: not before its time, and entirely after it."""
    dsn = migrated_database.superuser_dsn
    context = new_organization(migrated_database)
    limit(dsn, context.organization_id, {"messages": 10})
    tasks = tasks_of(context, 10, {Meter.MESSAGES: 1, Meter.COST: 7}, end="abandon")
    assert outcomes(Processes(migrated_database).run(tasks)) == {"abandon": 10}
    more = tasks_of(context, 4, {Meter.MESSAGES: 1})
    assert outcomes(Processes(migrated_database).run(more)) == {"QUOTA_EXCEEDED": 4}
    assert sweep(migrated_database) == 0
    let_time_of_holds_pass(dsn)
    assert sweep(migrated_database) == 10
    assert window(dsn, context.organization_id, Meter.MESSAGES) == (0, 0)
    # The customer pays nothing; the budget sees what the dead ones may have cost.
    assert query(dsn, "SELECT count(*) FROM quota.usage_ledger") == [(0,)]
    assert query(dsn, "SELECT sum(cost_micro_usd), count(*) FROM quota.cost_ledger") == [(70, 10)]
    assert window(dsn, context.organization_id, Meter.COST) == (70, 0)
    again = tasks_of(context, 20, {Meter.MESSAGES: 1})
    assert outcomes(Processes(migrated_database).run(again)) == {"served": 10, "QUOTA_EXCEEDED": 10}
    assert_books_agree(dsn)


def backends(dsn):
    return [
        pid
        for (pid,) in query(
            dsn,
            "SELECT pid FROM pg_stat_activity"
            " WHERE usename = 'footnote_app' AND datname = current_database()",
        )
    ]


def wait_until_ready(cluster):
    """Until the server answers, and goes on to: it may not know yet that a backend of its was killed."""
    deadline = time.monotonic() + 30
    answers = 0
    while answers < 4:
        assert time.monotonic() < deadline
        answers = answers + 1 if cluster.engine.ready() else 0
        time.sleep(0.05)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(3 if NIGHTLY else 1))
def test_backends_killed_and_terminated_leave_exact_books(durable_cluster, durable_database, seed):
    """SIGKILL of a backend: PostgreSQL recovers as after a crash of the whole server."""
    dsn = durable_database.superuser_dsn
    context = new_organization(durable_database)
    limit(dsn, context.organization_id, {"messages": K})
    chance = random.Random(seed)
    kinds = itertools.cycle([signal.SIGKILL, signal.SIGTERM, signal.SIGTERM])
    struck = []

    def strike(step):
        told = next(counter)
        if told % 40 == 0:
            with suppress(
                psycopg.OperationalError, ProcessLookupError
            ):  # it still recovers from the last one
                for pid in chance.sample(found := backends(dsn), min(1, len(found))):
                    os.kill(pid, next(kinds))
                    struck.append(pid)

    counter = itertools.count(1)
    tasks = [replace(task, pause_s=0.01, back_off_s=0.1) for task in keyed_tasks(context, 300)]
    steps = Processes(durable_database, on_step=strike).run(tasks)
    assert len(struck) >= 3
    wait_until_ready(durable_cluster)
    steps = settle_down(durable_database, context, steps, tasks)
    charged = charged_numbers(dsn)
    told = check_history(steps, charged, K)
    assert told["confirmed"] == len(charged) == K
    assert_books_agree(dsn)


@pytest.mark.timeout(300)
def test_a_restart_of_the_server_in_the_middle_loses_nothing(durable_cluster, durable_database):
    dsn = durable_database.superuser_dsn
    context = new_organization(durable_database)
    limit(dsn, context.organization_id, {"messages": K})
    told = []

    def restart(step):
        told.append(step)
        if len(told) == 40:
            durable_cluster.engine.stop()
            durable_cluster.engine.start()

    tasks = [replace(task, pause_s=0.005) for task in keyed_tasks(context, 200)]
    steps = Processes(durable_database, on_step=restart).run(tasks)
    wait_until_ready(durable_cluster)
    steps = settle_down(durable_database, context, steps, tasks)
    charged = charged_numbers(dsn)
    assert check_history(steps, charged, K)["confirmed"] == len(charged) == K
    assert_books_agree(dsn)


@pytest.mark.timeout(120)
def test_pg_down_is_503_never_200(durable_cluster, durable_database):
    """Nothing is served while nobody can say what may be used; afterwards nothing of it was charged."""
    context = new_organization(durable_database)
    limit(durable_database.superuser_dsn, context.organization_id, {"messages": 1000})
    tasks = keyed_tasks(context, 40)
    durable_cluster.engine.stop()
    try:
        steps = Processes(durable_database).run(tasks)
    finally:
        durable_cluster.engine.start()
        wait_until_ready(durable_cluster)
    assert outcomes(steps) == {"QUOTA_UNAVAILABLE": 40}
    assert {step.details[0] for step in steps if step.kind == "fail"} == {503}
    assert query(durable_database.superuser_dsn, "SELECT count(*) FROM quota.holds") == [(0,)]
    assert outcomes(Processes(durable_database).run(tasks)) == {"served": 40}
    assert_books_agree(durable_database.superuser_dsn)
