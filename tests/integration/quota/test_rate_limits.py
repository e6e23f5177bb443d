"""Rate limits over HTTP: reached, told in the headers of all kinds of answers, and held without Redis."""

from datetime import timedelta

import pytest
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from footnote.composition.admission_edge import address_name, limited
from footnote.platform.http import create_app
from functions.auth.handler import app as auth
from tests.support.functions import FunctionClient
from tests.support.organizations import new_member

HEADERS = ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "ratelimit-policy")


def told(answer):
    """The four headers; none of them is missing."""
    return tuple(answer.headers[name] for name in HEADERS)


def limit_of(process, **rates):
    """The process as if its settings had other rates."""
    changed = process.container.settings.rates.model_copy(update=rates)
    process.container.settings = process.container.settings.model_copy(update={"rates": changed})


async def test_a_limit_is_reached_and_told_to_each_caller_on_their_own(api, process, owner, module_database):
    limit_of(process, default_per_minute=3)
    other = new_member(module_database, owner)
    answers = [await api.call(owner, "GET", "/quota") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert [told(answer)[:2] for answer in answers] == [
        ("3", "2"), ("3", "1"), ("3", "0"), ("3", "0"), ("3", "0"),
    ]  # fmt: skip
    refused = answers[-1]
    assert told(refused)[3] == "3;w=60"
    wait = int(refused.headers["retry-after"])
    assert 50 < wait <= 61
    assert told(refused)[2] == str(wait)
    body = refused.json()
    assert body["code"] == "RATE_LIMITED"
    reset_at = process.clock.now() + timedelta(seconds=wait, microseconds=999_999)
    assert body["details"] == {
        "current_usage": 3,
        "limit": 3,
        "window_s": 60,
        "retry": wait,
        "reset_at": reset_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }
    assert body["request_id"] == refused.headers["x-request-id"]
    assert (await api.call(other, "GET", "/quota")).status_code == 200
    # A key of the same member is counted for itself.
    by_key = {"key_id": "00000000-0000-0000-0000-00000000000a"}
    assert told(await api.call(owner, "GET", "/quota", claims=by_key))[1] == "2"


async def test_errors_have_the_headers_and_count_as_well(api, process, owner):
    limit_of(process, default_per_minute=3)
    wrong = await api.call(owner, "PUT", "/quota/members/default", {"nonsense": 1})
    assert (wrong.status_code, told(wrong)[1]) == (422, "2")
    missing = await api.call(
        owner, "DELETE", "/quota/blocks?kind=user&id=00000000-0000-0000-0000-00000000000a"
    )
    assert (missing.status_code, told(missing)[1]) == (404, "1")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"{", 422),
        (b"[" * 100_000, 422),
        (b"\xff", 422),
        (b"1" * 5_000, 422),
        (b"", 422),
        (b'{"messages": 1}', 200),
    ],
    ids=["cut off", "deep", "no text", "a long number", "nothing", "as it should be"],
)
async def test_a_body_counts_once_whatever_is_in_it(api, process, owner, sent, status):
    """Counted before it is read: a flood of what is no JSON is limited as well."""
    limit_of(process, default_per_minute=2)

    async def send():
        json_is_sent = {"content-type": "application/json"}
        return await api.call(owner, "PUT", "/quota/members/default", more_headers=json_is_sent, content=sent)

    answers = [await send() for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 429]
    assert [told(answer)[1] for answer in answers] == ["1", "0", "0"]
    assert status == 200 or answers[0].json()["code"] == "INVALID_REQUEST"
    assert answers[-1].json()["code"] == "RATE_LIMITED"


async def test_a_body_of_nobody_is_not_read(api):
    answer = await api.call(None, "PUT", "/quota/members/default", content=b"{")
    assert (answer.status_code, answer.json()["code"]) == (401, "NOT_AUTHENTICATED")


async def test_streams_and_defects_have_the_headers(make_process, serve, owner):
    router = APIRouter(route_class=limited("chat"))

    @router.get("/stream")
    async def stream():
        async def parts():
            yield b"first"
            yield b"second"

        return StreamingResponse(parts())

    @router.get("/bug")
    async def bug():
        raise RuntimeError("secret of the house")

    app = create_app("test")
    app.include_router(router)
    serve(make_process())
    client = FunctionClient(app)
    answer = await client.call(owner, "GET", "/stream")
    assert (answer.text, told(answer)[:2]) == ("firstsecond", ("30", "29"))
    answer = await client.call(owner, "GET", "/bug")
    assert (answer.status_code, told(answer)[:2]) == (500, ("30", "28"))
    assert answer.headers.get_list("ratelimit-limit") == ["30"]


async def test_a_limit_holds_coarsely_without_redis(api, process, owner, redis_server):
    limit_of(process, default_per_minute=2)
    redis_server.stop()
    try:
        answers = [await api.call(owner, "GET", "/quota") for _ in range(4)]
    finally:
        redis_server.start()
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    assert told(answers[-1])[:2] == ("2", "0")


async def test_routes_before_sign_in_are_limited_by_address(make_process, serve):
    process = make_process()
    limit_of(process, address_per_minute=2)
    serve(process, "functions.auth.routes")
    client = FunctionClient(auth)

    async def refresh(address):
        body = {"refresh_token": "x" * 300}
        return await client.call(None, "POST", "/auth/refresh", body, address=address)

    # What is refused by its form is looked at no further; it counts all the same.
    for address in ("203.0.113.9", "2001:db8:1:2::1"):
        answers = [await refresh(address) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [422, 422, 429, 429]
        assert told(answers[-1])[:2] == ("2", "0")
    # A neighbour of the same /64 is the same customer; another network is not.
    assert (await refresh("2001:db8:1:2:ffff::7")).status_code == 429
    assert (await refresh("2001:db8:1:3::1")).status_code == 422
    keys = await process.container.redis.run(lambda redis: redis.keys("p:*"))
    assert sorted(key for key in keys if "203" in key or "2001" in key) == [
        "p:rate:address:2001-0db8-0001-0002:address:60",
        "p:rate:address:2001-0db8-0001-0003:address:60",
        "p:rate:address:203.0.113.9:address:60",
    ]


async def test_an_address_is_the_one_that_the_gateway_saw(make_process, serve):
    """Whatever a client says of itself: each would be a new caller."""
    process = make_process()
    limit_of(process, address_per_minute=2)
    serve(process, "functions.auth.routes")
    client = FunctionClient(auth)
    statuses = []
    for number in range(4):
        said = f"198.51.100.{number}"
        forged = {"x-forwarded-for": said, "forwarded": f"for={said}", "x-real-ip": said}
        body = {"refresh_token": "x" * 300}
        answer = await client.call(
            None, "POST", "/auth/refresh", body, address="203.0.113.77", more_headers=forged
        )
        statuses.append(answer.status_code)
    assert statuses == [422, 422, 429, 429]


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8::1", "2001-0db8-0000-0000"),
        ("", "unknown"),
        ("x:y", "unknown"),
    ],
)
def test_addresses_as_names_of_counters(address, name):
    assert address_name(address) == name
