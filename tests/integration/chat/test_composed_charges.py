"""Charges of the services as a process composes them: a model's server, caches, the price table in force."""

import json

import pytest

from footnote.chat import ChatQuestion
from footnote.composition import Container
from footnote.models import Turn
from footnote.platform.settings import CacheSettings, GenerationSettings, RerankingSettings, Settings
from tests.support.charging import books_of
from tests.support.wire import serving

QUESTION = "When was the lighthouse of Farol built?"


async def speaks(received, reply):
    """An answer of the server's model, half of whose prompt it had kept."""
    usage = {
        "prompt_tokens": 400,
        "completion_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 200},
    }
    await reply.head(200, content_type="text/event-stream")
    for delta, reason in (("The lighthouse was built in 1912 [1].", None), (None, "stop")):
        choice = {"index": 0, "delta": {"content": delta} if delta else {}, "finish_reason": reason}
        await reply.chunk(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
    last = json.dumps({"choices": [], "usage": usage})
    await reply.chunk(f"data: {last}\n\ndata: [DONE]\n\n".encode())
    await reply.end()


@pytest.fixture
async def make_services(database, embedder):
    async with serving(speaks) as wire:

        def make(*, generation=True, **caches):
            server = {"base_url": f"{wire.url}/v1", "model": "our-model", "self_hosted": True}
            settings = Settings(
                environment="test",
                generation=GenerationSettings(**(server if generation else {})),
                reranking=RerankingSettings(endpoint_name=""),
                caches=CacheSettings(**({"redis": False, "store": False} | caches)),
            )
            services = Container(settings)
            services.__dict__ |= {"database": database, "embedder": embedder}
            return services

        yield make


@pytest.fixture
def books(module_database, knowing):
    return lambda: books_of(module_database.superuser_dsn, knowing.organization_id)


async def test_an_answer_costs_what_the_table_in_force_says(make_services, knowing, books):
    services = make_services()
    answer = await services.chat.answer(knowing, ChatQuestion(QUESTION))
    prices = await services.prices.current()
    found = books()
    assert answer.metadata.model_used == "our-model"
    assert answer.as_json()["metadata"]["cost"] == found.cost
    assert found.cost["price_version"] == prices.version > 0
    assert (found.units["input_tokens"], found.units["cached_tokens"]) == (400, 200)
    assert found.units["output_tokens"] == 12
    assert found.units["compute_ms"] > 0


async def test_a_cached_answer_is_a_message_at_no_cost(make_services, knowing, books):
    services = make_services(enabled=True)
    question = ChatQuestion(QUESTION, temperature=0.0)
    first = await services.chat.answer(knowing, question)
    before = books()
    again = await services.chat.answer(knowing, question)
    after = books()
    assert again.metadata.cached
    assert (first.metadata.cost.total_micro_usd > 0, again.metadata.cost.total_micro_usd) == (True, 0)
    assert after.cost["total_micro_usd"] == before.cost["total_micro_usd"]
    assert (after.units["messages"], after.units["api_calls"]) == (2, 2)
    assert {name: units for name, units in after.units.items() if "tokens" in name} == {
        name: units for name, units in before.units.items() if "tokens" in name
    }


async def test_an_extractive_answer_costs_its_embeddings_alone(make_services, knowing, books):
    answer = await make_services(generation=False).chat.answer(knowing, ChatQuestion(QUESTION))
    cost = answer.metadata.cost
    assert answer.metadata.model_used == "extractive"
    assert cost.total_micro_usd == cost.embedding > 0
    assert answer.as_json()["metadata"]["cost"] == books().cost


async def test_an_evaluation_is_not_charged_as_messages(make_services, knowing, books):
    subject = make_services().evaluation_subject({})
    answer = await subject.answer(knowing, ChatQuestion(QUESTION))
    assert answer.metadata.cost is None
    found = books()
    assert (found.units, found.holds) == ({}, {})


async def test_a_follow_up_that_a_model_words_anew_is_charged_for_both(make_services, knowing, books):
    history = (Turn("user", QUESTION), Turn("assistant", "It was built in 1912 [1]."))
    question = ChatQuestion("Who is its keeper?", history=history)
    answer = await make_services().chat.answer(knowing, question)
    found = books()
    assert (found.units["input_tokens"], found.units["cached_tokens"]) == (800, 400)
    assert answer.as_json()["metadata"]["cost"] == found.cost


async def test_no_answer_uses_more_than_was_reserved(make_services, knowing, superuser):
    long = "Tell me about the lighthouse, " + "its keeper and its height, " * 60 + "please."
    history = tuple(
        Turn(actor, "What about the lighthouse of Farol? " * 20) for actor in ("user", "assistant")
    )
    for services in (make_services(), make_services(generation=False)):
        for question in (
            ChatQuestion(QUESTION),
            ChatQuestion(long[:2000], max_tokens=2000),
            ChatQuestion("And its keeper?", history=history * 3),
            ChatQuestion(QUESTION, enable_rag=False, max_tokens=50),
            ChatQuestion("Which enzyme splits lactose?"),
        ):
            await services.chat.answer(knowing, question)
    over = superuser.execute(
        "SELECT u.meter, u.units, l.units FROM"
        " (SELECT organization_id, hold_id, meter, sum(units) AS units FROM quota.usage_ledger"
        "   WHERE feature = 'chat' GROUP BY 1, 2, 3"
        "  UNION ALL SELECT organization_id, hold_id, 'cost', sum(cost_micro_usd) FROM quota.usage_ledger"
        "   WHERE feature = 'chat' GROUP BY 1, 2) u"
        " JOIN quota.holds h USING (organization_id, hold_id)"
        " CROSS JOIN unnest(h.lines) l"
        " WHERE l.meter = u.meter AND l.subject = u.organization_id AND u.units > l.units"
    ).fetchall()
    assert over == []
    (held,) = superuser.execute(
        "SELECT count(*) FROM quota.holds WHERE organization_id = %s", (knowing.organization_id,)
    ).fetchone()
    assert held == 10
