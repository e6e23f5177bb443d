"""The supervisor: starts, mends, stops, and leaves no orphans."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from local.engines import EngineError
from local.engines.redis import RedisEngine
from local.ports import free_port
from local.progress import Event
from local.supervisor import Supervisor
from tests.support.gateway import RecordingGateway

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = """
    import asyncio, signal, sys
    from pathlib import Path
    from local.engines.redis import RedisEngine
    from local.supervisor import Supervisor
    from tests.support.gateway import RecordingGateway

    async def main(folder, port):
        engine = RedisEngine(folder / "data", port, "pw", log=folder / "log", run_directory=folder)
        supervisor = Supervisor([engine], RecordingGateway(), lambda event: None)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, supervisor.request_stop)
        await supervisor.run(lambda: print(engine.process.pid, flush=True))

    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
"""


def engine(folder: Path, name: str = "redis") -> RedisEngine:
    return RedisEngine(
        folder / name,
        free_port(),
        "password",
        log=folder / f"{name}.log",
        run_directory=folder / f"{name}-run",
    )


async def until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_killed_engine_is_started_again_and_the_gateway_told(tmp_path: Path) -> None:
    redis, gateway = engine(tmp_path), RecordingGateway()
    supervisor = Supervisor([redis], gateway, lambda event: None)
    run = asyncio.create_task(supervisor.run())
    await until(lambda: "start" in gateway.calls)
    first = redis.process.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await until(lambda: "restarted redis" in gateway.calls)
    assert redis.process.pid not in {None, first}
    assert redis.ready()
    assert supervisor.restarts == {"redis": 1}
    supervisor.request_stop()
    await run
    assert gateway.calls == ["start", "restarted redis", "drain", "stop"]
    assert redis.process.pid is None


async def test_an_engine_that_does_not_start_stops_the_others(tmp_path: Path) -> None:
    good, bad = engine(tmp_path, "good"), engine(tmp_path, "bad")
    bad.prepare = lambda: bad.directory.write_text("a file, not a folder")  # type: ignore[method-assign]
    gateway, told = RecordingGateway(), list[Event]()
    with pytest.raises(EngineError, match="ended while starting"):
        await Supervisor([good, bad], gateway, told.append).run()
    assert "start" not in gateway.calls
    assert not good.ready()
    assert "failed" in {event.state for event in told}


async def test_a_stop_during_the_start_is_obeyed(tmp_path: Path) -> None:
    slow = engine(tmp_path)
    slow.ready = lambda: False  # type: ignore[method-assign]
    supervisor = Supervisor([slow], RecordingGateway(), lambda event: None)
    run = asyncio.create_task(supervisor.run())
    await until(lambda: slow.process.running)
    supervisor.request_stop()
    await asyncio.wait_for(run, 10)
    assert not slow.process.running


@pytest.mark.parametrize(("sign", "status"), [(signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)])
def test_no_engine_outlives_its_supervisor(tmp_path: Path, sign: signal.Signals, status: int) -> None:
    if sign == signal.SIGKILL and sys.platform != "linux":
        pytest.skip("only Linux ends children with a killed parent")
    paths = os.pathsep.join((str(ROOT), str(ROOT / "layers" / "core")))
    supervisor = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), tmp_path, str(free_port())],
        env=os.environ | {"PYTHONPATH": paths}, cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert supervisor.stdout is not None
    redis = psutil.Process(int(supervisor.stdout.readline()))
    supervisor.send_signal(sign)
    assert supervisor.wait(15) == status
    deadline = time.monotonic() + 10
    while redis.is_running() and redis.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.02)
