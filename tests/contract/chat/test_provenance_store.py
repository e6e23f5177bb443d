"""Records of provenance, against real Postgres: written with the turn, never changed, seen to be forged."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest

from footnote.chat import NewTurn
from footnote.chat.provenance import Place, ProvenanceRecord, canonical, sha256, verify
from footnote.platform.errors import NotFound
from footnote.platform.ids import new_id
from footnote.stores.postgres.conversations import PostgresConversationStore
from footnote.stores.postgres.provenance import PostgresProvenanceStore
from tests.support.chat import WordEmbedder
from tests.support.corpus import FAROL, FIRST_PAGE, SECOND_PAGE, index
from tests.support.organizations import new_member, new_organization

PLACE = {"number": 1, "document_id": "0190b6f0-0000-7000-8000-000000000001", "version": 1}
EVIDENCE = {"start": 3, "end": 9, "text": "in 1912"}
CITATION = {**PLACE, **EVIDENCE}
SOURCES = [{**PLACE, "evidence": [EVIDENCE]}]
FORGED_SOURCES = """UPDATE chat.messages
    SET sources = jsonb_set(sources, '{0,evidence,0,text}', '"in 1913"') WHERE actor = 'assistant'"""
REPLACING = """INSERT INTO chat.provenance SELECT * FROM chat.provenance
    ON CONFLICT (organization_id, message_id) DO UPDATE SET record = '{}'"""


@pytest.fixture
def conversations(database):
    return PostgresConversationStore(database)


@pytest.fixture
def records(database):
    return PostgresProvenanceStore(database)


@pytest.fixture
def ada(module_database):
    return new_organization(module_database)


def record_of(context, message_id, session_id, answer="In 1912. [1]", **more):
    at = datetime.now(UTC)
    body = {
        "organization_id": context.organization_id,
        "message_id": message_id,
        "session_id": session_id,
        "user_id": context.user_id,
        "created_at": at,
        "answer": {"sha256": sha256(answer)},
        "citations": [CITATION],
        **more,
    }
    return ProvenanceRecord(
        context.organization_id, message_id, session_id, context.user_id, at, canonical(body)
    )


async def store_turn(conversations, context, *, has_record=True, **more):
    session_id, question_id, answer_id = new_id(), new_id(), new_id()
    turn = NewTurn(
        session_id=session_id,
        session_title="When?",
        question_id=question_id,
        question="When?",
        asked_at=datetime.now(UTC),
        answer_id=answer_id,
        answer="In 1912. [1]",
        sources=SOURCES,
        metadata={},
        provenance=record_of(context, answer_id, session_id, **more) if has_record else None,
    )
    await conversations.append_turn(context, turn)
    return turn


async def test_a_record_is_read_to_the_letter(conversations, records, ada):
    turn = await store_turn(conversations, ada, timings={"a": 1e-7, "b": 1e22, "c": -0.0, "d": 1.0})
    stored = await records.read(ada, turn.answer_id, of_any_member=False)
    assert stored.record == turn.provenance
    assert stored.digest == turn.provenance.digest
    assert (stored.answer, stored.sources) == (turn.answer, SOURCES)
    assert verify(stored) == ()


async def test_a_turn_that_fails_leaves_no_record(conversations, records, ada, superuser):
    turn = await store_turn(conversations, ada)
    again = replace(turn, session_title=None, answer_id=turn.answer_id)
    with pytest.raises(psycopg.errors.UniqueViolation):
        await conversations.append_turn(ada, again)
    count = superuser.execute(
        "SELECT count(*) FROM chat.provenance WHERE session_id = %s", (turn.session_id,)
    ).fetchone()
    assert count == (1,)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE chat.provenance SET record = '{}'",
        "UPDATE chat.provenance SET user_id = user_id",
        "DELETE FROM chat.provenance",
        "TRUNCATE chat.provenance",
        "ALTER TABLE chat.provenance DISABLE TRIGGER ALL",
        "DROP TABLE chat.provenance",
        REPLACING,
    ],
)
async def test_the_application_cannot_change_or_remove_records(
    conversations, ada, module_database, statement
):
    await store_turn(conversations, ada)
    with psycopg.connect(module_database.dsn("footnote_app")) as connection:
        connection.execute("SELECT set_config('app.organization_id', %s, true)", (str(ada.organization_id),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


@pytest.mark.parametrize("role", ["footnote_owner", "superuser"])
async def test_nobody_updates_a_record_or_empties_the_table(conversations, ada, module_database, role):
    await store_turn(conversations, ada)
    dsn = module_database.superuser_dsn if role == "superuser" else module_database.dsn(role)
    for statement in ("UPDATE chat.provenance SET user_id = user_id", "TRUNCATE chat.provenance"):
        with psycopg.connect(dsn) as connection:
            connection.execute(
                "SELECT set_config('app.organization_id', %s, true)", (str(ada.organization_id),)
            )
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"):
                connection.execute(statement)


async def test_deleting_sessions_takes_no_record_along(conversations, ada, module_database, superuser):
    turn = await store_turn(conversations, ada)
    with psycopg.connect(module_database.dsn("footnote_app")) as connection:
        connection.execute("SELECT set_config('app.organization_id', %s, true)", (str(ada.organization_id),))
        connection.execute("DELETE FROM chat.sessions WHERE session_id = %s", (turn.session_id,))
    found = superuser.execute("SELECT count(*) FROM chat.provenance WHERE message_id = %s", (turn.answer_id,))
    assert found.fetchone() == (1,)


async def test_the_owner_erases_records(conversations, ada, module_database, superuser):
    """The path of a later erasure: the tables' owner, acting for one organization."""
    turn = await store_turn(conversations, ada)
    with psycopg.connect(module_database.dsn("footnote_owner")) as connection:
        erase = "DELETE FROM chat.provenance WHERE session_id = %s"
        assert connection.execute(erase, (turn.session_id,)).rowcount == 0
        connection.execute("SELECT set_config('app.organization_id', %s, true)", (str(ada.organization_id),))
        assert connection.execute(erase, (turn.session_id,)).rowcount == 1


async def test_records_go_with_their_organization(conversations, ada, superuser):
    turn = await store_turn(conversations, ada)
    superuser.execute("DELETE FROM core.organizations WHERE organization_id = %s", (ada.organization_id,))
    found = superuser.execute("SELECT count(*) FROM chat.provenance WHERE message_id = %s", (turn.answer_id,))
    assert found.fetchone() == (0,)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("UPDATE chat.provenance SET record = replace(record::text, '1912', '1913')::json", "digest"),
        ("UPDATE chat.provenance SET digest = sha256('other')", "digest"),
        ("UPDATE chat.provenance SET user_id = gen_random_uuid()", "user_id"),
        ("UPDATE chat.provenance SET created_at = created_at - interval '1 day'", "created_at"),
        ("UPDATE chat.messages SET message = 'In 1913. [1]' WHERE actor = 'assistant'", "text"),
        (FORGED_SOURCES, "sources"),
    ],
)
async def test_a_change_behind_the_applications_back_is_seen(
    conversations, records, ada, superuser, change, problem
):
    turn = await store_turn(conversations, ada)
    superuser.execute("SET session_replication_role = replica")  # what a superuser can do: no triggers
    condition = " AND " if "WHERE" in change else " WHERE "
    superuser.execute(f"{change}{condition}message_id = %s", (turn.answer_id,))
    stored = await records.read(ada, turn.answer_id, of_any_member=True)
    (found,) = verify(stored)
    assert problem in found


async def test_who_may_read_a_record(conversations, records, ada, module_database):
    turn = await store_turn(conversations, ada)
    colleague, stranger = new_member(module_database, ada), new_organization(module_database)
    stored = await records.read(colleague, turn.answer_id, of_any_member=True)
    assert stored.record.user_id == ada.user_id
    for context, of_any_member in ((colleague, False), (stranger, True)):
        with pytest.raises(NotFound, match="no such answer"):
            await records.read(context, turn.answer_id, of_any_member=of_any_member)
    assert await records.origin(stranger, turn.answer_id) is None
    assert (await records.origin(colleague, turn.answer_id)).text == turn.provenance.text


async def test_what_has_no_record_says_why(conversations, records, ada):
    old = await store_turn(conversations, ada, has_record=False)
    with pytest.raises(NotFound, match="before records of provenance were kept"):
        await records.read(ada, old.answer_id, of_any_member=False)
    with pytest.raises(NotFound, match="is a question"):
        await records.read(ada, old.question_id, of_any_member=False)
    with pytest.raises(NotFound, match="no such answer"):
        await records.read(ada, new_id(), of_any_member=False)
    deleted = await store_turn(conversations, ada)
    await conversations.delete(ada, deleted.session_id)
    with pytest.raises(NotFound, match="no such answer"):
        await records.read(ada, deleted.answer_id, of_any_member=True)


async def test_the_current_state_compares_what_is_stored_now(
    records, database, ada, superuser, module_database
):
    (document_id,) = await index(database, WordEmbedder(), ada, FAROL)
    rows = superuser.execute(
        "SELECT chunk_id, text FROM knowledge.chunks WHERE document_id = %s ORDER BY ordinal", (document_id,)
    ).fetchall()
    places = [Place(chunk_id, document_id, sha256(text)) for chunk_id, text in rows]
    assert [text for _, text in rows] == [FIRST_PAGE, SECOND_PAGE]
    places.append(Place(10**15, document_id, sha256(SECOND_PAGE)))
    places.append(Place(10**15 + 1, document_id, sha256("Never there.")))
    state = await records.current(ada, [document_id, new_id()], places)
    assert list(state.documents) == [document_id]
    assert state.documents[document_id].active_version == 1
    found = [state.passages[place.chunk_id] for place in places]
    assert [(one.text, one.stands) for one in found] == [
        (FIRST_PAGE, True),
        (SECOND_PAGE, True),
        (None, True),
        (None, False),
    ]
    assert [one.sha256 == place.sha256 for one, place in zip(found, places, strict=True)][:2] == [True, True]
    stranger = new_organization(module_database)
    theirs = await records.current(stranger, [document_id], places)
    assert theirs.documents == {}
    assert not any(one.stands or one.text for one in theirs.passages.values())


def test_the_record_is_canonical():
    record = record_of_nobody()
    assert json.loads(record.text)["b"] == "ü"
    assert record.text == '{"a":[1,2.5],"b":"ü"}'


def record_of_nobody():
    return ProvenanceRecord(
        new_id(), new_id(), new_id(), new_id(), datetime.now(UTC), canonical({"b": "ü", "a": (1, 2.5)})
    )
