"""The contract of `ConversationStore` for turns that are charged: both or neither, once; real Postgres."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from footnote.billing import KeptResponse
from footnote.chat import NewTurn
from footnote.platform.errors import Conflict, NotFound, ServiceUnavailable
from footnote.platform.ids import new_id
from footnote.quota import HoldRequest, Meter, Replayed, RequestInProgress, Settlement, Used
from footnote.stores.postgres.conversations import PostgresConversationStore
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.charging import books_of
from tests.support.metering import end_holds
from tests.support.organizations import new_member, new_organization, open_database

UNITS = {Meter.MESSAGES: 1, Meter.OUTPUT_TOKENS: 100, Meter.COST: 900}
USED = (Used(Meter.MESSAGES, 1), Used(Meter.OUTPUT_TOKENS, 30, "m", 18))


@pytest.fixture
def store(database):
    return PostgresConversationStore(database)


@pytest.fixture
def quota(database):
    return PostgresQuotaStore(database, "free")


@pytest.fixture
def ada(module_database):
    return new_organization(module_database)


@pytest.fixture
def books(module_database, ada):
    return lambda: books_of(module_database.superuser_dsn, ada.organization_id)


async def hold(quota, context, hold_id=None):
    request = HoldRequest(hold_id or new_id(), b"x" * 32, "chat", UNITS, 60)
    reserved = await quota.reserve(context, request)
    return reserved.hold_id, reserved.attempt


def turn(hold_id, attempt, session_id=None):
    return NewTurn(
        session_id=session_id or new_id(),
        session_title="When?" if session_id is None else None,
        question_id=new_id(),
        question="When?",
        asked_at=datetime.now(UTC),
        answer_id=new_id(),
        answer="In 1912. [1]",
        sources=[],
        metadata={},
        settlement=Settlement(hold_id, attempt, USED, 1, {"status": 200, "body": "{}"}),
    )


async def stored(store, context, *turns):
    """Which of the turns are kept."""
    found = []
    for one in turns:
        try:
            messages = await store.messages(context, one.session_id, after=0, limit=10)
        except NotFound:
            continue
        found += [one for message in messages if message.id == one.answer_id]
    return found


async def test_a_turn_and_its_charge_are_stored_together(store, quota, ada, books):
    first = turn(*await hold(quota, ada))
    await store.append_turn(ada, first)
    assert await stored(store, ada, first) == [first]
    assert books().units == {"messages": 1, "output_tokens": 30}
    assert books().cost["total_micro_usd"] == 18


async def test_a_turn_of_a_deleted_session_is_not_charged(store, quota, ada, books):
    first = turn(*await hold(quota, ada))
    await store.append_turn(ada, first)
    await store.delete(ada, first.session_id)
    hold_id, attempt = await hold(quota, ada)
    with pytest.raises(NotFound):
        await store.append_turn(ada, turn(hold_id, attempt, first.session_id))
    await quota.release(ada, hold_id, attempt)
    assert books().units["messages"] == 1


async def test_a_charge_that_the_hold_does_not_cover_stores_no_turn(store, quota, ada, books):
    hold_id, attempt = await hold(quota, ada)
    first = turn(hold_id, attempt)
    settlement = replace(first.settlement, used=(*USED, Used(Meter.RERANK_CALLS, 1, "r", 1)))
    with pytest.raises(Exception, match="does not cover"):
        await store.append_turn(ada, replace(first, settlement=settlement))
    await quota.release(ada, hold_id, attempt)
    assert await stored(store, ada, first) == []
    assert books().units == {}


async def test_an_attempt_that_was_overtaken_leaves_its_cost_alone(store, quota, ada, module_database, books):
    hold_id, attempt = await hold(quota, ada)
    end_holds(module_database.superuser_dsn)
    again, newer = await hold(quota, ada, hold_id)
    assert (again, newer) == (hold_id, attempt + 1)
    late, current = turn(hold_id, attempt), turn(hold_id, newer)
    with pytest.raises(RequestInProgress):
        await store.append_turn(ada, late)
    await store.append_turn(ada, current)
    assert await stored(store, ada, late, current) == [current]
    found = books()
    assert found.units == {"messages": 1, "output_tokens": 30}
    assert found.internal["stale"] == 18
    assert sum(found.internal.values()) == 18  # the estimate of the ended hold was taken back


@pytest.mark.parametrize("ending", ["settled", "released"])
async def test_a_closed_hold_takes_no_further_turn(store, quota, ada, books, ending):
    hold_id, attempt = await hold(quota, ada)
    first, second = turn(hold_id, attempt), turn(hold_id, attempt)
    if ending == "settled":
        await store.append_turn(ada, first)
    else:
        await quota.release(ada, hold_id, attempt)
    with pytest.raises(RequestInProgress):
        await store.append_turn(ada, second)
    assert await stored(store, ada, second) == []
    assert books().units.get("messages", 0) == (1 if ending == "settled" else 0)


async def test_a_hold_that_ended_by_itself_is_charged_late(store, quota, ada, module_database, books):
    first = turn(*await hold(quota, ada))
    end_holds(module_database.superuser_dsn)
    await store.append_turn(ada, first)
    assert await stored(store, ada, first) == [first]
    assert books().units["messages"] == 1


@pytest.mark.parametrize("committed", [True, False])
async def test_a_turn_whose_commit_was_not_answered_is_there_once(
    module_database, quota, ada, books, committed
):
    """The connection breaks with the first COMMIT, before or after the server has carried it out."""
    database = open_database(module_database)
    store = PostgresConversationStore(database)
    first = turn(*await hold(quota, ada))
    real = database.tenant_tx
    broken = []

    class Breaking:
        def __init__(self, context):
            self._block = real(context)

        async def __aenter__(self):
            return await self._block.__aenter__()

        async def __aexit__(self, kind, error, trace):
            if broken or kind is not None:
                return await self._block.__aexit__(kind, error, trace)
            broken.append(1)
            lost = ServiceUnavailable("The answer was lost.")
            if committed:
                await self._block.__aexit__(None, None, None)
                raise lost
            await self._block.__aexit__(ServiceUnavailable, lost, None)
            raise lost

    database.tenant_tx = Breaking
    await store.append_turn(ada, first)
    assert await stored(store, ada, first) == [first]
    assert (await store.session(ada, first.session_id)).message_count == 2
    assert books().units == {"messages": 1, "output_tokens": 30}
    await database.close()


async def test_turns_of_many_sessions_are_charged_at_the_same_time(store, quota, ada, module_database, books):
    first = turn(*await hold(quota, ada))
    await store.append_turn(ada, first)
    databases = [open_database(module_database) for _ in range(4)]

    async def talk(database, number):
        reserved = await hold(PostgresQuotaStore(database, "free"), ada)
        session = first.session_id if number % 2 else None
        await PostgresConversationStore(database).append_turn(ada, turn(*reserved, session))

    await asyncio.gather(*(talk(databases[number % 4], number) for number in range(40)))
    for database in databases:
        await database.close()
    assert books().units == {"messages": 41, "output_tokens": 41 * 30}


def answered(hold_id, attempt, session_id=None, mentioned=None):
    """A turn whose answer is kept to be given again; it names its session as bodies do, or another one."""
    one = turn(hold_id, attempt, session_id)
    body = f'{{"session_id": "{mentioned or one.session_id}"}}'
    return replace(one, settlement=replace(one.settlement, response={"status": 200, "body": body}))


async def given_again(quota, context, one):
    """What the same request would be given."""
    answer = await quota.reserve(context, HoldRequest(one.settlement.hold_id, b"x" * 32, "chat", UNITS, 60))
    assert isinstance(answer, Replayed)
    return answer


async def test_kept_answers_go_with_their_conversation(store, quota, ada):
    first, other = answered(*await hold(quota, ada)), answered(*await hold(quota, ada))
    second = answered(*await hold(quota, ada), session_id=first.session_id)
    for one in (first, other, second):
        await store.append_turn(ada, one)
    await store.delete(ada, first.session_id)
    for gone in (first, second):
        assert (await given_again(quota, ada, gone)).response is None
    assert (await given_again(quota, ada, other)).response == other.settlement.response


async def test_a_request_whose_answer_was_erased_is_neither_answered_nor_charged_again(
    store, quota, ada, books
):
    first = answered(*await hold(quota, ada))
    await store.append_turn(ada, first)
    before = books()
    await store.delete(ada, first.session_id)
    with pytest.raises(Conflict, match="its conversation was deleted"):
        KeptResponse.of(await given_again(quota, ada, first))
    assert books() == before


async def test_answers_of_other_members_stay(store, quota, ada, module_database):
    """Also where their text names the conversation that is deleted."""
    colleague, stranger = new_member(module_database, ada), new_organization(module_database)
    first = answered(*await hold(quota, ada))
    await store.append_turn(ada, first)
    kept = []
    for context in (colleague, stranger):
        theirs = answered(*await hold(quota, context), mentioned=first.session_id)
        await store.append_turn(context, theirs)
        kept.append((context, theirs))
    with pytest.raises(NotFound):
        await store.delete(colleague, first.session_id)
    assert (await given_again(quota, ada, first)).response == first.settlement.response
    await store.delete(ada, first.session_id)
    for context, theirs in kept:
        assert (await given_again(quota, context, theirs)).response == theirs.settlement.response


async def test_a_turn_that_is_stored_while_its_conversation_is_deleted_keeps_no_answer(store, quota, ada):
    first = answered(*await hold(quota, ada))
    await store.append_turn(ada, first)
    late = [answered(*await hold(quota, ada), session_id=first.session_id) for _ in range(6)]
    await asyncio.gather(
        *(store.append_turn(ada, one) for one in late[:3]),
        store.delete(ada, first.session_id),
        *(store.append_turn(ada, one) for one in late[3:]),
        return_exceptions=True,
    )
    for one in late:
        answer = await quota.reserve(ada, HoldRequest(one.settlement.hold_id, b"x" * 32, "chat", UNITS, 60))
        assert not (isinstance(answer, Replayed) and answer.response), "an erased answer is given again"
