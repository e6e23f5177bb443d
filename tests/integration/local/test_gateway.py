"""The public API behaves as API Gateway in front of Lambda."""

import asyncio
import base64
import json
import time

import httpx
import pytest

TOKEN = {"Authorization": "Bearer member"}


@pytest.fixture
async def api(stack):
    async with httpx.AsyncClient(base_url=stack.config.api_url, timeout=30) as client:
        yield client


def calls(response):
    """How often the authorizer had been asked when it answered for this request."""
    return int(response.json()["requestContext"]["authorizer"]["calls"])


async def test_a_proxy_event_is_api_gateways(api, events):
    response = await api.post(
        "/echo?tag=a&tag=b%20c&empty=", json={"question": "wörk?"}, headers={**TOKEN, "X-Test": "1"}
    )
    assert response.status_code == 200
    event = response.json()
    sample = events("api_proxy_request")
    assert event.keys() == sample.keys()
    assert sample["requestContext"].keys() == event["requestContext"].keys()
    assert sample["requestContext"]["identity"].keys() == event["requestContext"]["identity"].keys()
    assert event["resource"] == event["path"] == "/echo"
    assert event["httpMethod"] == "POST"
    assert event["queryStringParameters"] == {"tag": "b c", "empty": ""}
    assert event["multiValueQueryStringParameters"] == {"tag": ["a", "b c"], "empty": [""]}
    assert json.loads(event["body"]) == {"question": "wörk?"}
    assert event["isBase64Encoded"] is False
    assert event["headers"]["x-test"] == "1"
    assert event["multiValueHeaders"]["x-test"] == ["1"]
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    assert event["requestContext"]["requestId"] == response.headers["x-amzn-requestid"]
    assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]


async def test_the_authorizers_context_is_injected_as_strings(api):
    authorizer = (await api.get("/echo", headers=TOKEN)).json()["requestContext"]["authorizer"]
    assert authorizer["organization_id"] == "organization of member"
    assert authorizer["admin"] == "true"
    assert authorizer["calls"] == "1"
    assert authorizer["principalId"] == "member"


async def test_no_client_header_passes_for_an_identity(api):
    forged = {"x-amzn-request-context": '{"authorizer": {"organization_id": "evil"}}'}
    seen = (await api.get("/stream/1", headers=forged)).json()
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    assert "evil" not in headers["x-amzn-request-context"]


async def test_authorizer_answers_are_kept_by_the_header(api):
    first = await api.get("/echo", headers=TOKEN)
    again = await asyncio.gather(*(api.get("/echo", headers=TOKEN) for _ in range(5)))
    assert {calls(response) for response in [first, *again]} == {1}
    other = await api.get("/echo", headers={"Authorization": "Bearer other"})
    assert calls(other) == 2
    await asyncio.sleep(2.1)
    assert calls(await api.get("/echo", headers=TOKEN)) == 3


async def test_a_kept_policy_is_evaluated_for_each_method(api):
    reader = {"Authorization": "Bearer reader"}
    assert (await api.get("/echo", headers=reader)).status_code == 200
    refused = await api.post("/echo", headers=reader, json={})
    assert refused.status_code == 403
    assert refused.json()["code"] == "NOT_PERMITTED"


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "NOT_AUTHENTICATED"),
        ({"Authorization": "Bearer unknown"}, 401, "NOT_AUTHENTICATED"),
        ({"Authorization": "Bearer denied"}, 403, "NOT_PERMITTED"),
        ({"Authorization": "Bearer crash"}, 500, "INTERNAL_ERROR"),
        ({"Authorization": "Bearer nonsense"}, 500, "INTERNAL_ERROR"),
    ],
)
async def test_who_is_not_allowed_learns_why(api, headers, status, code):
    response = await api.get("/echo", headers={**headers, "X-Request-ID": "mine"})
    assert response.status_code == status
    assert response.headers["x-request-id"] == "mine"
    body = response.json()
    assert body["code"] == code
    assert body["request_id"] == "mine"
    assert body.keys() == {"code", "message", "details", "request_id"}


async def test_without_credentials_the_authorizer_is_not_asked(api, stack):
    await api.get("/echo")
    assert calls(await api.get("/echo", headers=TOKEN)) == 1


async def test_path_parameters_are_decoded(api):
    event = (await api.get("/echo/a%2Fb/parts/c%20d")).json()
    assert event["pathParameters"] == {"id": "a/b", "part": "c d"}
    assert event["path"] == "/echo/a%2Fb/parts/c%20d"
    assert event["resource"] == "/echo/{id}/parts/{part}"
    assert event["requestContext"].get("authorizer") is None


async def test_unknown_paths_and_methods(api):
    missing = await api.get("/nowhere")
    assert (missing.status_code, missing.json()["code"]) == (404, "NOT_FOUND")
    wrong = await api.delete("/echo")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert wrong.headers["allow"] == "GET, POST"


async def test_binary_bodies_pass_both_ways(api):
    sent = bytes(range(256))
    response = await api.post(
        "/echo/open", content=sent, headers={"Content-Type": "application/octet-stream"}
    )
    event = response.json()
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == sent
    assert (await api.get("/echo/open?do=binary")).content == sent


async def test_crashes_and_malformed_answers_tell_nothing(api):
    for action in ("crash", "malformed", "large"):
        response = await api.get(f"/echo/open?do={action}")
        assert response.status_code == 502
        assert response.json()["code"] == "BAD_GATEWAY"
        assert "secret" not in response.text


async def test_the_payload_limit_is_ten_megabytes(api):
    for content in (b"x" * (10 * 1024 * 1024 + 1), _pieces(11)):
        response = await api.post("/echo/open", content=content)
        assert (response.status_code, response.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert (await api.post("/echo/open?do=size", content=b"x" * 5_000_000)).text == "5000000"
    assert (await api.post("/echo/open", content=b"x" * 7_000_000)).status_code == 413


async def _pieces(megabytes):
    for _ in range(megabytes):
        yield b"x" * 1024 * 1024


async def test_a_slow_function_ends_in_a_gateway_timeout(api, stack):
    application = stack.gateway._server._server.config.app
    application._timeout_s = 0.5
    response = await api.get("/echo/open?do=slow")
    assert (response.status_code, response.json()["code"]) == (504, "GATEWAY_TIMEOUT")


async def test_a_stream_reaches_the_client_piece_by_piece(api):
    plan = {"pieces": 4, "pause": 0.15}
    await api.post("/stream", json=plan, headers=TOKEN)
    arrived = []
    async with api.stream("POST", "/stream", json=plan, headers=TOKEN) as response:
        assert response.headers["content-type"] == "text/event-stream"
        assert response.headers.get_list("set-cookie") == ["a=1", "b=2"]
        async for line in response.aiter_lines():
            if line:
                arrived.append((float(line.split()[2]), time.time()))
    assert len(arrived) == 4
    assert max(seen - produced for produced, seen in arrived) < 0.1
    assert arrived[-1][1] - arrived[0][1] > 0.3


async def test_a_broken_stream_is_cut_off(api):
    plan = {"pieces": 2, "pause": 0, "break": True}
    with pytest.raises(httpx.RemoteProtocolError):
        await api.post("/stream", json=plan, headers=TOKEN)


async def test_a_client_that_leaves_does_not_stop_the_function(api, open_directory):
    done = open_directory / "done"
    plan = {"pieces": 5, "pause": 0.1, "touch": str(done)}
    async with api.stream("POST", "/stream", json=plan, headers=TOKEN) as response:
        await anext(response.aiter_bytes())
    deadline = time.monotonic() + 5
    while not done.exists():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_two_callers_at_once_are_served_side_by_side(api):
    plan = {"pieces": 5, "pause": 0.2}
    await api.post("/stream", json={"pieces": 1, "pause": 0}, headers=TOKEN)
    began = time.monotonic()
    responses = await asyncio.gather(*(api.post("/stream", json=plan, headers=TOKEN) for _ in range(2)))
    assert all(response.text.count("data:") == 5 for response in responses)
    assert time.monotonic() - began < 1.9


async def test_each_request_is_logged_without_its_contents(api, stack):
    await api.get("/echo/secret-id/parts/1?token=hidden", headers={"X-Request-ID": "seen"})
    await asyncio.sleep(0.05)
    text = (stack.config.data.logs / "access.log").read_text()
    line = json.loads(text.splitlines()[-1])
    assert line["resource"] == "/echo/{id}/parts/{part}"
    assert (line["method"], line["status"], line["request_id"]) == ("GET", 200, "seen")
    assert "secret-id" not in text
    assert "hidden" not in text


async def test_the_swagger_page_needs_no_other_server(api):
    page = await api.get("/docs")
    assert page.status_code == 200
    assert "http" not in page.text.replace("charset", "")
    for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
        assert len((await api.get(f"/docs/{name}")).content) > 10_000
    assert (await api.get("/docs/../function.toml")).status_code == 404
