"""Functions behave as on Lambda: one process each, one invocation at a time, and every way to fail."""

import asyncio
import json
import os
import time
from contextlib import asynccontextmanager

import psutil
import pytest

from local.runtime.invocation import RequestTooLarge
from local.runtime.service import FunctionRuntime
from tests.support.stack import RuntimeLayers, fixture_manifests


def alive(pid):
    """Whether the process runs (an orphan may stay a zombie where process 1 collects none)."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@asynccontextmanager
async def running(config, *names, **options):
    manifests = fixture_manifests()
    runtime = FunctionRuntime(config, [manifests[name] for name in names], RuntimeLayers(), **options)
    await runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop()


@pytest.fixture
async def probe(config):
    async with running(config, "probe") as runtime:
        yield runtime


async def answer(runtime, event, name="probe"):
    result = await runtime.invoke(name, event)
    assert result.function_error is None, result.payload
    return json.loads(result.payload)


async def error(runtime, event, name="probe"):
    result = await runtime.invoke(name, event)
    assert result.function_error == "Unhandled"
    return result.error()


async def test_the_environment_is_lambdas(probe, config):
    seen = await answer(probe, {})
    variables = seen["variables"]
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "footnote-probe"
    assert variables["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/footnote-probe"
    assert "[$LATEST]" in variables["AWS_LAMBDA_LOG_STREAM_NAME"]
    assert variables["_HANDLER"] == "functions.probe.handler.handler"
    assert variables["LAMBDA_TASK_ROOT"] == seen["directory"]
    assert variables["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert seen["arn"].endswith(":function:footnote-probe")
    assert 0 < seen["remaining_ms"] <= 2000
    assert len(seen["request_id"]) == 36


async def test_nothing_of_this_process_reaches_a_function(probe, monkeypatch):
    monkeypatch.setenv("CANARY", "seen")
    seen = await answer(probe, {})
    assert "CANARY" not in seen["variables"]
    assert not any("site-packages" in entry for entry in seen["path"])
    assert seen["uid"] != 0


async def test_a_warm_environment_is_used_again(probe):
    first = await answer(probe, {})
    second = await answer(probe, {})
    assert first["pid"] == second["pid"]
    assert second["calls"] == 2
    assert first["request_id"] != second["request_id"]


async def test_an_unhandled_exception_is_reported_and_the_environment_lives(probe):
    before = await answer(probe, {})
    failed = await error(probe, {"do": "raise"})
    assert failed["errorType"] == "IndexError"
    assert "list index out of range" in failed["errorMessage"]
    assert failed["stackTrace"]
    assert (await answer(probe, {}))["pid"] == before["pid"]


@pytest.mark.parametrize(
    ("action", "status"), [("exit", "exit status 3"), ("exit0", "exit status 0"), ("crash", "signal: 11")]
)
async def test_a_process_that_ends_is_replaced(probe, action, status):
    before = await answer(probe, {})
    failed = await error(probe, {"do": action})
    assert failed["errorType"] in ("Runtime.ExitError", "SystemExit")
    assert failed["errorType"] == "SystemExit" or status in failed["errorMessage"]
    after = await answer(probe, {})
    assert after["calls"] == 1 or after["pid"] == before["pid"]


async def test_a_timeout_ends_the_process_and_all_it_started(probe, config):
    before = await answer(probe, {})
    began = time.monotonic()
    failed = await error(probe, {"do": "linger"})
    assert 1.9 < time.monotonic() - began < 6
    assert "Task timed out after 2.00 seconds" in failed["errorMessage"]
    after = await answer(probe, {})
    assert after["pid"] != before["pid"]
    log = (config.data.logs / "functions" / "probe.log").read_text()
    child = int(log.split("child ")[1].split()[0])
    assert not alive(child)


async def test_a_response_over_six_megabytes_is_refused(probe):
    failed = await error(probe, {"do": "large"})
    assert failed["errorType"] == "Function.ResponseSizeTooLarge"
    assert "6291556" in failed["errorMessage"]
    assert await answer(probe, {})


async def test_a_request_over_six_megabytes_is_refused(probe):
    with pytest.raises(RequestTooLarge):
        await probe.invoke("probe", {"padding": "x" * (6 * 1024 * 1024)})
    assert (await answer(probe, {"padding": "x" * (5 * 1024 * 1024)}))["calls"] == 1


async def test_an_invocation_outlives_its_caller(probe, open_directory):
    done = open_directory / "done"
    await answer(probe, {})
    call = asyncio.create_task(probe.invoke("probe", {"sleep": 0.3, "touch": str(done)}))
    await asyncio.sleep(0.05)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not done.exists()
    deadline = time.monotonic() + 5
    while not done.exists():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_two_callers_get_two_processes(config):
    async with running(config, "slowstart") as runtime:
        answers = await asyncio.gather(*(answer(runtime, {"sleep": 0.6}, "slowstart") for _ in range(2)))
        assert len({seen["pid"] for seen in answers}) == 2


async def test_a_short_wait_starts_no_second_process(config):
    async with running(config, "slowstart") as runtime:
        await answer(runtime, {}, "slowstart")
        answers = await asyncio.gather(*(answer(runtime, {}, "slowstart") for _ in range(20)))
        assert len({seen["pid"] for seen in answers}) == 1


async def test_no_more_than_four_processes_and_the_rest_waits(config):
    async with running(config, "slowstart") as runtime:
        answers = await asyncio.gather(*(answer(runtime, {"sleep": 0.5}, "slowstart") for _ in range(9)))
        assert len(answers) == 9
        assert len({seen["pid"] for seen in answers}) <= 4


async def test_a_failed_import_is_reported_to_every_caller(config):
    async with running(config, "broken", "missing") as runtime:
        for _ in range(2):
            failed = await error(runtime, {}, "broken")
            assert failed["errorType"] == "ValueError"
            assert "no such luck" in failed["errorMessage"]
        failed = await error(runtime, {}, "missing")
        assert failed["errorType"] == "Runtime.ImportModuleError"
        assert "No module named 'fastapi'" in failed["errorMessage"]


async def test_a_slow_start_goes_on_within_the_first_invocations_time(config, monkeypatch):
    monkeypatch.setattr("local.runtime.environment.INIT_TIMEOUT_S", 0.01)
    async with running(config, "slowstart") as runtime:
        assert (await answer(runtime, {}, "slowstart"))["pid"]
    monkeypatch.setattr("local.runtime.environment.INIT_TIMEOUT_S", -0.9)
    async with running(config, "slowstart") as runtime:
        assert (await error(runtime, {}, "slowstart"))["errorType"] == "Sandbox.Timedout"


async def test_prewarming_starts_a_process_before_the_first_request(config):
    async with running(config, "slowstart") as runtime:
        runtime.prewarm(["slowstart"])
        while not runtime.status()["slowstart"]:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.6)
        began = time.monotonic()
        await answer(runtime, {}, "slowstart")
        assert time.monotonic() - began < 0.2


async def test_an_idle_process_ends(config):
    async with running(config, "probe", idle_ttl_s=0.2) as runtime:
        seen = await answer(runtime, {})
        deadline = time.monotonic() + 5
        while alive(seen["pid"]):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        assert (await answer(runtime, {}))["pid"] != seen["pid"]


async def test_stopping_leaves_no_process(config):
    async with running(config, "probe") as runtime:
        seen = await answer(runtime, {})
    assert not alive(seen["pid"])


async def test_a_killed_process_is_replaced_between_invocations(probe):
    seen = await answer(probe, {})
    os.kill(seen["pid"], 9)
    await asyncio.sleep(0.1)
    assert (await answer(probe, {}))["calls"] == 1
