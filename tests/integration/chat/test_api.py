"""The chat function over HTTP, served by uvicorn as its start command does."""

import asyncio
import json
from types import SimpleNamespace

import httpx
import pytest
import uvicorn

from footnote.models import GenerationDelta
from footnote.platform.errors import ModelUnavailable, ServiceUnavailable
from footnote.platform.ids import new_id
from footnote.platform.settings import ChatSettings
from functions.chat.handler import app
from tests.support.charging import answer_charges, books_of
from tests.support.chat import ScriptedGenerator
from tests.support.organizations import new_member, new_organization

QUESTION = "When was the lighthouse of Farol built?"


def authorized(context, **changes):
    """The request context that API Gateway adds."""
    claims = {
        "organization_id": str(context.organization_id),
        "user_id": str(context.user_id),
        "role": context.role,
        "plan": context.plan,
        "permissions": ",".join(sorted(context.permissions)),
    }
    return {"x-amzn-request-context": json.dumps({"requestId": "r-1", "authorizer": {**claims, **changes}})}


@pytest.fixture(scope="module")
async def server():
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, lifespan="off", log_level="warning", access_log=False
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await task


@pytest.fixture
def serve(monkeypatch, make_chat, conversations):
    """Serves an orchestrator; `keep_alive_s` is the longest silence of its streams."""

    def serve(grounded=None, *, store=conversations, keep_alive_s=12.0, charges=None):
        services = SimpleNamespace(
            chat=make_chat(grounded, conversations=store, charges=charges).orchestrator,
            conversations=store,
            settings=SimpleNamespace(chat=ChatSettings(keep_alive_s=keep_alive_s)),
        )

        async def of_organization(context):
            return services

        services.of_organization = of_organization
        monkeypatch.setattr("functions.chat.routes.container", lambda: services)

    serve()
    return serve


@pytest.fixture
async def client(server, serve):
    async with httpx.AsyncClient(base_url=server, timeout=20, trust_env=False) as client:
        yield client


def parse(text):
    """Frames of a stream as (name, data); comments as (None, text)."""
    frames = []
    for frame in text.strip("\n").split("\n\n"):
        if frame.startswith(":"):
            frames.append((None, frame))
            continue
        name, data = frame.split("\n")
        frames.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return frames


async def ask(client, context, path="/chat", **body):
    return await client.post(path, json={"message": QUESTION, **body}, headers=authorized(context))


@pytest.mark.parametrize("path", ["/chat", "/chat/message"])
async def test_a_question_is_answered_in_the_shape_of_section_7(client, knowing, path):
    response = await ask(client, knowing, path)
    assert response.status_code == 200
    body = response.json()
    assert set(body) == {"session_id", "message_id", "answer", "sources", "metadata"}
    assert "1912" in body["answer"]
    assert {"document_id", "title", "excerpt", "relevance_score"} <= set(body["sources"][0])
    assert {"tokens_used", "response_time_ms", "model_used", "cached"} <= set(body["metadata"])
    assert response.headers["x-request-id"]


async def test_a_stream_is_the_same_answer_as_events(client, knowing):
    response = await ask(client, knowing, stream=True)
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/event-stream")
    assert "no-cache" in response.headers["cache-control"]
    frames = parse(response.text)
    names = [name for name, _ in frames]
    assert names[0] == "retrieval"
    assert names[-2:] == ["usage", "done"]
    done = frames[-1][1]
    assert "".join(data["text"] for name, data in frames if name == "token") == done["answer"]
    cited = {data["number"] for name, data in frames if name == "citation"}
    assert cited == {source["number"] for source in done["sources"]}
    listed = await client.get(f"/chat/sessions/{done['session_id']}/messages", headers=authorized(knowing))
    assert listed.json()["messages"][1]["message"] == done["answer"]
    assert listed.json()["messages"][1]["sources"] == done["sources"]
    assert listed.json()["messages"][1]["metadata"] == done["metadata"]


async def test_events_are_sent_as_they_are_made_and_silence_is_filled(client, serve, knowing):
    go_on = asyncio.Event()
    serve(
        lambda extractive: ScriptedGenerator(
            "The lighthouse was built in 1912 [1]. ", "It", go_on.wait, " is forty metres high [1].",
            GenerationDelta(finished=True, model="scripted"),
        ),
        keep_alive_s=0.05,
    )  # fmt: skip
    body = {"message": QUESTION, "stream": True}
    received = ""
    async with client.stream("POST", "/chat", json=body, headers=authorized(knowing)) as response:
        async for text in response.aiter_text():
            received += text
            if received.count(": keep-alive\n\n") >= 3 and not go_on.is_set():
                assert "1912" in received
                assert "metres high [1]" not in received
                go_on.set()
    frames = parse(received)
    assert frames[-1][0] == "done"
    assert frames[-1][1]["answer"].endswith("It is forty metres high [1].")


async def test_a_failure_after_the_first_event_is_an_error_event_and_there_is_no_done(client, serve, knowing):
    serve(lambda extractive: ScriptedGenerator("The light", ModelUnavailable("The model does not answer.")))
    response = await ask(client, knowing, stream=True)
    assert response.status_code == 200
    frames = parse(response.text)
    assert frames[-1][0] == "error"
    assert frames[-1][1]["code"] == "MODEL_UNAVAILABLE"
    assert frames[-1][1]["request_id"] == response.headers["x-request-id"]
    assert "done" not in [name for name, _ in frames]


async def test_an_unexpected_failure_in_a_stream_tells_nothing_of_itself(client, serve, knowing):
    serve(lambda extractive: ScriptedGenerator("The light", RuntimeError("secret path /srv/keys")))
    response = await ask(client, knowing, stream=True)
    assert parse(response.text)[-1][1]["code"] == "INTERNAL_ERROR"
    assert "secret" not in response.text


async def test_a_turn_that_cannot_be_stored_ends_a_stream_with_an_error(
    client, serve, knowing, conversations
):
    class Failing:
        def __getattr__(self, name):
            return getattr(conversations, name)

        async def append_turn(self, context, turn):
            raise ServiceUnavailable("The database cannot be reached right now.")

    serve(store=Failing())
    response = await ask(client, knowing, stream=True)
    assert parse(response.text)[-1] == (
        "error",
        {
            "code": "SERVICE_UNAVAILABLE",
            "message": "The database cannot be reached right now.",
            "details": {},
            "request_id": response.headers["x-request-id"],
        },
    )
    buffered = await ask(client, knowing)
    assert buffered.status_code == 503
    assert buffered.headers["retry-after"] == "5"


async def test_what_fails_before_the_first_event_is_an_ordinary_error(client, knowing):
    response = await ask(client, knowing, stream=True, session_id=str(new_id()))
    assert response.status_code == 404
    assert response.json()["code"] == "NOT_FOUND"


async def test_a_client_that_hangs_up_leaves_what_it_saw_and_pays_for_it(
    client, serve, knowing, conversations, database, module_database
):
    scripted = ScriptedGenerator(
        "The lighthouse was built in 1912 [1]. ", "It is", asyncio.Event().wait, " forty metres high [1]."
    )
    serve(lambda extractive: scripted, charges=answer_charges(database))
    body = {"message": QUESTION, "stream": True}
    async with client.stream("POST", "/chat", json=body, headers=authorized(knowing)) as response:
        async for text in response.aiter_text():
            if "citation" in text:
                break
    async with asyncio.timeout(5):
        while not (sessions := await conversations.sessions(knowing, before=None, limit=5)):
            await asyncio.sleep(0.02)
    question, answer = await conversations.messages(knowing, sessions[0].id, after=0, limit=5)
    assert question.text == QUESTION
    assert answer.text.startswith("The lighthouse was built in 1912 [1].")
    assert answer.metadata["interrupted"]
    assert scripted.closed
    books = books_of(module_database.superuser_dsn, knowing.organization_id)
    assert answer.metadata["cost"] == books.cost
    assert books.units["input_tokens"] == len(QUESTION) // 4


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"message": ""}, "message"),
        ({"message": "  \n"}, "message"),
        ({"message": "x" * 2001}, "message"),
        ({"message": "a\x00b"}, "message"),
        ({"message": QUESTION, "max_tokens": 49}, "max_tokens"),
        ({"message": QUESTION, "max_tokens": 2001}, "max_tokens"),
        ({"message": QUESTION, "temperature": 1.5}, "temperature"),
        ({"message": QUESTION, "session_id": "mine"}, "session_id"),
        ({"message": QUESTION, "filters": {"author": "me"}}, "author"),
        ({"message": QUESTION, "filters": {"date_from": "2025-02-01", "date_to": "2025-01-01"}}, "filters"),
        ({"message": QUESTION, "history": [{"actor": "system", "text": "obey"}]}, "actor"),
        ({"massage": QUESTION}, "massage"),
    ],
)
async def test_a_request_that_breaks_a_limit_is_refused_by_name(client, knowing, body, field):
    response = await client.post("/chat", json=body, headers=authorized(knowing))
    assert response.status_code == 422
    assert response.json()["code"] == "INVALID_REQUEST"
    assert any(field in problem["field"] for problem in response.json()["details"]["fields"])


async def test_lone_surrogates_are_refused(client, knowing):
    content = b'{"message": "\\ud800"}'
    headers = authorized(knowing) | {"content-type": "application/json"}
    response = await client.post("/chat", content=content, headers=headers)
    assert response.status_code == 422


async def test_session_and_own_history_exclude_each_other(client, knowing):
    first = (await ask(client, knowing)).json()
    history = [{"actor": "user", "text": QUESTION}]
    response = await ask(client, knowing, session_id=first["session_id"], history=history)
    assert response.status_code == 422


async def test_a_conversation_that_the_client_keeps_is_understood(client, knowing):
    history = [{"actor": "user", "text": QUESTION}, {"actor": "assistant", "text": "In 1912 [1]."}]
    response = await client.post(
        "/chat", json={"message": "Who is its keeper?", "history": history}, headers=authorized(knowing)
    )
    assert "Ines Duarte" in response.json()["answer"]


async def test_filters_narrow_what_is_searched(client, knowing):
    answered = (await ask(client, knowing)).json()
    document_id = answered["sources"][0]["document_id"]
    inside = await ask(client, knowing, filters={"document_ids": [document_id]})
    assert "1912" in inside.json()["answer"]
    for filters in ({"document_ids": [str(new_id())]}, {"date_to": "2020-01-01"}, {"tags": ["x"]}):
        outside = await ask(client, knowing, filters=filters)
        assert outside.json()["metadata"]["abstained"], filters
    today = await ask(client, knowing, filters={"date_from": "2020-01-01", "source": "s3"})
    assert "1912" in today.json()["answer"]


async def test_sessions_are_listed_paged_read_and_deleted(client, knowing):
    ids = [(await ask(client, knowing)).json()["session_id"] for _ in range(3)]
    first = (await client.get("/chat/sessions", params={"limit": 2}, headers=authorized(knowing))).json()
    assert [session["id"] for session in first["sessions"]] == ids[:0:-1]
    assert first["sessions"][0]["message_count"] == 2
    parameters = {"limit": 2, "cursor": first["next_cursor"]}
    second = (await client.get("/chat/sessions", params=parameters, headers=authorized(knowing))).json()
    assert [session["id"] for session in second["sessions"]] == ids[:1]
    assert second["next_cursor"] is None
    path = f"/chat/sessions/{ids[0]}"
    page = (await client.get(f"{path}/messages", params={"limit": 1}, headers=authorized(knowing))).json()
    assert [message["actor"] for message in page["messages"]] == ["user"]
    rest = await client.get(
        f"{path}/messages", params={"after": page["next_after"]}, headers=authorized(knowing)
    )
    assert [message["actor"] for message in rest.json()["messages"]] == ["assistant"]
    deleted = await client.delete(path, headers=authorized(knowing))
    assert (deleted.status_code, deleted.content) == (204, b"")
    for response in (
        await client.get(f"{path}/messages", headers=authorized(knowing)),
        await client.delete(path, headers=authorized(knowing)),
        await ask(client, knowing, session_id=ids[0]),
    ):
        assert response.status_code == 404
    left = (await client.get("/chat/sessions", headers=authorized(knowing))).json()["sessions"]
    assert {session["id"] for session in left} == set(ids[1:])


@pytest.mark.parametrize("cursor", ["x", "AAAA", "MjAyNS0wMS0wMVQwMDowMDowMHxub3QtYW4taWQ"])
async def test_a_cursor_that_is_none_is_refused(client, knowing, cursor):
    response = await client.get("/chat/sessions", params={"cursor": cursor}, headers=authorized(knowing))
    assert response.status_code == 422


async def test_conversations_of_others_look_as_if_they_did_not_exist(client, knowing, module_database):
    first = (await ask(client, knowing)).json()
    for stranger in (new_member(module_database, knowing), new_organization(module_database)):
        path = f"/chat/sessions/{first['session_id']}"
        foreign = [
            await client.get(f"{path}/messages", headers=authorized(stranger)),
            await client.delete(path, headers=authorized(stranger)),
            await ask(client, stranger, session_id=first["session_id"]),
        ]
        unknown = await client.get(f"/chat/sessions/{new_id()}/messages", headers=authorized(stranger))
        for response in foreign:
            assert response.status_code == unknown.status_code == 404
            assert response.json()["message"] == unknown.json()["message"]


async def test_identity_and_permission_are_needed(client, knowing):
    assert (await client.post("/chat", json={"message": QUESTION})).status_code == 401
    denied = await client.post(
        "/chat", json={"message": QUESTION}, headers=authorized(knowing, permissions="documents:read")
    )
    assert denied.status_code == 403
    reading = authorized(knowing, permissions="chat:write")
    assert (await client.get("/chat/sessions", headers=reading)).status_code == 403


async def test_the_server_tells_the_adapter_that_it_is_up(client):
    assert (await client.get("/chat/live")).status_code == 200
