"""The HTTP edge: request ids, error bodies, cross-origin headers, identity."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from footnote.platform.errors import NotFound, ServiceUnavailable
from footnote.platform.http import Edge, Identity, RequestModel, add_headers, create_app
from local.gateway.cors import CrossOrigin

ORIGIN = "https://app.example.com"


class Body(RequestModel):
    password: str
    count: int = 1


@pytest.fixture
def app() -> FastAPI:
    app = create_app("test")

    @app.get("/missing")
    async def missing():
        raise NotFound("There is no such thing.", details={"id": "x"})

    @app.get("/down")
    async def down():
        raise ServiceUnavailable("The database is away.")

    @app.get("/bug")
    async def bug():
        raise RuntimeError("secret of the house")

    @app.get("/late")
    async def late():
        async def body():
            yield b"first"
            raise RuntimeError("secret of the house")

        return StreamingResponse(body())

    @app.post("/body")
    async def body(body: Body):
        return body.count

    @app.get("/me")
    async def me(identity: Identity):
        return str(identity.organization_id)

    return app


@pytest.fixture
async def client(app):
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_a_known_error_has_the_documented_body(client):
    reply = await client.get("/missing", headers={"X-Request-ID": "mine-1"})
    assert reply.status_code == 404
    assert reply.json() == {
        "code": "NOT_FOUND",
        "message": "There is no such thing.",
        "details": {"id": "x"},
        "request_id": "mine-1",
    }
    assert reply.headers["x-request-id"] == "mine-1"


async def test_unavailable_says_when_to_come_back(client):
    reply = await client.get("/down")
    assert (reply.status_code, reply.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize("sent", ["a b", "x" * 200, "a\tb", "<script>"])
async def test_a_harmful_request_id_is_replaced(client, sent):
    reply = await client.get("/missing", headers={"X-Request-ID": sent})
    assert reply.json()["request_id"] not in {"", sent}


async def test_an_unknown_error_tells_nothing(client):
    reply = await client.get("/bug")
    assert reply.status_code == 500
    assert reply.json()["code"] == "INTERNAL_ERROR"
    assert "secret" not in reply.text


async def test_an_error_within_a_stream_is_not_taken_for_its_end(app):
    sent = []
    incoming = [{"type": "http.request", "body": b"", "more_body": False}]

    async def send(message):
        sent.append(message)

    async def receive():
        return incoming.pop() if incoming else await asyncio.Event().wait()

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/late",
        "headers": [],
        "query_string": b"",
        "state": {},
    }
    with pytest.raises((RuntimeError, ExceptionGroup)):
        await app(scope, receive, send)
    assert [m["type"] for m in sent].count("http.response.start") == 1
    assert not any(m["type"] == "http.response.body" and not m.get("more_body") for m in sent)


async def test_a_wrong_body_names_the_field_and_never_the_value(client):
    reply = await client.post("/body", json={"password": ["hunter2"], "extra": 1})
    assert reply.status_code == 422
    assert {field["field"] for field in reply.json()["details"]["fields"]} == {"body.password", "body.extra"}
    assert "hunter2" not in reply.text
    told = (await client.post("/body", json={"password": "a\x00b"})).json()["details"]["fields"]
    assert told == [{"field": "body.password", "problem": "NUL characters are not allowed"}]


async def test_of_many_mistakes_the_first_are_told_and_the_answer_stays_small(client):
    """What is answered must fit through the gateway, whatever the client calls its fields."""
    reply = await client.post("/body", json={f"{number:0300}": 1 for number in range(5_000)})
    assert (reply.status_code, reply.json()["code"]) == (422, "INVALID_REQUEST")
    details = reply.json()["details"]
    assert len(details["fields"]) == 20
    assert details["fields"][0] == {"field": "body.password", "problem": "Field required"}
    assert details["further_problems"] == 5_001 - 20
    assert len(reply.content) < 10_000
    one = (await client.post("/body", json={"password": "x", "y": 1})).json()["details"]
    assert one == {
        "fields": [{"field": "body.y", "problem": "Extra inputs are not permitted"}],
        "further_problems": 0,
    }


async def test_no_identity_without_the_authorizer(client):
    reply = await client.get("/me", headers={"Authorization": "Bearer forged"})
    assert (reply.status_code, reply.json()["code"]) == (401, "NOT_AUTHENTICATED")
    assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("origins", "allowed"),
    [([], None), (["*"], ORIGIN), ([ORIGIN], ORIGIN), (["https://other.example.com"], None)],
)
async def test_only_named_origins_may_read_answers(app, origins, allowed):
    transport = httpx.ASGITransport(Edge(app, origins))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        reply = await client.get("/missing", headers={"Origin": ORIGIN})
    assert reply.headers.get("access-control-allow-origin") == allowed


async def test_headers_that_were_added_are_on_whatever_is_answered_and_browsers_may_read_them():
    app = create_app("test")
    told = {"RateLimit-Limit": "30", "RateLimit-Remaining": "7"}

    @app.get("/{kind}")
    async def answer(kind: str, request: Request):
        add_headers(request, told)
        add_headers(request, {"RateLimit-Remaining": "6"})
        if kind == "error":
            raise NotFound("There is no such thing.")
        if kind == "bug":
            raise RuntimeError("secret of the house")

    transport = httpx.ASGITransport(Edge(app, [ORIGIN]), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        for path in ("/plain", "/error", "/bug"):
            reply = await client.get(path, headers={"Origin": ORIGIN})
            found = {name: set(reply.headers.get_list(name)) for name in told}
            assert found == {"RateLimit-Limit": {"30"}, "RateLimit-Remaining": {"6"}}
            exposed = reply.headers["access-control-expose-headers"].split(",")
            assert {"Retry-After", "RateLimit-Reset", "RateLimit-Policy", *told} <= set(exposed)
    # The gateway's own answers let browsers read as much, and let them send an idempotency key.
    preflight = dict(CrossOrigin([ORIGIN]).preflight(ORIGIN, ["POST"]))
    assert preflight[b"access-control-expose-headers"].decode().split(",") == exposed
    assert b"Idempotency-Key" in preflight[b"access-control-allow-headers"].split(b",")
