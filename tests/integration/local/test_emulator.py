"""The same functions under AWS's own Runtime Interface Emulator: our runtime agrees with it."""

import asyncio
import json

import pytest

from local.runtime.invocation import RequestTooLarge
from local.runtime.service import FunctionRuntime
from tests.support.stack import RuntimeLayers, fixture_manifests, stack_config


@pytest.fixture
async def runtime(data_root):
    manifests = fixture_manifests()
    names = ("probe", "broken", "slowstart", "stream")
    config = stack_config(data_root, runner="rie")
    runtime = FunctionRuntime(config, [manifests[name] for name in names], RuntimeLayers())
    await runtime.start()
    yield runtime
    await runtime.stop()


async def test_an_answer_and_a_warm_process(runtime):
    seen = [json.loads((await runtime.invoke("probe", {})).payload) for _ in range(2)]
    assert seen[0]["pid"] == seen[1]["pid"]
    assert not any("site-packages" in entry for entry in seen[0]["path"])


@pytest.mark.parametrize(
    ("name", "do", "kind"),
    [
        ("probe", "raise", "IndexError"),
        ("probe", "exit", "Runtime.ExitError"),
        ("probe", "linger", "Sandbox.Timedout"),
        ("probe", "large", "Function.ResponseSizeTooLarge"),
        ("broken", "", "ValueError"),
    ],
)
async def test_failures_have_the_same_names(runtime, name, do, kind):
    result = await runtime.invoke(name, {"do": do})
    assert result.function_error == "Unhandled"
    assert result.error()["errorType"] == kind
    if name == "probe":
        assert json.loads((await runtime.invoke("probe", {})).payload)["pid"]


async def test_callers_at_once_never_share_an_emulator(runtime):
    results = await asyncio.gather(*(runtime.invoke("slowstart", {"sleep": 0.3}) for _ in range(6)))
    assert all(result.function_error is None for result in results)


async def test_a_caller_that_leaves_does_no_harm(runtime):
    await runtime.invoke("probe", {})
    call = asyncio.create_task(runtime.invoke("slowstart", {"sleep": 0.5}))
    await asyncio.sleep(0.7)
    call.cancel()
    assert (await runtime.invoke("slowstart", {})).function_error is None


async def test_a_large_request_is_refused_and_not_cut(runtime):
    with pytest.raises(RequestTooLarge):
        await runtime.invoke("probe", {"padding": "x" * (6 * 1024 * 1024)})


async def test_what_streams_runs_on_our_own_runtime(runtime):
    event = {"httpMethod": "POST", "path": "/stream", "body": '{"pieces": 2, "pause": 0.05}'}
    result = await runtime.invoke("stream", event)
    assert len([chunk async for chunk in result.stream]) >= 2
