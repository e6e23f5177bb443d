"""Answers given again: on real engines, through the services as a process composes them."""

import asyncio
from dataclasses import replace

import pytest

from footnote.chat import ChatQuestion, Citation, Done, Retrieval, Token, Usage
from footnote.chat.generators import Generators, NoGenerator
from footnote.composition import Container
from footnote.models import GenerationDelta, Turn
from footnote.platform.settings import Settings
from footnote.stores.secrets.extension import StaticSecrets
from tests.support.chat import ScriptedGenerator
from tests.support.corpus import Text, index
from tests.support.metering import FixedPrices
from tests.support.organizations import new_member, new_organization

QUESTION = "When was the lighthouse of Farol built?"
SAME = "Can you tell me when the lighthouse of Farol was built?"
NEGATED = "When was the lighthouse of Farol not built?"


@pytest.fixture
async def make_services(database, embedder, redis_server):
    """Makes a process's services; `replaced` are those that a test puts in their place."""
    made = []

    def make(replaced=None, **caches):
        settings = Settings(
            environment="test",
            redis={"port": redis_server.port, "password_secret": "redis"},
            caches=caches,
        )
        services = Container(settings)
        own = {"database": database, "embedder": embedder, "prices": FixedPrices()}
        secrets = StaticSecrets({"redis": redis_server.password})
        services.__dict__ |= {**own, "secrets": secrets, **(replaced or {})}
        made.append(services)
        return services

    yield make
    for services in made:
        await services.redis.close()


@pytest.fixture
def services(make_services):
    return make_services()


async def ask(services, context, message=QUESTION, **options):
    return await services.chat.answer(context, ChatQuestion(message, **options))


def told(answer):
    """What an answer says, without how and when it came to be."""
    return answer.text, [source.as_json() for source in answer.sources]


async def test_the_same_question_is_answered_again_with_the_same_citations(services, knowing):
    first = await ask(services, knowing)
    again = await ask(services, knowing, f"  {QUESTION.lower().rstrip('?').replace('farol', 'Farol')} ")
    assert not first.metadata.cached
    assert first.metadata.cache is None
    assert told(again) == told(first)
    assert again.message_id != first.message_id
    metadata = again.as_json()["metadata"]
    assert (metadata["cached"], metadata["tokens_used"]) == (True, 0)
    assert (metadata["cache"]["way"], metadata["cache"]["tier"]) == ("exact", "memory")
    assert metadata["cache"]["similarity"] == 1.0
    assert metadata["cache"]["age_s"] >= 0


async def test_its_events_are_those_of_any_answer_at_no_tokens(services, knowing):
    await ask(services, knowing)
    events = [event async for event in services.chat.stream(knowing, ChatQuestion(QUESTION))]
    assert isinstance(events[0], Retrieval)
    assert isinstance(events[-1], Done)
    answer = events[-1].answer
    assert events[-2] == Usage(0, 0, cost=answer.metadata.cost)
    assert answer.metadata.cost.total_micro_usd == 0
    assert "".join(event.text for event in events if isinstance(event, Token)) == answer.text
    assert tuple(event.source for event in events if isinstance(event, Citation)) == answer.sources


async def test_it_is_a_turn_of_its_conversation(services, knowing):
    await ask(services, knowing)
    again = await ask(services, knowing)
    stored = await services.conversations.messages(knowing, again.session_id, after=0, limit=10)
    assert [message.text for message in stored] == [QUESTION, again.text]
    assert stored[1].metadata == again.metadata.as_json()
    assert stored[1].id == again.message_id


async def test_a_question_that_asks_the_same_finds_it_and_one_that_denies_it_does_not(services, knowing):
    first = await ask(services, knowing)
    same = await ask(services, knowing, SAME)
    assert told(same) == told(first)
    assert (same.metadata.cache.way, same.metadata.cached) == ("semantic", True)
    assert services.settings.caches.semantic_threshold <= same.metadata.cache.similarity < 1
    assert not (await ask(services, knowing, NEGATED)).metadata.cached
    assert services.cache.statistics.snapshot()["semantic"]["none"]["rejected"] >= 1


async def test_semantic_hits_can_be_switched_off(make_services, knowing):
    services = make_services(semantic=False)
    await ask(services, knowing)
    assert not (await ask(services, knowing, SAME)).metadata.cached
    assert (await ask(services, knowing)).metadata.cached


async def test_another_process_finds_it_in_redis(make_services, knowing):
    first = await ask(make_services(), knowing)
    again = await ask(make_services(), knowing)
    assert told(again) == told(first)
    assert again.metadata.cache.tier == "redis"


@pytest.mark.parametrize("message", [QUESTION, SAME])
async def test_a_changed_document_makes_it_unfindable_at_once(services, knowing, database, embedder, message):
    await ask(services, knowing)
    assert (await ask(services, knowing, message)).metadata.cached
    await index(database, embedder, knowing, Text("Notice", ["The lighthouse of Farol burnt down in 2020."]))
    assert not (await ask(services, knowing, message)).metadata.cached
    assert (await ask(services, knowing, message)).metadata.cached


async def test_organizations_and_members_with_other_rights_do_not_share(
    services, knowing, module_database, database, embedder
):
    await ask(services, knowing)
    owner = new_member(module_database, knowing, role="owner")
    assert (await ask(services, owner)).metadata.cached
    viewer = new_member(module_database, knowing, role="viewer")
    assert not (await ask(services, viewer, SAME)).metadata.cached
    narrowed = replace(owner, permissions=owner.permissions - {"documents:read"})
    assert not (await ask(services, narrowed)).metadata.cached
    stranger = new_organization(module_database)
    await index(database, embedder, stranger, Text("Farol", ["The lighthouse of Farol was built in 1850."]))
    assert "1850" in (answer := await ask(services, stranger)).text
    assert not answer.metadata.cached


async def test_a_question_that_leans_on_the_conversation_is_never_taken_from_the_cache(services, knowing):
    message = "And when was it built?"
    history = (
        Turn("user", "Tell me about the lighthouse of Farol."),
        Turn("assistant", "It is 40 metres high."),
    )
    for _ in range(2):
        assert not (await ask(services, knowing, message, history=history)).metadata.cached


async def test_a_request_can_refuse_caches(services, knowing):
    await ask(services, knowing)
    assert not (await ask(services, knowing, use_cache=False)).metadata.cached
    found = services.cache.statistics.snapshot()
    await ask(services, knowing, use_cache=False)
    assert services.cache.statistics.snapshot() == found


async def test_other_filters_are_another_question(services, knowing):
    await ask(services, knowing)
    filters = replace(ChatQuestion(QUESTION).filters, language="en")
    assert not (await ask(services, knowing, filters=filters)).metadata.cached


async def test_an_abstention_is_not_kept(services, knowing):
    for _ in range(2):
        answer = await ask(services, knowing, "Which enzyme splits lactose in the small intestine?")
        assert answer.metadata.abstained
        assert not answer.metadata.cached


async def test_an_invalidation_ends_all_answers_of_the_organization(services, knowing):
    await ask(services, knowing)
    await services.cache_states.invalidate(knowing, "response")
    assert not (await ask(services, knowing)).metadata.cached
    assert (await ask(services, knowing)).metadata.cached


async def test_without_redis_questions_are_answered_and_memory_still_helps(services, knowing, redis_server):
    redis_server.stop()
    try:
        first = await ask(services, knowing)
        again = await ask(services, knowing)
        assert told(again) == told(first)
        assert again.metadata.cache.tier == "memory"
    finally:
        redis_server.start()


def scripted(services, *deltas):
    """The services with a model that says `deltas`."""
    model = ScriptedGenerator(*deltas)
    return model, {"generators": Generators(model, services.extractive, NoGenerator())}


LAST = GenerationDelta(" In 1912 [1].", finished=True, model="scripted", finish_reason="stop")


async def test_a_model_is_asked_once_by_many_at_the_same_time(make_services, services, knowing):
    begun = asyncio.Event()

    async def wait():
        begun.set()
        await asyncio.sleep(0.3)

    model, replaced = scripted(services, "The lighthouse of Farol was built", wait, LAST)
    process = make_services(replaced)
    first = asyncio.create_task(ask(process, knowing))
    await asyncio.wait_for(begun.wait(), 10)
    others = await asyncio.gather(*(ask(process, knowing) for _ in range(4)))
    assert len(model.requests) == 1
    assert not (await first).metadata.cached
    assert [answer.metadata.cached for answer in others] == [True] * 4
    assert process.cache.statistics.snapshot()["response"]["none"]["stampede_waits"] == 4


async def test_a_model_asked_for_variety_is_asked_each_time(make_services, services, knowing):
    model, replaced = scripted(services, "The lighthouse of Farol was built", LAST)
    process = make_services(replaced)
    for _ in range(2):
        await ask(process, knowing, temperature=0.9)
    assert len(model.requests) == 2
    for _ in range(2):
        await ask(process, knowing, temperature=0.2)
    assert len(model.requests) == 3


async def test_a_reader_who_leaves_does_not_keep_others_waiting(make_services, services, knowing):
    begun = asyncio.Event()

    async def wait():
        begun.set()
        await asyncio.sleep(30)

    _, replaced = scripted(services, "The lighthouse of Farol was built", wait, LAST)
    process = make_services(replaced, wait_s=20)
    leaving = asyncio.create_task(ask(process, knowing))
    await asyncio.wait_for(begun.wait(), 10)
    begun.clear()
    staying = asyncio.create_task(ask(process, knowing))
    await asyncio.sleep(0.2)
    assert not begun.is_set()
    leaving.cancel()
    await asyncio.wait_for(begun.wait(), 10)  # the other one is being answered now
    staying.cancel()
    await asyncio.gather(leaving, staying, return_exceptions=True)
