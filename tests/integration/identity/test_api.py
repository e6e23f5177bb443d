"""Sign-up to sign-out over HTTP: the way of a member, and what goes wrong on it."""

import asyncio
import json
from uuid import uuid4

import jwt
import pytest

from functions.accounts import routes
from functions.authorizer.handler import handler
from tests.support.accounts import PASSWORD, new_email

BOTH = {"email": "you@example.com", "password": PASSWORD}


async def _register(api, **fields):
    answer = await api.call("POST", "/auth/register", {"email": new_email(), "password": PASSWORD, **fields})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_the_way_of_a_member(api):
    email = new_email()
    credentials = {"email": email, "password": PASSWORD}
    registered = await api.call("POST", "/auth/register", {**credentials, "display_name": "Ada"})
    assert registered.status_code == 201
    assert registered.headers["cache-control"] == "no-store"
    body = registered.json()
    assert set(body) == {"access_token", "refresh_token", "token_type", "expires_in", "user", "organization"}
    assert (body["token_type"], body["expires_in"]) == ("bearer", 600)
    assert body["user"]["email"] == email
    assert (
        body["organization"]["storage_prefix"] == f"organizations/{body['organization']['organization_id']}/"
    )

    login = await api.call("POST", "/auth/login", credentials)
    assert login.status_code == 200
    token, refresh_token = login.json()["access_token"], login.json()["refresh_token"]

    me = await api.call("GET", "/users/me", token=token)
    assert me.status_code == 200
    assert me.json()["user"]["display_name"] == "Ada"
    assert me.json()["organization"] == body["organization"]
    assert (me.json()["role"], me.json()["is_complete"]) == ("owner", True)
    assert "documents:write" in me.json()["permissions"]

    changed = await api.call("PATCH", "/users/me", {"preferences": {"theme": "dark"}}, token=token)
    assert changed.json()["user"]["preferences"] == {"theme": "dark"}

    refreshed = await api.call("POST", "/auth/refresh", {"refresh_token": refresh_token})
    assert refreshed.status_code == 200
    assert set(refreshed.json()) == {"access_token", "refresh_token", "token_type", "expires_in"}
    token = refreshed.json()["access_token"]

    assert (await api.call("POST", "/auth/logout", token=token)).status_code == 204
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        await api.authorize(token)
    again = await api.call("POST", "/auth/refresh", {"refresh_token": refreshed.json()["refresh_token"]})
    assert again.status_code == 401


async def test_the_authorizers_answer_is_what_api_gateway_wants(api):
    body = await _register(api)
    token = body["access_token"]
    for header in ("Authorization", "authorization", "AUTHORIZATION"):
        context = await api.authorize(token, header=header)
    assert all(isinstance(value, str) for value in context.values())
    assert context["organization_id"] == body["organization"]["organization_id"]
    assert context["user_id"] == body["user"]["user_id"]
    assert (context["role"], context["plan"]) == ("owner", "free")
    assert "email" not in context
    event = {
        "type": "REQUEST",
        "methodArn": "arn:aws:execute-api:eu-west-1:123456789012:abc123/live/DELETE/documents/a/b",
        "headers": {"Authorization": f"Bearer {token}"},
    }
    answer = await asyncio.to_thread(handler, event, None)
    (statement,) = answer["policyDocument"]["Statement"]
    assert statement == {
        "Action": "execute-api:Invoke",
        "Effect": "Allow",
        "Resource": "arn:aws:execute-api:eu-west-1:123456789012:abc123/live/*",
    }
    assert answer["principalId"] == body["user"]["user_id"]


@pytest.mark.parametrize(
    "headers",
    [{}, None, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Basic eDp5"},
     {"Authorization": "Bearer a.b.c"}, {"Authorization": None}, {"X-Other": "Bearer a.b.c"}],
    ids=str,
)  # fmt: skip
async def test_without_a_genuine_token_the_authorizer_says_unauthorized(api, headers):
    event = {"type": "REQUEST", "methodArn": "arn:aws:execute-api:r:a:api/live/GET/x", "headers": headers}
    with pytest.raises(Exception, match=r"^Unauthorized$"):
        await asyncio.to_thread(handler, event, None)


def _comparable(answer):
    """What could tell two answers apart; ids are new each time, and the address's rate counts every call."""
    headers = {
        name: value
        for name, value in answer.headers.items()
        if name != "x-request-id" and not name.startswith("ratelimit-")
    }
    return answer.status_code, headers, {**answer.json(), "request_id": None}


async def test_a_wrong_password_and_an_unknown_address_cannot_be_told_apart(api):
    known = (await _register(api))["user"]["email"]
    unknown = new_email()
    for attempt in range(7):
        answers = [
            _comparable(await api.call("POST", "/auth/login", {"email": email, "password": "wrong one"}))
            for email in (known, unknown)
        ]
        for status, headers, body in answers:
            if status == 429:
                assert 0 < int(headers.pop("retry-after")) <= 900
                headers.pop("content-length")
            assert body["code"] == ("NOT_AUTHENTICATED" if attempt < 5 else "TOO_MANY_REQUESTS")
        assert answers[0] == answers[1]


async def test_a_taken_address_is_a_conflict(api):
    email = (await _register(api))["user"]["email"]
    answer = await api.call("POST", "/auth/register", {"email": email, "password": PASSWORD})
    assert answer.status_code == 409
    assert answer.json()["code"] == "CONFLICT"


@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[]",
        "{",
        '{"email": "you@example.com"}',
        json.dumps({**BOTH, "email": "no address"}),
        json.dumps({**BOTH, "email": "a\x00@example.com"}),
        json.dumps({**BOTH, "email": "a" * 400 + "@example.com"}),
        json.dumps({**BOTH, "password": "short"}),
        json.dumps({**BOTH, "password": "password"}),
        json.dumps({**BOTH, "password": "x" * 1025}),
        json.dumps({**BOTH, "password": "é" * 600}),
        json.dumps({**BOTH, "password": 12345678}),
        '{"email": "you@example.com", "password": "long enough \\ud800"}',
        '{"email": "\\ud800@example.com", "password": "long enough"}',
        json.dumps({**BOTH, "display_name": "a\x00b"}),
        json.dumps({**BOTH, "display_name": "  "}),
        json.dumps({**BOTH, "display_name": "x" * 256}),
        json.dumps({**BOTH, "organization_name": "two\nlines"}),
        json.dumps({**BOTH, "role": "owner"}),
        json.dumps({**BOTH, "is_verified": True}),
        "[" * 100_000,
    ],
    ids=lambda content: content[-24:],
)
async def test_requests_that_are_not_valid(api, content):
    for path in ("/auth/register", "/auth/login", "/auth/refresh"):
        answer = await api.call("POST", path, content=content)
        if path == "/auth/register":
            assert answer.status_code in {400, 422}
        assert answer.status_code < 500, (path, answer.text)
        assert "long enough" not in answer.text
        assert set(answer.json()) == {"code", "message", "details", "request_id"}


async def test_a_device_id_that_is_too_long(api):
    answer = await api.call("POST", "/auth/login", BOTH, headers={"X-Device-Id": "x" * 129})
    assert answer.status_code == 422


async def test_two_members_in_the_same_warm_processes(api):
    members = [await _register(api, display_name=f"canary-{uuid4().hex}") for _ in range(3)]
    for _ in range(5):
        for member in members:
            answer = await api.call("GET", "/users/me", token=member["access_token"])
            assert answer.json()["user"]["user_id"] == member["user"]["user_id"]
            for other in members:
                if other is not member:
                    assert other["user"]["display_name"] not in answer.text


async def test_an_account_is_not_served_without_an_identity(api):
    for headers in ({}, {"X-Forwarded-User": "root"}):
        answer = await api.call("GET", "/users/me", headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"
    assert (await api.call("POST", "/auth/logout")).status_code == 401


async def test_while_postgres_is_down_the_token_tells_who_it_is(api, monkeypatch):
    member = await _register(api)
    container = routes.container()
    down = container.settings.postgres.model_copy(update={"port": 1})
    container.settings = container.settings.model_copy(update={"postgres": down})
    answer = await api.call("GET", "/users/me", token=member["access_token"])
    assert answer.status_code == 200
    assert answer.json()["user"] == {"user_id": member["user"]["user_id"]}
    assert answer.json()["is_complete"] is False
    assert (await api.call("PATCH", "/users/me", {}, token=member["access_token"])).status_code == 503


async def test_no_answer_holds_a_hash_or_a_key(api):
    member = await _register(api)
    texts = [json.dumps(member), (await api.call("GET", "/users/me", token=member["access_token"])).text]
    texts.append(json.dumps(jwt.decode(member["access_token"], options={"verify_signature": False})))
    for text in texts:
        assert "argon2" not in text
        assert "password" not in text
        assert "sealed" not in text
    assert member["user"]["email"] not in texts[-1]
