"""Questions that are sent again with their idempotency key: answered and charged once."""

import asyncio

import pytest

from footnote.chat import ChatQuestion, Done, Repeated
from footnote.platform.errors import Conflict, ModelUnavailable
from footnote.quota import (
    IdempotencyKeyReused,
    RequestInProgress,
)
from tests.support.asking import TOLD, USED, events_of_key, left_after, stored_turns
from tests.support.chat import QUESTION, ScriptedGenerator, finished, model
from tests.support.metering import end_holds
from tests.support.organizations import new_member


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
