"""Answers are charged exactly, with their turn; on real Postgres."""

import pytest

from footnote.chat import ChatQuestion, Usage
from footnote.models import FallbackGenerator
from footnote.platform.errors import ModelUnavailable, NotFound, ServiceUnavailable
from footnote.platform.ids import new_id
from footnote.quota import (
    BudgetExceeded,
    Meter,
    QuotaExceeded,
    QuotaUnavailable,
)
from tests.support.asking import TOLD, USED, stored_turns
from tests.support.charging import answer_charges
from tests.support.chat import QUESTION, ScriptedGenerator, answer_of, events_of, finished, model
from tests.support.metering import PRICES, end_holds


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
