"""Charges and idempotency of the chat function over HTTP."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from footnote.models import Usage
from footnote.platform.ids import new_id
from footnote.platform.settings import ChatSettings
from functions.chat.handler import app
from tests.support.charging import answer_charges, books_of
from tests.support.chat import QUESTION, ScriptedGenerator, finished
from tests.support.functions import FunctionClient

TOLD = ("The lighthouse of Farol was built in 1912 [1]. ", "It is forty metres high [1].")
DONE = finished(usage=Usage(200, 30, 120))


@pytest.fixture
def serve(monkeypatch, make_chat, conversations, database):
    """Serves answers of a scripted model under a plan; what it was asked."""

    def serve(*deltas, plan="enterprise"):
        asked = ScriptedGenerator(*(deltas or (*TOLD, DONE)))
        chat = make_chat(lambda extractive: asked, charges=answer_charges(database, plan))
        services = SimpleNamespace(
            chat=chat.orchestrator,
            conversations=conversations,
            settings=SimpleNamespace(chat=ChatSettings()),
        )

        async def of_organization(context):
            return services

        services.of_organization = of_organization
        monkeypatch.setattr("functions.chat.routes.container", lambda: services)
        return asked

    return serve


@pytest.fixture
def ask(knowing, no_rate_limits):
    client = FunctionClient(app)

    async def ask(key=None, path="/chat", context=knowing, **body):
        headers = {"Idempotency-Key": key} if key is not None else {}
        return await client.call(context, "POST", path, {"message": QUESTION, **body}, more_headers=headers)

    return ask


@pytest.fixture
def no_rate_limits(monkeypatch):
    """A hundred questions in a second are not what these tests are about."""

    class Unlimited:
        async def allow(self, context, rate_class):
            return None

    monkeypatch.setattr(
        "footnote.composition.admission_edge.container", lambda: SimpleNamespace(rates=Unlimited())
    )


def frames_of(text):
    frames = []
    for frame in text.strip("\n").split("\n\n"):
        name, data = frame.split("\n")
        frames.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return frames


@pytest.mark.parametrize("streams", [False, True])
async def test_the_cost_of_the_body_is_that_of_the_ledger(serve, ask, knowing, module_database, streams):
    serve()
    response = await ask(stream=streams)
    assert response.status_code == 200
    body = frames_of(response.text)[-1][1] if streams else response.json()
    cost = books_of(module_database.superuser_dsn, knowing.organization_id).cost
    assert body["metadata"]["cost"] == cost
    assert cost["total_micro_usd"] > 0
    if streams:
        (usage,) = [data for name, data in frames_of(response.text) if name == "usage"]
        assert usage == {"input_tokens": 200, "output_tokens": 30, "cached_tokens": 120, "cost": cost}


@pytest.mark.parametrize("first_path", ["/chat", "/chat/message"])
async def test_a_repeated_request_is_given_the_same_bytes(serve, ask, first_path):
    asked = serve()
    first = await ask("k-1", first_path)
    again = await ask("k-1", "/chat")
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.content == first.content
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert len(asked.requests) == 1


async def test_a_repeated_stream_is_a_stream_of_the_stored_answer(serve, ask):
    asked = serve()
    first = frames_of((await ask("k-1", stream=True)).text)
    again = await ask("k-1", stream=True)
    assert again.headers["content-type"].startswith("text/event-stream")
    assert again.headers["idempotency-replayed"] == "true"
    frames = frames_of(again.text)
    assert frames[-1] == first[-1]
    done = frames[-1][1]
    assert [name for name, _ in frames] == ["token", *(["citation"] * len(done["sources"])), "usage", "done"]
    assert frames[0][1] == {"text": done["answer"]}
    assert [data for name, data in frames if name == "citation"] == done["sources"]
    assert frames[-2][1]["cost"] == done["metadata"]["cost"]
    whole = await ask("k-1")  # how an answer is sent is no part of what is asked
    assert whole.json() == done
    assert len(asked.requests) == 1


async def test_a_key_belongs_to_one_request(serve, ask):
    asked = serve()
    await ask("k-1")
    for change in ({"message": "Who is its keeper?"}, {"max_tokens": 100}, {"filters": {"tags": ["x"]}}):
        response = await ask("k-1", **change)
        assert (response.status_code, response.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert len(asked.requests) == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "tab\there", b"\xc3\xa9"])
async def test_a_key_that_is_none_is_refused(serve, ask, key):
    asked = serve()
    response = await ask(key)
    assert (response.status_code, response.json()["code"]) == (422, "INVALID_REQUEST")
    assert "Idempotency-Key" in response.json()["message"]
    assert asked.requests == []


async def test_a_key_may_have_255_characters(serve, ask):
    serve()
    assert (await ask("!" + "~" * 254)).status_code == 200


async def test_a_request_that_is_being_served_is_a_conflict_with_a_time(serve, ask):
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def wait():
        reached.set()
        await go_on.wait()

    serve(TOLD[0], wait, TOLD[1], DONE)
    first = asyncio.create_task(ask("k-1"))
    await asyncio.wait_for(reached.wait(), 10)
    response = await ask("k-1")
    assert (response.status_code, response.json()["code"]) == (409, "REQUEST_IN_PROGRESS")
    assert int(response.headers["retry-after"]) >= 1
    go_on.set()
    assert (await ask("k-1")).content == (await first).content


async def test_the_101st_message_of_a_free_month_is_refused(serve, ask, knowing, module_database):
    asked = serve(plan="free")
    for _ in range(100):
        assert (await ask()).status_code == 200
    response = await ask()
    assert response.status_code == 429
    body = response.json()
    assert (body["code"], body["message"]) == ("QUOTA_EXCEEDED", "Monthly message quota exceeded.")
    assert (body["details"]["current_usage"], body["details"]["limit"]) == (100, 100)
    assert body["details"]["reset_at"].endswith("-01T00:00:00Z")
    assert body["request_id"]
    assert int(response.headers["retry-after"]) > 0
    assert len(asked.requests) == 100
    assert books_of(module_database.superuser_dsn, knowing.organization_id).units["messages"] == 100


async def test_a_session_that_does_not_exist_is_no_use_of_a_key(serve, ask):
    serve()
    assert (await ask("k-1", session_id=str(new_id()))).status_code == 404
    assert (await ask("k-1")).status_code == 200
