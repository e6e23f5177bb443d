"""Questions whose client leaves, at whatever moment: what was shown or done is charged, nothing else."""

import asyncio
from contextlib import aclosing, suppress

import pytest
from starlette.requests import ClientDisconnect

from footnote.chat import ChatQuestion, Token
from footnote.platform.errors import ServiceUnavailable
from footnote.stores.postgres.quota import PostgresQuotaStore
from functions.chat.streaming import EventStreamResponse, frames
from tests.support.asking import TOLD, USED, left_after, stored_turns
from tests.support.chat import QUESTION, ScriptedGenerator, events_of, finished, model


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
