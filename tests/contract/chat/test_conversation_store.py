"""The contract of `ConversationStore`, against real Postgres."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from footnote.chat import NewTurn
from footnote.platform.errors import NotFound
from footnote.platform.ids import new_id
from footnote.stores.postgres.conversations import PostgresConversationStore
from tests.support.organizations import new_member, new_organization, open_database

SOURCES = [{"number": 1, "title": "Guide", "span": {"start": 3, "end": 9}}]
METADATA = {"model_used": "extractive", "abstained": False, "confidence": 0.5}


@pytest.fixture
async def store(module_database):
    database = open_database(module_database)
    yield PostgresConversationStore(database)
    await database.close()


@pytest.fixture
def ada(module_database):
    return new_organization(module_database)


@pytest.fixture
def colleague(module_database, ada):
    return new_member(module_database, ada)


@pytest.fixture
def stranger(module_database):
    return new_organization(module_database)


def turn(session_id=None, question="When?", answer="In 1912. [1]", title="When?"):
    return NewTurn(
        session_id=session_id or new_id(),
        session_title=title if session_id is None else None,
        question_id=new_id(),
        question=question,
        asked_at=datetime.now(UTC) - timedelta(seconds=1),
        answer_id=new_id(),
        answer=answer,
        sources=SOURCES,
        metadata=METADATA,
    )


async def test_a_turn_is_read_back_as_it_was_stored(store, ada):
    first = turn()
    await store.append_turn(ada, first)
    question, answer = await store.messages(ada, first.session_id, after=0, limit=10)
    assert (question.position, question.actor, question.text) == (1, "user", "When?")
    assert (question.sources, question.metadata) == ([], {})
    assert question.created_at == first.asked_at
    assert (answer.position, answer.actor, answer.text) == (2, "assistant", "In 1912. [1]")
    assert (answer.sources, answer.metadata) == (SOURCES, METADATA)
    assert (question.id, answer.id) == (first.question_id, first.answer_id)
    session = await store.session(ada, first.session_id)
    assert (session.title, session.message_count) == ("When?", 2)
    assert session.created_at == first.asked_at


async def test_turns_of_one_session_get_positions_without_gaps_whatever_runs_at_once(
    store, ada, module_database
):
    first = turn()
    await store.append_turn(ada, first)
    databases = [open_database(module_database) for _ in range(4)]
    writers = [PostgresConversationStore(database) for database in databases]
    try:
        await asyncio.gather(
            *(
                writers[index % 4].append_turn(ada, turn(first.session_id, f"q{index}", f"a{index}"))
                for index in range(12)
            )
        )
    finally:
        for database in databases:
            await database.close()
    messages = await store.messages(ada, first.session_id, after=0, limit=100)
    assert [message.position for message in messages] == list(range(1, 27))
    pairs = {(messages[at].text[1:], messages[at + 1].text[1:]) for at in range(2, 26, 2)}
    assert pairs == {(str(index), str(index)) for index in range(12)}


async def test_history_is_the_newest_messages_oldest_first(store, ada):
    first = turn(question="q0", answer="a0")
    await store.append_turn(ada, first)
    for index in range(1, 4):
        await store.append_turn(ada, turn(first.session_id, f"q{index}", f"a{index}"))
    history = await store.history(ada, first.session_id, limit=4)
    assert [message.text for message in history] == ["q2", "a2", "q3", "a3"]


async def test_messages_are_paged_by_position(store, ada):
    first = turn(question="q0", answer="a0")
    await store.append_turn(ada, first)
    await store.append_turn(ada, turn(first.session_id, "q1", "a1"))
    page = await store.messages(ada, first.session_id, after=1, limit=2)
    assert [message.text for message in page] == ["a0", "q1"]
    rest = await store.messages(ada, first.session_id, after=page[-1].position, limit=2)
    assert [message.text for message in rest] == ["a1"]


async def test_sessions_are_paged_most_recently_used_first(store, ada):
    turns = [turn(title=f"t{index}") for index in range(5)]
    for one in turns:
        await store.append_turn(ada, one)
    await store.append_turn(ada, turn(turns[1].session_id))
    seen = []
    before = None
    while page := await store.sessions(ada, before=before, limit=2):
        seen += page
        before = (page[-1].updated_at, page[-1].id)
    assert [session.title for session in seen] == ["t1", "t4", "t3", "t2", "t0"]
    assert seen[0].message_count == 4


@pytest.mark.parametrize("who", ["colleague", "stranger"])
async def test_sessions_of_others_do_not_exist(store, ada, who, request):
    other = request.getfixturevalue(who)
    first = turn()
    await store.append_turn(ada, first)
    assert await store.sessions(other, before=None, limit=10) == []
    for attempt in (
        store.session(other, first.session_id),
        store.history(other, first.session_id, 10),
        store.messages(other, first.session_id, after=0, limit=10),
        store.delete(other, first.session_id),
        store.append_turn(other, turn(first.session_id)),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert len(await store.messages(ada, first.session_id, after=0, limit=10)) == 2


async def test_row_level_security_hides_a_session_even_from_its_member_in_another_organization(
    store, ada, stranger
):
    """The user id is the same; only the organization differs."""
    first = turn()
    await store.append_turn(ada, first)
    elsewhere = replace(ada, organization_id=stranger.organization_id)
    with pytest.raises(NotFound):
        await store.session(elsewhere, first.session_id)


async def test_a_deleted_session_is_gone_at_once_and_takes_no_more_turns(store, ada):
    first = turn()
    await store.append_turn(ada, first)
    await store.delete(ada, first.session_id)
    assert await store.sessions(ada, before=None, limit=10) == []
    for attempt in (
        store.session(ada, first.session_id),
        store.messages(ada, first.session_id, after=0, limit=10),
        store.append_turn(ada, turn(first.session_id)),
        store.delete(ada, first.session_id),
    ):
        with pytest.raises(NotFound):
            await attempt


async def test_a_turn_that_cannot_be_stored_whole_is_not_stored_at_all(store, ada):
    first = turn()
    await store.append_turn(ada, first)
    broken = replace(turn(first.session_id), answer_id=first.answer_id)
    with pytest.raises(Exception, match="duplicate key"):
        await store.append_turn(ada, broken)
    assert (await store.session(ada, first.session_id)).message_count == 2
    assert len(await store.messages(ada, first.session_id, after=0, limit=10)) == 2
