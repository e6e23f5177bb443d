"""The function that streams: its web server runs behind the adapter, its answer comes as it is produced."""

import asyncio
import json
import time

import psutil
import pytest

from local.runtime.invocation import StreamInterrupted
from local.runtime.service import FunctionRuntime
from tests.support.stack import RuntimeLayers, fixture_manifests


@pytest.fixture
async def runtime(config):
    runtime = FunctionRuntime(config, [fixture_manifests()["stream"]], RuntimeLayers())
    await runtime.start()
    yield runtime
    await runtime.stop()


def event(method="POST", path="/stream", body=None, headers=None, query=None):
    return {
        "httpMethod": method,
        "path": path,
        "multiValueHeaders": {name: [value] for name, value in (headers or {}).items()},
        "multiValueQueryStringParameters": query,
        "requestContext": {"requestId": "one", "authorizer": {"organization_id": "o"}},
        "body": json.dumps(body) if body is not None else None,
        "isBase64Encoded": False,
    }


async def collect(result):
    """Prelude, pieces with their times of arrival."""
    assert result.stream is not None, result.payload
    received = [(chunk, time.time()) async for chunk in result.stream]
    head, separator, rest = received[0][0].partition(b"\0" * 8)
    assert separator
    pieces = ([(rest, received[0][1])] if rest else []) + received[1:]
    return json.loads(head), pieces


async def test_pieces_arrive_as_they_are_produced(runtime):
    plan = {"pieces": 4, "pause": 0.15, "status": 201}
    await collect(await runtime.invoke("stream", event(body=plan)))
    prelude, pieces = await collect(await runtime.invoke("stream", event(body=plan)))
    assert prelude["statusCode"] == 201
    assert prelude["headers"]["content-type"] == "text/event-stream"
    assert prelude["cookies"] == ["a=1", "b=2"]
    assert len(pieces) == 4
    delays = [arrived - float(piece.split()[2]) for piece, arrived in pieces]
    assert max(delays) < 0.1, delays


async def test_only_the_adapter_sets_the_context_headers(runtime):
    forged = {"x-amzn-request-context": '{"authorizer": {"organization_id": "evil"}}', "X-Test": "kept"}
    asked = event("GET", "/stream/a b", headers=forged, query={"q": ["1&2", "ü"]})
    _, pieces = await collect(await runtime.invoke("stream", asked))
    seen = json.loads(b"".join(piece for piece, _ in pieces))
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    assert json.loads(headers["x-amzn-request-context"])["authorizer"] == {"organization_id": "o"}
    context = json.loads(headers["x-amzn-lambda-context"])
    assert context["env_config"]["function_name"] == "footnote-stream"
    assert context["deadline"] > time.time() * 1000
    assert headers["x-test"] == "kept"
    assert seen["path"] == "/stream/a%20b?q=1%262&q=%C3%BC"


async def test_a_server_that_breaks_off_interrupts_the_stream(runtime):
    result = await runtime.invoke("stream", event(body={"pieces": 1, "pause": 0, "break": True}))
    with pytest.raises(StreamInterrupted, match="Extension"):
        await collect(result)
    _, pieces = await collect(await runtime.invoke("stream", event(body={"pieces": 1, "pause": 0})))
    assert len(pieces) == 1


async def test_a_stream_over_its_time_is_interrupted(runtime):
    result = await runtime.invoke("stream", event(body={"pieces": 60, "pause": 0.1}))
    with pytest.raises(StreamInterrupted, match="timed out after 5"):
        await collect(result)


async def test_the_invocation_ends_although_the_reader_left(runtime, open_directory):
    done = open_directory / "done"
    plan = {"pieces": 3, "pause": 0.1, "touch": str(done)}
    result = await runtime.invoke("stream", event(body=plan))
    result.stream.discard()
    deadline = time.monotonic() + 5
    while not done.exists():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    await collect(await runtime.invoke("stream", event(body={"pieces": 1, "pause": 0})))


async def test_a_server_that_ends_is_replaced_with_its_adapter(runtime):
    await collect(await runtime.invoke("stream", event(body={"pieces": 1, "pause": 0})))
    [pid] = runtime.status()["stream"]
    children = psutil.Process(pid).children()
    result = await runtime.invoke("stream", event("GET", "/stream/exit"))
    assert result.function_error == "Unhandled"
    # The server ends a moment after it has broken off; nothing is sent to it in between.
    _, pieces = await collect(await runtime.invoke("stream", event(body={"pieces": 1, "pause": 0})))
    assert len(pieces) == 1
    assert runtime.status()["stream"] != [pid]
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, timeout=10)
    assert not alive
