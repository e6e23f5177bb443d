"""AWS's Runtime Interface Emulator as a second way to run functions: `--runner rie`.

It is a check of conformance, not the default: it loses every call when two arrive at once or a caller leaves
(aws-lambda-runtime-interface-emulator issues 97, 133), cuts requests over 6 MB short without a word, buffers
streams, and knows one region only. So each process has one caller at a time, calls are never cancelled, the
limits are ours, and a process that ended is replaced.

The program ships in the package `aws-sam-cli`, which is installed into a folder of its own without what it
depends on when it is first needed. `FOOTNOTE_RIE` names another one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import platform
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from uv import find_uv_bin

from local.http import HttpClient, HttpError
from local.interpreter import base_interpreter
from local.paths import REPOSITORY
from local.ports import LOOPBACK, accepts, free_ports
from local.runtime.environment import InitializationFailed
from local.runtime.invocation import (
    REQUEST_LIMIT_BYTES,
    InvocationResult,
    RequestTooLarge,
    exited,
    timed_out,
)
from local.runtime.process import FunctionLog, FunctionProcess
from local.runtime.staging import ExecutionPlan

REQUIREMENTS = REPOSITORY / "requirements" / "emulator.txt"
_ARCHITECTURES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
_PATH = "/2015-03-31/functions/function/invocations"
_START_TIMEOUT_S = 10.0
_POLL_S = 0.005
_OVERHEAD_S = 15.0
_TIMED_OUT = b"Task timed out after "


class EmulatorMissing(RuntimeError):
    """The emulator is not there and cannot be installed; the message says why."""


def find_emulator(cache: Path) -> Path:
    """The emulator's program.

    Raises:
        EmulatorMissing: It is nowhere.
    """
    named = os.environ.get("FOOTNOTE_RIE")
    if named:
        if not os.access(named, os.X_OK):
            raise EmulatorMissing(f"FOOTNOTE_RIE names {named}, which is not a program")
        return Path(named).resolve()
    architecture = _ARCHITECTURES.get(platform.machine().lower(), platform.machine())
    program = cache / "emulator" / "samcli" / "local" / "rapid" / f"aws-lambda-rie-{architecture}"
    if not program.exists():
        raise EmulatorMissing(f"AWS's Runtime Interface Emulator is not installed at {program}")
    return program


def install_emulator(cache: Path) -> Path:
    """Installs the emulator into the cache and returns its program; nothing to do where it is there.

    Raises:
        EmulatorMissing: It could not be installed; the message holds what uv printed.
    """
    with contextlib.suppress(EmulatorMissing):
        return find_emulator(cache)
    target = cache / "emulator"
    options = ["--quiet", "--no-deps", "--require-hashes", "--python", str(base_interpreter())]
    command = [find_uv_bin(), "pip", "install", *options, "--target", str(target), "-r", str(REQUIREMENTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EmulatorMissing(f"the emulator could not be installed: {done.stderr.strip()}")
    for program in (target / "samcli" / "local" / "rapid").glob("aws-lambda-rie-*"):
        program.chmod(0o755)
    return find_emulator(cache)


class EmulatorEnvironment:
    """One emulator with one runtime process; see `ExecutionEnvironment` for the arguments."""

    def __init__(
        self,
        emulator: Path,
        plan: ExecutionPlan,
        log: FunctionLog,
        on_ready: Callable[[EmulatorEnvironment], None],
        on_end: Callable[[EmulatorEnvironment], None],
    ) -> None:
        self._emulator = emulator
        self._plan = plan
        self._log = log
        self._on_ready = on_ready
        self._on_end = on_end
        self._process: FunctionProcess | None = None
        self._watcher: asyncio.Task[int] | None = None
        self._client: HttpClient | None = None
        self._busy = False
        self.last_used = time.monotonic()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.running else None

    @property
    def usable(self) -> bool:
        return self.pid is not None and not self._busy

    async def start(self) -> None:
        """Starts the emulator; the function initializes amid its first invocation.

        Raises:
            InitializationFailed: The emulator does not listen.
        """
        port, runtime_port = free_ports(2)
        addresses = ["--runtime-interface-emulator-address", f"{LOOPBACK}:{port}"]
        addresses += ["--runtime-api-address", f"{LOOPBACK}:{runtime_port}"]
        command = (str(self._emulator), "--log-level", "error", *addresses, *self._plan.command)
        limit = {"AWS_LAMBDA_FUNCTION_TIMEOUT": str(int(self._plan.timeout_s))}
        self._process = await FunctionProcess.start(self._plan, command, limit, self._log)
        self._watcher = asyncio.create_task(self._watch(self._process))
        self._client = HttpClient(LOOPBACK, port)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not accepts(port):
            if not self._process.running or time.monotonic() > deadline:
                await self.close()
                raise InitializationFailed(exited("", await self._watcher))
            await asyncio.sleep(_POLL_S)

    async def invoke(self, event: bytes, request_id: str, trace_id: str) -> InvocationResult:  # noqa: ARG002
        """Runs one invocation; the emulator makes up ids and trace of its own.

        Raises:
            RequestTooLarge: The event is over 6 MB.
        """
        if len(event) > REQUEST_LIMIT_BYTES:
            raise RequestTooLarge(f"{len(event)} bytes exceed the limit of {REQUEST_LIMIT_BYTES}")
        assert self._client is not None
        assert self._watcher is not None
        self._busy = True
        try:
            response = await self._client.request(
                "POST", _PATH, body=event, timeout_s=self._plan.timeout_s + _OVERHEAD_S
            )
        except HttpError:
            return exited(request_id, await self._watcher)
        except TimeoutError:
            await self.close()
            return timed_out(request_id, self._plan.timeout_s)
        self._busy = False
        self.last_used = time.monotonic()
        # The caller gets the answer before the next one gets the environment.
        asyncio.get_running_loop().call_soon(self._on_ready, self)
        return self._result(response.status, response.body, request_id)

    async def close(self) -> None:
        """Ends the emulator and the function."""
        if self._process is not None:
            self._process.kill()
        if self._watcher is not None:
            await asyncio.shield(self._watcher)
        if self._client is not None:
            self._client.close()

    def _result(self, status: int, body: bytes, request_id: str) -> InvocationResult:
        """Tells errors by the shape of the body: the emulator marks them by nothing else."""
        if body.startswith(_TIMED_OUT):
            return timed_out(request_id, self._plan.timeout_s)
        failed = status >= 400 or _is_error(body)
        return InvocationResult(body, function_error="Unhandled" if failed else None)

    async def _watch(self, process: FunctionProcess) -> int:
        code = await process.wait()
        process.kill()
        self._on_end(self)
        return code


def _is_error(body: bytes) -> bool:
    if b'"errorMessage"' not in body[:65_536]:
        return False
    document = json.loads(body)
    return isinstance(document, dict) and {"errorMessage", "errorType"} <= document.keys()
