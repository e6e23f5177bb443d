"""Workers that are killed, run out of time, or are several: no result is lost, none counts twice."""

import asyncio
import itertools
import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import psycopg
import pytest

from footnote.evaluation import Creation, NewRun, RunState
from footnote.evaluation.charging import bounds
from footnote.evaluation.evaluations import Runs, golden_question
from footnote.platform.errors import InvalidRequest
from footnote.platform.ids import new_id
from footnote.platform.settings import Settings
from footnote.quota import BudgetExceeded, Meter
from footnote.stores.postgres.evaluation_runs import PostgresRunStore
from footnote.stores.postgres.evaluation_sets import PostgresGoldenSetStore
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.evaluation_worker import MEASURED, USED, SlowSubject, evaluator, quota_of
from tests.support.kill_points import Cancelling
from tests.support.metering import PRICES, assert_metering_is_exact, committed_of, entitle
from tests.support.organizations import new_organization, open_database

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
async def database(migrated_database):
    database = open_database(migrated_database)
    yield database
    await database.close()


@pytest.fixture
def runs(database):
    return PostgresRunStore(database)


@pytest.fixture
def queued(database, runs):
    """Queues a run of so many questions."""

    async def queued(context, questions, **overrides):
        sets, set_id = PostgresGoldenSetStore(database), new_id()
        await sets.create_set(context, (set_id, f"{set_id}", ""), Creation(), 50)
        asked = [golden_question(set_id, f"{number}?", (), unanswerable=True) for number in range(questions)]
        await sets.replace_questions(context, set_id, asked)
        new = NewRun(new_id(), set_id, "", overrides, "d")
        return (await runs.create_run(context, new, Creation(), most=50, most_open=9))[0]

    return queued


async def test_a_run_goes_on_where_a_killed_worker_was(migrated_database, database, runs, queued, tmp_path):
    context = new_organization(migrated_database)
    run = await queued(context, 30)
    log = tmp_path / "asked"
    arguments = [migrated_database.host, str(migrated_database.port), migrated_database.name]
    worker = subprocess.Popen(
        [
            sys.executable, "-m", "tests.support.evaluation_worker", *arguments,
            migrated_database.passwords["footnote_app"], str(log),
        ],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'layers' / 'core'}:{ROOT}", "PATH": "/usr/bin"},
    )  # fmt: skip
    try:
        while (at_kill := (await runs.get_run(context, run.id)).done) < 5:
            assert worker.poll() is None
            await asyncio.sleep(0.05)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    stopped = await runs.get_run(context, run.id)
    assert stopped.state is RunState.RUNNING
    assert at_kill <= stopped.done < 30
    asked_before = log.read_text().split()
    assert (await evaluator(database, 0.0, log).work(5))["questions"] == 0  # the lease still holds
    await asyncio.sleep(1.1)
    done = await evaluator(database, 0.0, log).work(30)
    assert done == {"questions": 30 - stopped.done, "completed": 1, "failed": 0}
    # Each question is charged once; what the killed worker was at stands in the internal ledger.
    dsn = migrated_database.superuser_dsn
    assert_metering_is_exact(dsn, context.organization_id, at_rest=True)
    assert committed_of(dsn, context.organization_id)["output_tokens"] == 30 * USED["output_tokens"]
    finished = await runs.get_run(context, run.id)
    assert (finished.state, finished.done) == (RunState.COMPLETED, 30)
    assert finished.summary.metrics["abstention_recall"].n == 30
    asked = Counter(log.read_text().split())
    assert len(asked) == 30
    assert sum(asked.values()) - 30 <= 1  # at most the question it was at is asked again
    assert len(asked_before) - stopped.done <= 1


@pytest.fixture
def used(migrated_database):
    """What an organization has used by now, which is what its ledgers say."""

    def read(context):
        dsn = migrated_database.superuser_dsn
        assert_metering_is_exact(dsn, context.organization_id, at_rest=True)
        return committed_of(dsn, context.organization_id)

    return read


@pytest.fixture
def limit(migrated_database):
    """Gives an organization limits, or a budget."""

    def give(context, limits, **terms):
        entitle(migrated_database.superuser_dsn, context.organization_id, json.dumps(limits), **terms)

    return give


async def test_each_question_is_charged_with_its_result(migrated_database, database, queued, used):
    context = new_organization(migrated_database)
    run = await queued(context, 3)
    await evaluator(database, 0.001, None).work(20)
    found = used(context)
    assert {kind: found[kind] for kind in USED} == {kind: 3 * units for kind, units in USED.items()}
    with psycopg.connect(migrated_database.superuser_dsn) as connection:
        rows = connection.execute(
            "SELECT DISTINCT feature, user_id, attempt FROM quota.usage_ledger WHERE organization_id = %s",
            (context.organization_id,),
        ).fetchall()
        (prompts,) = connection.execute(
            "SELECT sum(cost_micro_usd)::int FROM quota.usage_ledger"
            " WHERE organization_id = %s AND meter = 'input_tokens'",
            (context.organization_id,),
        ).fetchone()
    assert rows == [("evaluation", run.created_by, 1)]
    # Tokens that the server had kept are not paid twice.
    assert prompts == 3 * PRICES.cost(Meter.INPUT_TOKENS, "model", 900 - 400)


async def test_a_run_waits_where_a_limit_is_reached_and_goes_on(
    migrated_database, database, runs, queued, limit, used
):
    context = new_organization(migrated_database)
    other = new_organization(migrated_database)
    run, unlimited = await queued(context, 6), await queued(other, 2)
    # Room for the estimate of one answer beside two that were given.
    question = golden_question(new_id(), "?", (), unanswerable=True)
    estimate = bounds(MEASURED, question).units(PRICES)[Meter.OUTPUT_TOKENS]
    limit(context, {"output_tokens": estimate + 3 * USED["output_tokens"] - 1})
    worker = evaluator(database, 0.0, None)
    done = await worker.work(20)
    assert done == {"questions": 5, "completed": 1, "failed": 0}
    paused = await runs.get_run(context, run.id)
    assert (paused.state, paused.done, paused.failure) == (RunState.RUNNING, 3, None)
    assert "output tokens, which are used up. It begins anew at" in paused.paused
    assert (await runs.get_run(other, unlimited.id)).state is RunState.COMPLETED
    assert (await worker.work(5))["questions"] == 0, "it is looked at again before its time"
    # Half of the way, and however often it is tried, it does not fail.
    with psycopg.connect(migrated_database.superuser_dsn, autocommit=True) as connection:
        for _ in range(5):
            connection.execute("UPDATE evaluation.runs SET leased_until = now()")
            assert (await worker.work(5))["failed"] == 0
        limit(context, {"output_tokens": 100_000})
        connection.execute("UPDATE evaluation.runs SET leased_until = now()")
    await worker.work(20)
    finished = await runs.get_run(context, run.id)
    assert (finished.state, finished.done, finished.paused) == (RunState.COMPLETED, 6, None)
    assert used(context)["output_tokens"] == 6 * USED["output_tokens"]


@pytest.mark.parametrize("stage", ["hard", "emergency"])
async def test_a_budget_that_is_nearly_spent_switches_evaluations_off(
    migrated_database, database, runs, queued, limit, used, stage
):
    context = new_organization(migrated_database)
    run = await queued(context, 2)
    service = Runs(runs, PostgresQuotaStore(database, "enterprise"), Settings(environment="test"))
    asked = (context, run.set_id, "", {}, Creation("a key", "its request"))
    started, _ = await service.start(*asked)
    limit(context, {}, stage=stage)
    # What was started before is told again; its key starts nothing else.
    assert await service.start(*asked) == (started, False)
    with pytest.raises(InvalidRequest, match="was used for another request"):
        await service.start(*asked[:-1], Creation("a key", "another one"))
    await runs.cancel_run(context, started.id)
    await evaluator(database, 0.0, None).work(5)
    paused = await runs.get_run(context, run.id)
    assert (paused.state, paused.done) == (RunState.RUNNING, 0)
    assert "An owner of the organization can raise it." in paused.paused
    assert used(context) == {}
    with pytest.raises(BudgetExceeded) as caught:
        await service.start(context, run.set_id, "", {}, Creation())
    assert (caught.value.status, caught.value.details["stage"]) == (429, stage)
    limit(context, {}, stage="soft")
    await service.start(context, run.set_id, "", {}, Creation())
    with psycopg.connect(migrated_database.superuser_dsn, autocommit=True) as connection:
        connection.execute("UPDATE evaluation.runs SET leased_until = now()")
    assert (await evaluator(database, 0.0, None).work(20))["completed"] == 2


async def test_a_paused_run_can_be_cancelled(migrated_database, database, runs, queued, limit):
    context = new_organization(migrated_database)
    run = await queued(context, 2)
    limit(context, {}, cost_limit=0)
    await evaluator(database, 0.0, None).work(5)
    assert "spending has reached the budget" in (await runs.get_run(context, run.id)).paused
    cancelled = await runs.cancel_run(context, run.id)
    assert (cancelled.state, cancelled.paused, cancelled.failure) == (RunState.CANCELLED, None, None)


async def test_an_invocation_ends_in_time_and_hands_on(migrated_database, database, runs, queued):
    context = new_organization(migrated_database)
    run = await queued(context, 20)
    invocations = 0
    while (await runs.get_run(context, run.id)).state is not RunState.COMPLETED:
        done = await evaluator(database, 0.02, None).work(0.1)
        assert done["questions"] < 20
        invocations += 1
        assert invocations < 40
    assert invocations > 1
    assert (await runs.get_run(context, run.id)).done == 20


async def test_organizations_take_turns(migrated_database, database, runs, queued):
    first, second = (new_organization(migrated_database) for _ in range(2))
    long, short = await queued(first, 40), await queued(second, 3)
    worker = evaluator(database, 0.02, None, slice_s=0.1)
    await worker.work(0.5)
    assert (await runs.get_run(second, short.id)).state is RunState.COMPLETED
    assert 0 < (await runs.get_run(first, long.id)).done < 40


async def test_several_workers_share_the_runs(migrated_database, runs, queued, tmp_path):
    context = new_organization(migrated_database)
    ids = [(await queued(context, 5)).id for _ in range(4)]
    log = tmp_path / "asked"
    databases = [open_database(migrated_database) for _ in range(3)]
    done = await asyncio.gather(*(evaluator(each, 0.01, log).work(20) for each in databases))
    assert sum(each["questions"] for each in done) == 20
    assert sum(each["completed"] for each in done) == 4
    assert len(log.read_text().split()) == 20
    for run_id in ids:
        assert (await runs.get_run(context, run_id)).state is RunState.COMPLETED
    for each in databases:
        await each.close()


async def test_a_cancelled_run_is_left_at_once(migrated_database, database, runs, queued):
    context = new_organization(migrated_database)
    run = await queued(context, 50)
    other = open_database(migrated_database)
    work = asyncio.create_task(evaluator(other, 0.02, None).work(30))
    while not (await runs.get_run(context, run.id)).done:
        await asyncio.sleep(0.02)
    await runs.cancel_run(context, run.id)
    done = await work
    assert done["completed"] == 0
    assert (await runs.get_run(context, run.id)).state is RunState.CANCELLED
    await other.close()


async def test_a_question_whose_run_is_cancelled_meanwhile_is_paid_by_the_platform(
    migrated_database, database, runs, queued, used
):
    """No result is stored, so nothing is charged; and nothing stays reserved."""
    context = new_organization(migrated_database)
    run = await queued(context, 2)
    other = open_database(migrated_database)
    work = asyncio.create_task(evaluator(other, 0.5, None).work(30))
    with psycopg.connect(migrated_database.superuser_dsn, autocommit=True) as connection:
        names = (context.organization_id,)
        async with asyncio.timeout(20):
            while not connection.execute(
                "SELECT 1 FROM quota.holds WHERE organization_id = %s AND state = 'open'", names
            ).fetchone():
                await asyncio.sleep(0.01)
        await runs.cancel_run(context, run.id)
        assert (await work)["questions"] == 0
        (internal,) = connection.execute(
            "SELECT sum(cost_micro_usd)::int FROM quota.cost_ledger"
            " WHERE organization_id = %s AND source = 'released'",
            names,
        ).fetchone()
    assert used(context) == {"cost": internal}
    assert internal > 0
    await other.close()


@pytest.mark.parametrize("again", [False, True], ids=["once", "again and again"])
async def test_a_worker_that_is_cancelled_anywhere_leaves_no_hold(
    migrated_database, database, runs, queued, used, again
):
    context = new_organization(migrated_database)
    run = await queued(context, 1)
    for moment in itertools.count():
        cancelling = Cancelling(moment, again=again)
        wrapped = {"store": cancelling.wrap(runs), "quota": cancelling.wrap(quota_of(database))}
        await cancelling.run(evaluator(database, 0.0, None, **wrapped).work(10))
        used(context)  # exact, and nothing is reserved
        found = await runs.get_run(context, run.id)
        if found.state is RunState.COMPLETED:
            break
        with psycopg.connect(migrated_database.superuser_dsn, autocommit=True) as connection:
            connection.execute("UPDATE evaluation.runs SET leased_until = now(), attempts = 0")
    assert moment > 10
    assert used(context)["input_tokens"] == USED["input_tokens"]


async def test_a_question_that_takes_its_worker_down_ends_the_run(migrated_database, database, runs, queued):
    context = new_organization(migrated_database)
    run, fine = await queued(context, 3), await queued(context, 2)
    for _ in range(3):
        await runs.claim(context, run.id, 0)  # and nothing more is heard of the worker
    await evaluator(database, 0.0, None).work(5)
    failed = await runs.get_run(context, run.id)
    assert failed.state is RunState.FAILED
    assert "3 times" in failed.failure
    assert (await runs.get_run(context, fine.id)).state is RunState.COMPLETED


async def test_a_defect_keeps_no_other_run_waiting(migrated_database, database, runs, queued):
    context = new_organization(migrated_database)
    broken, fine = await queued(context, 1, broken=True), await queued(context, 1)

    class Broken(SlowSubject):
        async def search(self, context, query, history):
            raise ZeroDivisionError

    worker = evaluator(database, 0.0, None, retry_s=0.0)
    worker._subjects = lambda overrides: Broken(0.0) if overrides else SlowSubject(0.0)
    await worker.work(10)
    assert (await runs.get_run(context, fine.id)).state is RunState.COMPLETED
    failed = await runs.get_run(context, broken.id)
    assert failed.state is RunState.FAILED
    assert "internal error" in failed.failure
