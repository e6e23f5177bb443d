"""Turns of conversations, on real stores: what is kept of them, what follows from them, whose they are."""

import asyncio
from contextlib import aclosing

import pytest

from footnote.chat import ChatQuestion, Citation, Done, Token
from footnote.platform.errors import NotFound, ServiceUnavailable
from footnote.platform.ids import new_id
from tests.support.chat import QUESTION, ScriptedGenerator, answer_of, events_of, finished, model
from tests.support.corpus import Text, index
from tests.support.organizations import new_member, new_organization


async def test_a_turn_that_cannot_be_stored_is_no_answer(make_chat, knowing, conversations):
    class Failing:
        def __getattr__(self, name):
            return getattr(conversations, name)

        async def append_turn(self, context, turn):
            raise ServiceUnavailable("The database cannot be reached right now.")

    stream = make_chat(conversations=Failing()).orchestrator.stream(knowing, ChatQuestion(QUESTION))
    events = []

    async def collect():
        async for event in stream:
            events.append(event)

    with pytest.raises(ServiceUnavailable):
        await collect()
    assert any(isinstance(event, Token) for event in events)
    assert not any(isinstance(event, Done) for event in events)


async def test_a_session_deleted_meanwhile_takes_no_turn(make_chat, knowing, conversations):
    chat = make_chat()
    first = await answer_of(chat, knowing)

    async def delete():
        await conversations.delete(knowing, first.session_id)

    deleting = make_chat(model("It was ", delete, "built in 1912 [1].", finished()))
    with pytest.raises(NotFound):
        await answer_of(deleting, knowing, session_id=first.session_id)


async def test_a_follow_up_is_understood_from_the_session(make_chat, knowing):
    chat = make_chat()
    first = await answer_of(chat, knowing)
    second = await answer_of(chat, knowing, "Who is its keeper?", session_id=first.session_id)
    assert "Ines Duarte" in second.text
    assert second.session_id == first.session_id
    third = await answer_of(chat, knowing, "How high is it?", session_id=first.session_id)
    assert "forty metres" in third.text


async def test_a_model_is_given_the_last_turns_without_old_citation_numbers(make_chat, knowing):
    chat = make_chat(history_turns=1)
    first = await answer_of(chat, knowing)
    await answer_of(chat, knowing, "Who is its keeper?", session_id=first.session_id)
    asked = ScriptedGenerator("It is forty metres high [1].", finished())
    await answer_of(
        make_chat(lambda extractive: asked, history_turns=1),
        knowing,
        "How high is it?",
        session_id=first.session_id,
    )
    request = asked.requests[0]
    assert [turn.actor for turn in request.history] == ["user", "assistant"]
    assert request.history[0].text == "Who is its keeper?"
    assert "[" not in request.history[1].text
    assert [passage.number for passage in request.passages] == list(range(1, len(request.passages) + 1))
    assert 0 < request.timeout_s <= 25


async def test_an_unknown_session_is_not_found(make_chat, knowing):
    with pytest.raises(NotFound):
        await answer_of(make_chat(), knowing, session_id=new_id())


async def test_a_client_that_closes_the_stream_leaves_what_it_saw(make_chat, knowing, conversations):
    chat = make_chat(
        model("The lighthouse was built in 1912 [1]. ", "It is forty", " metres high.", finished())
    )
    async with aclosing(chat.orchestrator.stream(knowing, ChatQuestion(QUESTION))) as events:
        async for event in events:
            if isinstance(event, Citation):
                break
    (session,) = await conversations.sessions(knowing, before=None, limit=10)
    question, answer = await conversations.messages(knowing, session.id, after=0, limit=10)
    assert question.text == QUESTION
    assert answer.text == "The lighthouse was built in 1912 [1]."[: len(answer.text)]
    assert answer.metadata["interrupted"]
    assert answer.metadata["finish_reason"] == "interrupted"
    assert len(answer.sources) == 1


async def test_a_cancelled_request_leaves_what_it_saw(make_chat, knowing, conversations):
    reached = asyncio.Event()

    async def hang():
        reached.set()
        await asyncio.sleep(60)

    scripted = ScriptedGenerator("The lighthouse was built in 1912 [1]. ", "It is", hang)
    chat = make_chat(lambda extractive: scripted)
    task = asyncio.create_task(events_of(chat, knowing))
    await asyncio.wait_for(reached.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert scripted.closed
    (session,) = await conversations.sessions(knowing, before=None, limit=10)
    _, answer = await conversations.messages(knowing, session.id, after=0, limit=10)
    assert answer.text.startswith("The lighthouse was built in 1912 [1].")
    assert answer.metadata["interrupted"]


async def test_a_client_that_leaves_before_the_first_word_leaves_nothing(make_chat, knowing, conversations):
    async with aclosing(make_chat().orchestrator.stream(knowing, ChatQuestion(QUESTION))) as events:
        async for _ in events:
            break
    assert await conversations.sessions(knowing, before=None, limit=10) == []


async def test_members_and_organizations_in_one_process_never_meet(
    make_chat, module_database, database, embedder, conversations
):
    """Four members of two organizations talk at the same time through one orchestrator."""
    first, other = new_organization(module_database), new_organization(module_database)
    colleague = new_member(module_database, first)
    for context, canary in ((first, "amber"), (other, "cobalt")):
        text = f"The secret word of the house is {canary}. It is written on the door of the tower."
        await index(database, embedder, context, Text("House", [text]))
    chat = make_chat()
    question = "What is the secret word of the house?"

    async def talk(context):
        session_id = None
        texts = []
        for _ in range(4):
            done = await answer_of(chat, context, question, session_id=session_id)
            session_id = done.session_id
            texts.append(done.text + str(done.as_json()["sources"]))
        return session_id, texts

    results = await asyncio.gather(talk(first), talk(colleague), talk(other))
    for (session_id, texts), context, own, foreign in zip(
        results,
        (first, colleague, other),
        ("amber", "amber", "cobalt"),
        ("cobalt", "cobalt", "amber"),
        strict=True,
    ):
        assert all(own in text and foreign not in text for text in texts)
        (session,) = await conversations.sessions(context, before=None, limit=10)
        assert session.id == session_id
        assert session.message_count == 8
        for stranger in {first, colleague, other} - {context}:
            with pytest.raises(NotFound):
                await answer_of(chat, stranger, question, session_id=session_id)


async def test_two_turns_of_one_session_at_once_are_both_kept(
    make_chat, knowing, module_database, conversations
):
    chat = make_chat()
    first = await answer_of(chat, knowing)
    messages = [f"How high is the lighthouse, question {number}?" for number in range(5)]
    await asyncio.gather(
        *(answer_of(chat, knowing, message, session_id=first.session_id) for message in messages)
    )
    stored = await conversations.messages(knowing, first.session_id, after=0, limit=100)
    assert [message.position for message in stored] == list(range(1, 13))
    assert {message.text for message in stored if message.actor == "user"} == {QUESTION, *messages}


async def test_the_title_is_the_first_message_on_one_line(make_chat, knowing, conversations):
    message = "Please tell me,\nif you can, in which year the lighthouse of Farol was built and by whom."
    done = await answer_of(make_chat(), knowing, message)
    session = await conversations.session(knowing, done.session_id)
    assert session.title == "Please tell me, if you can, in which year the lighthouse of…"


class KnowingRewriter:
    """A `QueryRewriter` that always has the same question in mind."""

    def __init__(self):
        self.asked = []

    async def rewrite(self, context, message, history):
        self.asked.append((message, len(history)))
        return "At what hour does the bakery open?"


async def test_a_follow_up_is_searched_for_in_the_models_words(make_chat, knowing):
    rewriter = KnowingRewriter()
    chat = make_chat(rewriter=rewriter)
    first = await answer_of(chat, knowing, "What does the bakery sell?")
    done = await answer_of(chat, knowing, "And when?", session_id=first.session_id)
    assert rewriter.asked == [("And when?", 2)]
    assert done.sources[0].title == "Bakery"
