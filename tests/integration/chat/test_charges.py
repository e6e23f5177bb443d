"""Answers are charged exactly, with their turn, however a question ends; on real Postgres."""

import asyncio
import json
from contextlib import aclosing, suppress

import pytest
from starlette.requests import ClientDisconnect

from footnote.chat import ChatQuestion, Done, Repeated, Token, Usage
from footnote.models import FallbackGenerator
from footnote.models import Usage as ModelUsage
from footnote.platform.errors import Conflict, ModelUnavailable, NotFound, ServiceUnavailable
from footnote.platform.ids import new_id
from footnote.quota import (
    BudgetExceeded,
    IdempotencyKeyReused,
    Meter,
    QuotaExceeded,
    QuotaUnavailable,
    RequestInProgress,
)
from footnote.stores.postgres.quota import PostgresQuotaStore
from functions.chat.streaming import EventStreamResponse, frames
from tests.support.charging import answer_charges, books_of
from tests.support.chat import QUESTION, ScriptedGenerator, answer_of, events_of, finished, model
from tests.support.metering import PRICES, end_holds, entitle
from tests.support.organizations import new_member

TOLD = ("The lighthouse of Farol was built in 1912 [1]. ", "It is forty metres high [1].")
USED = ModelUsage(200, 30, 120)


@pytest.fixture
def make_paid_chat(make_chat, database):
    def make(grounded=None, *, plan="enterprise", store=None, **options):
        return make_chat(grounded, charges=answer_charges(database, plan, store), **options)

    return make


@pytest.fixture
def books(module_database, knowing):
    return lambda: books_of(module_database.superuser_dsn, knowing.organization_id)


@pytest.fixture
def limit(module_database, knowing):
    """Gives the organization limits of its own."""

    def limit(limits=None, **terms):
        entitle(module_database.superuser_dsn, knowing.organization_id, json.dumps(limits or {}), **terms)

    return limit


async def stored_turns(conversations, context):
    """The answers that are kept, with their texts and metadata."""
    sessions = await conversations.sessions(context, before=None, limit=200)
    found = []
    for session in sessions:
        found += await conversations.messages(context, session.id, after=0, limit=200)
    return [message for message in found if message.actor == "assistant"]


async def left_after(chat, context, count, **options):
    """Streams a question and leaves after so many events; which they were."""
    seen = []
    async with aclosing(chat.orchestrator.stream(context, ChatQuestion(QUESTION), **options)) as events:
        async for event in events:
            seen.append(event)
            if len(seen) == count:
                break
    return seen


async def events_of_key(chat, context, key):
    """All that is streamed for the question with an idempotency key."""
    return [event async for event in chat.orchestrator.stream(context, ChatQuestion(QUESTION), key=key)]


async def test_an_answer_tells_the_cost_that_is_in_the_ledger(make_paid_chat, knowing, conversations, books):
    events = await events_of(make_paid_chat(model(*TOLD, finished(usage=USED))), knowing)
    answer = events[-1].answer
    (stored,) = await stored_turns(conversations, knowing)
    found = books()
    told = answer.as_json()["metadata"]
    assert told["cost"] == found.cost
    assert stored.metadata["cost"] == found.cost
    assert (told["tokens_used"], told["limited_to_tokens"]) == (230, None)
    (usage,) = [event for event in events if isinstance(event, Usage)]
    assert usage == Usage(200, 30, 120, answer.metadata.cost)
    assert usage.data()["cost"] == found.cost
    assert found.units == {
        "messages": 1,
        "api_calls": 1,
        "input_tokens": 200,
        "cached_tokens": 120,
        "output_tokens": 30,
        "embedding_tokens": found.units["embedding_tokens"],
    }
    # 80 tokens as input and 120 as cached, by the prices of the tests, each line rounded up.
    assert (found.cost["input"], found.cost["cached"], found.cost["output"]) == (12, 9, 18)
    assert found.cost["embedding"] > 0
    assert found.units["embedding_tokens"] > 0
    assert found.holds == {"committed": 1}
    assert found.internal == {}


async def test_an_extractive_answer_is_counted_in_the_models_name(make_paid_chat, knowing, superuser):
    answer = await answer_of(make_paid_chat(), knowing)
    rows = superuser.execute(
        "SELECT meter, units FROM quota.usage_ledger WHERE organization_id = %s AND model = 'extractive'",
        (knowing.organization_id,),
    ).fetchall()
    units = dict(rows)
    assert set(units) == {"input_tokens", "output_tokens"}
    assert answer.metadata.tokens_used == sum(units.values())


async def test_a_model_that_failed_is_in_the_cost_of_the_answer_that_took_its_place(
    make_paid_chat, knowing, books
):
    def falling_back(extractive):
        return FallbackGenerator((ScriptedGenerator(TOLD[0], ModelUnavailable("down")), extractive))

    answer = await answer_of(make_paid_chat(falling_back), knowing)
    assert answer.metadata.model_used == "extractive"
    assert answer.as_json()["metadata"]["cost"] == books().cost


async def test_what_fails_is_charged_to_nobody(make_paid_chat, knowing, conversations, books):
    with pytest.raises(ModelUnavailable):
        await events_of(make_paid_chat(model(TOLD[0], ModelUnavailable("down"))), knowing)
    found = books()
    assert found.units == {}
    assert found.holds == {"released": 1}
    assert found.internal["released"] > 0
    assert await stored_turns(conversations, knowing) == []


async def test_a_turn_that_cannot_be_stored_is_not_charged(make_paid_chat, knowing, conversations, books):
    class Failing:
        def __getattr__(self, name):
            return getattr(conversations, name)

        async def append_turn(self, context, turn):
            raise ServiceUnavailable("The database cannot be reached right now.")

    with pytest.raises(ServiceUnavailable):
        await answer_of(make_paid_chat(conversations=Failing()), knowing)
    found = books()
    assert (found.units, found.holds) == ({}, {"released": 1})


async def test_a_session_of_nobody_costs_nothing(make_paid_chat, knowing, books):
    with pytest.raises(NotFound):
        await answer_of(make_paid_chat(), knowing, session_id=new_id())
    assert books().holds == {}


async def test_pg_down_is_503_never_200(make_paid_chat, database, knowing):
    class Down:
        async def reserve(self, context, request):
            raise ServiceUnavailable("The database cannot be reached right now.")

    asked = ScriptedGenerator(*TOLD, finished())
    with pytest.raises(QuotaUnavailable) as refused:
        await answer_of(make_paid_chat(lambda extractive: asked, store=Down()), knowing)
    assert (refused.value.status, refused.value.code) == (503, "QUOTA_UNAVAILABLE")
    assert asked.requests == []


async def test_disconnect_charges_input(make_paid_chat, knowing, conversations, books):
    scripted = ScriptedGenerator(*TOLD, finished(usage=USED))
    chat = make_paid_chat(lambda extractive: scripted)
    async with aclosing(chat.orchestrator.stream(knowing, ChatQuestion(QUESTION))) as events:
        async for event in events:
            if isinstance(event, Token):
                break
    (stored,) = await stored_turns(conversations, knowing)
    found = books()
    assert stored.metadata["interrupted"]
    assert stored.metadata["cost"] == found.cost
    assert stored.metadata["tokens_used"] == found.units["input_tokens"] + found.units["output_tokens"]
    assert found.units["input_tokens"] == len(QUESTION) // 4
    assert 0 < found.units["output_tokens"] < USED.output_tokens
    assert (found.units["messages"], found.holds, found.internal) == (1, {"committed": 1}, {})


async def test_a_client_that_leaves_does_not_meet_an_error_of_the_store(
    make_paid_chat, knowing, conversations, books
):
    """Nobody would read it, and the stream's producer would wait for a reader for ever."""

    class Failing:
        def __getattr__(self, name):
            return getattr(conversations, name)

        async def append_turn(self, context, turn):
            raise ServiceUnavailable("The database cannot be reached right now.")

    chat = make_paid_chat(model(*TOLD, finished(usage=USED)), conversations=Failing())
    await left_after(chat, knowing, 3)
    found = books()
    assert found.units["input_tokens"] == len(QUESTION) // 4
    assert "messages" not in found.units
    assert found.holds == {"committed": 1}


async def test_disconnect_before_the_first_word_charges_input(make_paid_chat, knowing, conversations, books):
    reached = asyncio.Event()

    async def hang():
        reached.set()
        await asyncio.sleep(60)

    chat = make_paid_chat(model(hang))
    task = asyncio.create_task(events_of(chat, knowing))
    await asyncio.wait_for(reached.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    found = books()
    assert found.units["input_tokens"] == len(QUESTION) // 4
    assert found.units["api_calls"] == 1
    assert "messages" not in found.units
    assert found.cost["input"] > 0
    assert found.holds == {"committed": 1}
    assert await stored_turns(conversations, knowing) == []


async def test_disconnect_before_a_model_was_asked_charges_nothing(make_paid_chat, knowing, books):
    await left_after(make_paid_chat(model(*TOLD, finished(usage=USED))), knowing, 1)
    found = books()
    assert (found.units, found.holds) == ({}, {"released": 1})
    assert found.internal["released"] > 0  # the question was embedded


@pytest.mark.parametrize("cancels", [False, True])
async def test_leaving_at_any_event_charges_what_was_stored_and_nothing_else(
    make_paid_chat, knowing, conversations, books, cancels
):
    """Whether the stream is closed or its task is cancelled."""
    whole = await events_of(make_paid_chat(model(*TOLD, finished(usage=USED))), knowing)
    for count in range(1, len(whole) + 1):
        chat = make_paid_chat(model(*TOLD, finished(usage=USED)))
        if cancels:
            reached = asyncio.Event()

            async def read(chat=chat, count=count, reached=reached):
                seen = 0
                async with aclosing(chat.orchestrator.stream(knowing, ChatQuestion(QUESTION))) as events:
                    async for _ in events:
                        seen += 1
                        if seen == count:
                            reached.set()
                            await asyncio.sleep(60)

            task = asyncio.create_task(read())
            await asyncio.wait_for(reached.wait(), 10)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        else:
            await left_after(chat, knowing, count)
        turns = await stored_turns(conversations, knowing)
        found = books()
        assert found.units["messages"] == len(turns)
        told = sum(turn.metadata["cost"]["total_micro_usd"] for turn in turns)
        assert told == found.cost["total_micro_usd"]
    assert len(turns) == len(whole)  # of those that were left, all but the first; and the one before them


@pytest.mark.parametrize("frame", ["http.response.start", "http.response.body"])
async def test_a_client_that_is_gone_before_a_frame_was_read_leaves_no_hold(
    make_paid_chat, knowing, books, frame
):
    """Nobody has begun to read the events then, and the process is frozen with the response."""
    chat = make_paid_chat(model(*TOLD, finished(usage=USED)))
    events = chat.orchestrator.stream(knowing, ChatQuestion(QUESTION))
    content = frames(await anext(events), events, request_id="r", keep_alive_s=12)

    async def send(message):
        if message["type"] == frame:
            raise OSError("the connection is closed")

    scope = {"type": "http", "asgi": {"spec_version": "2.4"}}
    with pytest.raises(ClientDisconnect):
        await EventStreamResponse(content, source=events)(scope, asyncio.Event().wait, send)
    assert books().holds == {"released": 1}


async def test_a_stream_that_is_cancelled_with_its_scope_is_charged(
    make_paid_chat, knowing, conversations, books
):
    """As servers tell that a client has left: everything within the response is cancelled at every await."""
    shown = asyncio.Event()

    async def hang():
        await asyncio.sleep(60)

    chat = make_paid_chat(model(TOLD[0], hang))
    events = chat.orchestrator.stream(knowing, ChatQuestion(QUESTION))
    content = frames(await anext(events), events, request_id="r", keep_alive_s=12)

    async def send(message):
        if b"event: token" in message.get("body", b""):
            shown.set()

    async def receive():
        await shown.wait()
        return {"type": "http.disconnect"}

    scope = {"type": "http", "asgi": {"spec_version": "2.3"}}
    await asyncio.wait_for(EventStreamResponse(content, source=events)(scope, receive, send), 20)
    (stored,) = await stored_turns(conversations, knowing)
    found = books()
    assert stored.metadata["interrupted"]
    assert (found.units["messages"], found.holds) == (1, {"committed": 1})


@pytest.mark.parametrize("times", [1, 3])
async def test_a_cancelled_admission_leaves_no_hold(make_paid_chat, database, knowing, books, times):
    real = PostgresQuotaStore(database, "enterprise")
    begun = asyncio.Event()

    class Slow:
        def __getattr__(self, name):
            return getattr(real, name)

        async def reserve(self, context, request):
            begun.set()
            await asyncio.sleep(0.05)
            return await real.reserve(context, request)

    task = asyncio.create_task(events_of(make_paid_chat(store=Slow()), knowing))
    await begun.wait()
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    found = books()
    assert (found.units, found.holds) == ({}, {"released": 1})


async def test_a_plan_bounds_the_answer_and_says_so(make_paid_chat, knowing, limit):
    limit({"tokens_per_message": 200})
    asked = ScriptedGenerator(*TOLD, finished(usage=USED))
    chat = make_paid_chat(lambda extractive: asked)
    answer = await answer_of(chat, knowing, max_tokens=512)
    assert asked.requests[0].max_tokens == 200
    assert answer.metadata.limited_to_tokens == 200
    shorter = await answer_of(chat, knowing, max_tokens=150)
    assert asked.requests[1].max_tokens == 150
    assert shorter.metadata.limited_to_tokens is None


async def test_a_limit_that_is_nearly_reached_makes_answers_shorter(make_paid_chat, knowing, limit, books):
    # The model's answer and the one that may take its place are held: 2 x tokens + 100.
    limit({"output_tokens": 500})
    asked = ScriptedGenerator(*TOLD, finished(usage=USED))
    chat = make_paid_chat(lambda extractive: asked)
    answer = await answer_of(chat, knowing, max_tokens=512)
    assert asked.requests[0].max_tokens == 200
    assert answer.metadata.limited_to_tokens == 200
    assert books().units["output_tokens"] == 30
    limit({"output_tokens": 229})
    with pytest.raises(QuotaExceeded) as refused:
        await answer_of(chat, knowing, max_tokens=512)
    assert refused.value.details["meter"] == "output_tokens"
    assert len(asked.requests) == 1


async def test_a_budget_that_is_nearly_spent_makes_answers_shorter(make_paid_chat, knowing, limit, books):
    asked = ScriptedGenerator(*TOLD, finished(usage=USED))
    chat = make_paid_chat(lambda extractive: asked)
    full = answer_charges(None).bounds(ChatQuestion(QUESTION), (), "scripted", 512)
    cost = full.units(PRICES)[Meter.COST]
    limit(cost_limit=cost - 100)
    answer = await answer_of(chat, knowing, max_tokens=512)
    assert 50 <= answer.metadata.limited_to_tokens < 512
    assert asked.requests[0].max_tokens == answer.metadata.limited_to_tokens
    limit(cost_limit=books().cost["total_micro_usd"] + 10)
    with pytest.raises(BudgetExceeded):
        await answer_of(chat, knowing, max_tokens=512)
    assert len(asked.requests) == 1


async def test_a_repeated_request_is_given_the_stored_answer(make_paid_chat, knowing, conversations, books):
    asked = ScriptedGenerator(*TOLD, finished(usage=USED))
    chat = make_paid_chat(lambda extractive: asked)

    async def ask(message=QUESTION, context=knowing, key="k-1", **options):
        question = ChatQuestion(message, **options)
        return [event async for event in chat.orchestrator.stream(context, question, key=key)]

    first = (await ask())[-1]
    (again,) = await ask()
    assert isinstance(first, Done)
    assert isinstance(again, Repeated)
    assert again.data() == first.data()
    assert list(again.data()) == list(first.data())
    with pytest.raises(IdempotencyKeyReused):
        await ask("Who is its keeper?")
    with pytest.raises(IdempotencyKeyReused):
        await ask(max_tokens=100)
    assert len(asked.requests) == 1
    assert books().units["messages"] == len(await stored_turns(conversations, knowing)) == 1
    assert len(await ask(key="k-2")) > 1


async def test_keys_are_each_members_own(make_paid_chat, module_database, knowing):
    chat = make_paid_chat(model(*TOLD, finished(usage=USED)))
    colleague = new_member(module_database, knowing)
    for context in (knowing, colleague):
        events = await events_of_key(chat, context, "same")
        assert isinstance(events[-1], Done)


async def test_the_same_request_at_the_same_time_is_answered_once(make_paid_chat, knowing, books):
    go_on = asyncio.Event()
    asked = ScriptedGenerator(TOLD[0], go_on.wait, TOLD[1], finished(usage=USED))
    chat = make_paid_chat(lambda extractive: asked)

    async def ask():
        try:
            return (await events_of_key(chat, knowing, "k"))[-1]
        except RequestInProgress as error:
            return error
        finally:
            refused.append(1)
            if len(refused) == 49:
                go_on.set()

    refused = []
    outcomes = await asyncio.gather(*(ask() for _ in range(50)))
    (done,) = [one for one in outcomes if isinstance(one, Done)]
    errors = [one for one in outcomes if isinstance(one, RequestInProgress)]
    assert len(errors) == 49
    assert all((error.status, error.retry_after_s) == (409, 1) for error in errors)
    again = await asyncio.gather(*(ask() for _ in range(10)))
    assert all(one.data() == done.data() for one in again)
    assert len(asked.requests) == 1
    assert books().units["messages"] == 1


async def test_a_request_that_was_left_before_its_answer_asks_for_another_key(make_paid_chat, knowing):
    reached = asyncio.Event()

    async def hang():
        reached.set()
        await asyncio.sleep(60)

    chat = make_paid_chat(model(hang))

    task = asyncio.create_task(events_of_key(chat, knowing, "left"))
    await asyncio.wait_for(reached.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(Conflict, match="new idempotency key"):
        await events_of_key(chat, knowing, "left")


async def test_an_interrupted_answer_is_what_a_repetition_is_given(make_paid_chat, knowing):
    chat = make_paid_chat(model(*TOLD, finished(usage=USED)))
    await left_after(chat, knowing, 3, key="half")
    (again,) = await left_after(chat, knowing, 1, key="half")
    assert isinstance(again, Repeated)
    assert again.data()["metadata"]["interrupted"]


async def test_what_failed_can_be_asked_again_with_the_same_key(make_paid_chat, knowing, books):
    failing = make_paid_chat(model(TOLD[0], ModelUnavailable("down")))
    with pytest.raises(ModelUnavailable):
        await events_of_key(failing, knowing, "again")
    events = await events_of_key(make_paid_chat(model(*TOLD, finished(usage=USED))), knowing, "again")
    assert isinstance(events[-1], Done)
    found = books()
    assert found.units["messages"] == 1
    assert found.internal["released"] > 0


async def test_an_attempt_that_was_overtaken_stores_nothing_and_is_not_charged(
    make_paid_chat, module_database, knowing, conversations, books
):
    """Its hold had ended, and the same request was sent again, before it came to its end."""
    dsn = module_database.superuser_dsn
    late = []

    async def overtaken():
        end_holds(dsn)
        chat = make_paid_chat(model(*TOLD, finished(usage=USED)))
        late.extend(await events_of_key(chat, knowing, "k"))

    slow = make_paid_chat(model(TOLD[0], overtaken, TOLD[1], finished(usage=USED)))
    with pytest.raises(RequestInProgress):
        await events_of_key(slow, knowing, "k")
    (turn,) = await stored_turns(conversations, knowing)
    found = books()
    assert str(turn.id) == late[-1].data()["message_id"]
    assert found.units["messages"] == 1
    assert found.units["input_tokens"] == 200
    assert found.internal["stale"] > 0


async def test_a_hold_that_ended_by_itself_is_charged_late(
    make_paid_chat, module_database, knowing, conversations, books
):
    async def wait():
        end_holds(module_database.superuser_dsn)

    answer = await answer_of(make_paid_chat(model(TOLD[0], wait, TOLD[1], finished(usage=USED))), knowing)
    assert len(await stored_turns(conversations, knowing)) == 1
    found = books()
    assert found.cost == answer.as_json()["metadata"]["cost"]
    assert sum(found.internal.values()) == 0  # the estimate was taken back


async def test_a_charge_takes_one_transaction_more(make_chat, make_paid_chat, database, knowing):
    """What is held is one; what is charged goes with the turn."""
    counted = []

    def counting(name):
        real = getattr(database, name)

        def begin(*arguments, **options):
            counted.append(name)
            return real(*arguments, **options)

        return begin

    async def count(chat):
        counted.clear()
        await answer_of(chat, knowing)
        return len(counted)

    for name in ("tenant_tx", "tenant_call"):
        setattr(database, name, counting(name))
    await count(make_chat(model(*TOLD, finished(usage=USED))))  # what is asked once and remembered
    free = await count(make_chat(model(*TOLD, finished(usage=USED))))
    paid = await count(make_paid_chat(model(*TOLD, finished(usage=USED))))
    assert paid == free + 1


async def test_without_charges_nothing_is_recorded(make_chat, knowing, books):
    answer = await answer_of(make_chat(model(*TOLD, finished(usage=USED))), knowing)
    assert answer.metadata.cost is None
    assert answer.metadata.tokens_used == 230
    assert books().holds == {}
