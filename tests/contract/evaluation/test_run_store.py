"""`RunStore` and `RunQueue` on Postgres: leases, fences, resuming."""

import asyncio
from datetime import UTC, datetime

import pytest

from footnote.evaluation import (
    Condition,
    Creation,
    Gate,
    NewRun,
    QuestionResult,
    RunState,
    summarise,
)
from footnote.platform.errors import Conflict, InvalidRequest, NotFound
from footnote.platform.ids import new_id

LEASE_S = 60


def scored(pending):
    question = pending.question
    return QuestionResult(str(question.id), question.text, {"turn": "first turn"}, {"ndcg@10": 0.5}, False)


async def claim(stores, context, run, lease_s=LEASE_S):
    return await stores.runs.claim(context, run.id, lease_s)


async def save_all(stores, context, lease):
    for pending in await stores.runs.pending(context, lease.run.id, 100):
        await stores.runs.save(context, lease, pending.position, scored(pending), LEASE_S)


async def test_a_run_asks_the_questions_of_its_beginning(stores, context, make_run):
    run = await make_run(context, questions=2, fusion="rrf")
    assert (run.state, run.total, run.done, run.set_revision) == (RunState.QUEUED, 2, 0, 1)
    assert run.overrides == {"fusion": "rrf"}
    await stores.sets.replace_questions(context, run.set_id, [])
    lease = await claim(stores, context, run)
    pending = await stores.runs.pending(context, run.id, 10)
    assert [(one.position, one.question.text) for one in pending] == [(1, "Question 1?"), (2, "Question 2?")]
    assert (lease.run.state, lease.fence, lease.attempts) == (RunState.RUNNING, 1, 1)


async def test_a_run_is_completed_once_every_result_is_there(stores, context, make_run):
    run = await make_run(context)
    lease = await claim(stores, context, run)
    summary = summarise([])
    with pytest.raises(Conflict):
        await stores.runs.finish(context, lease, summary)
    await save_all(stores, context, lease)
    results = await stores.runs.all_results(context, run.id)
    assert [result.text for result in results] == ["Question 1?", "Question 2?", "Question 3?"]
    await stores.runs.finish(context, lease, summarise(results))
    done = await stores.runs.get_run(context, run.id)
    assert (done.state, done.done, done.summary.metrics["ndcg@10"].value) == (RunState.COMPLETED, 3, 0.5)
    assert done.finished_at >= done.started_at >= done.created_at
    assert await claim(stores, context, run) is None


async def test_only_one_worker_has_a_run(stores, context, make_run):
    run = await make_run(context)
    leases = await asyncio.gather(*(claim(stores, context, run) for _ in range(5)))
    assert sum(lease is not None for lease in leases) == 1


async def test_a_lost_lease_writes_nothing_more(stores, context, make_run):
    run = await make_run(context)
    first = await claim(stores, context, run, lease_s=0)
    (pending, *_) = await stores.runs.pending(context, run.id, 1)
    second = await claim(stores, context, run)
    assert (second.fence, second.attempts) == (2, 2)
    with pytest.raises(Conflict):
        await stores.runs.save(context, first, pending.position, scored(pending), LEASE_S)
    await stores.runs.give_back(context, first)
    await stores.runs.fail(context, first, "late")
    assert (await stores.runs.get_run(context, run.id)).state is RunState.RUNNING
    assert await stores.runs.results(context, run.id, after=0, limit=9) == []
    await save_all(stores, context, second)
    assert (await stores.runs.get_run(context, run.id)).done == 3


async def test_a_result_counts_once(stores, context, make_run):
    run = await make_run(context)
    lease = await claim(stores, context, run)
    (pending, *_) = await stores.runs.pending(context, run.id, 1)
    for _ in range(2):
        await stores.runs.save(context, lease, pending.position, scored(pending), LEASE_S)
    assert (await stores.runs.get_run(context, run.id)).done == 1
    assert [one.position for one in await stores.runs.pending(context, run.id, 9)] == [2, 3]


async def test_progress_forgets_attempts(stores, context, make_run):
    run = await make_run(context)
    for attempt in (1, 2):
        assert (await claim(stores, context, run, lease_s=0)).attempts == attempt
    lease = await claim(stores, context, run)
    (pending, *_) = await stores.runs.pending(context, run.id, 1)
    await stores.runs.save(context, lease, pending.position, scored(pending), 0)
    assert (await claim(stores, context, run)).attempts == 2  # the one since the last result, and this one


async def test_a_run_that_is_given_back_is_due_again(stores, context, make_run):
    run = await make_run(context)
    assert (context.organization_id, run.id) in await stores.runs.due(100)
    lease = await claim(stores, context, run)
    assert (context.organization_id, run.id) not in await stores.runs.due(100)
    await stores.runs.give_back(context, lease)
    assert (context.organization_id, run.id) in await stores.runs.due(100)
    again = await claim(stores, context, run)
    assert again.attempts == 1
    await stores.runs.give_back(context, again, 0.0)
    failed_once = await claim(stores, context, run)
    assert failed_once.attempts == 2
    await stores.runs.give_back(context, failed_once, 30.0)
    assert await claim(stores, context, run) is None


async def test_a_cancelled_run_stops_its_worker(stores, context, make_run):
    run = await make_run(context)
    lease = await claim(stores, context, run)
    (pending, *_) = await stores.runs.pending(context, run.id, 1)
    assert (await stores.runs.cancel_run(context, run.id)).state is RunState.CANCELLED
    with pytest.raises(Conflict):
        await stores.runs.save(context, lease, pending.position, scored(pending), LEASE_S)
    assert (await stores.runs.cancel_run(context, run.id)).state is RunState.CANCELLED
    assert await claim(stores, context, run) is None


async def test_a_failed_run_says_why(stores, context, make_run):
    run = await make_run(context)
    await stores.runs.fail(context, await claim(stores, context, run), "The reason.")
    failed = await stores.runs.get_run(context, run.id)
    assert (failed.state, failed.failure) == (RunState.FAILED, "The reason.")


async def test_runs_are_listed_newest_first_and_paged(stores, context, make_run, make_set):
    set_id = await make_set(context)
    runs = [await make_run(context, set_id=set_id) for _ in range(3)]
    await make_run(context)
    page = await stores.runs.runs(context, set_id=set_id, before=None, limit=2)
    assert [run.id for run in page] == [runs[2].id, runs[1].id]
    keyset = (page[-1].created_at, page[-1].id)
    rest = await stores.runs.runs(context, set_id=set_id, before=keyset, limit=2)
    assert [run.id for run in rest] == [runs[0].id]
    assert len(await stores.runs.runs(context, set_id=None, before=None, limit=9)) == 4


async def test_creation_is_limited_and_idempotent(stores, context, make_run, make_set):
    set_id = await make_set(context)
    first = await make_run(context, set_id=set_id, key="k")
    assert (await make_run(context, set_id=set_id, key="k")).id == first.id
    with pytest.raises(Conflict, match="1 runs wait"):
        await make_run(context, set_id=set_id, most_open=1)
    with pytest.raises(Conflict, match="at most 1 runs"):
        await make_run(context, set_id=set_id, most=1)
    other = NewRun(new_id(), set_id, "", {}, "digest")
    with pytest.raises(InvalidRequest, match="Idempotency-Key"):
        await stores.runs.create_run(context, other, Creation("k", "another"), most=50, most_open=10)
    with pytest.raises(Conflict, match="no questions"):
        await make_run(context, questions=0)
    with pytest.raises(NotFound):
        await make_run(context, set_id=new_id())


async def test_another_organization_sees_and_changes_nothing(stores, context, stranger, make_run):
    run = await make_run(context)
    foreign = NewRun(new_id(), run.set_id, "", {}, "d")
    for refused in (
        stores.runs.get_run(stranger, run.id),
        stores.runs.cancel_run(stranger, run.id),
        stores.runs.results(stranger, run.id, after=0, limit=5),
        stores.runs.delete_run(stranger, run.id),
        stores.runs.create_run(stranger, foreign, Creation(), most=50, most_open=10),
    ):
        with pytest.raises(NotFound):
            await refused
    assert await claim(stores, stranger, run) is None
    assert await stores.runs.pending(stranger, run.id, 5) == []
    assert await stores.runs.runs(stranger, set_id=run.set_id, before=None, limit=5) == []


async def test_deleting_a_set_takes_its_runs(stores, context, make_run):
    run = await make_run(context)
    lease = await claim(stores, context, run)
    await stores.sets.delete_set(context, run.set_id)
    with pytest.raises(NotFound):
        await stores.runs.get_run(context, run.id)
    with pytest.raises(Conflict):
        await stores.runs.finish(context, lease, summarise([]))


async def test_a_run_that_has_ended_can_be_deleted(stores, context, make_run):
    run = await make_run(context)
    with pytest.raises(Conflict, match="Cancel it first"):
        await stores.runs.delete_run(context, run.id)
    await stores.runs.cancel_run(context, run.id)
    gate = Gate(new_id(), run.set_id, "g", (Condition("map", minimum=0),), run.id, None, datetime.now(UTC))
    await stores.gates.create_gate(context, gate, Creation(), 9)
    with pytest.raises(Conflict, match="baseline"):
        await stores.runs.delete_run(context, run.id)
    await stores.gates.delete_gate(context, gate.id)
    await stores.runs.delete_run(context, run.id)
    for method in (stores.runs.get_run, stores.runs.delete_run):
        with pytest.raises(NotFound):
            await method(context, run.id)
