"""One execution environment: a runtime process and the Runtime API it talks to."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from local.ports import free_port
from local.runtime.api import ERROR_TYPE, RuntimeApiServer, RuntimeConnection
from local.runtime.invocation import (
    REQUEST_LIMIT_BYTES,
    RESPONSE_LIMIT_BYTES,
    InvocationResult,
    RequestTooLarge,
    ResponseStream,
    StreamInterrupted,
    exited,
    failure,
    timed_out,
)
from local.runtime.process import FunctionLog, FunctionProcess
from local.runtime.staging import ExecutionPlan

INIT_TIMEOUT_S = 10.0


class InitializationFailed(Exception):
    """An environment did not come up; `result` is what the waiting caller gets."""

    def __init__(self, result: InvocationResult) -> None:
        super().__init__(result.error().get("errorMessage", ""))
        self.result = result


@dataclass
class _Running:
    """The invocation an environment works on."""

    request_id: str
    result: asyncio.Future[InvocationResult]
    started: float = field(default_factory=time.monotonic)
    timer: asyncio.TimerHandle | None = None
    stream: ResponseStream | None = None

    def settle(self, result: InvocationResult) -> None:
        if not self.result.done():
            self.result.set_result(result)

    def fail(self, result: InvocationResult) -> None:
        """Ends the invocation in error, whether its response has begun or not."""
        if self.stream is not None:
            self.stream.end(StreamInterrupted(str(result.error().get("errorMessage"))))
        self.settle(result)


class ExecutionEnvironment:
    """Runs one invocation at a time in a process of its own, as Lambda does.

    Args:
        plan: How the process is started.
        log: The function's log.
        on_ready: Called whenever the process asks for the next event: it is free.
        on_end: Called once, when the process is gone.
    """

    def __init__(
        self,
        plan: ExecutionPlan,
        log: FunctionLog,
        on_ready: Callable[[ExecutionEnvironment], None],
        on_end: Callable[[ExecutionEnvironment], None],
    ) -> None:
        self._plan = plan
        self._log = log
        self._on_ready = on_ready
        self._on_end = on_end
        self._api = RuntimeApiServer(self)
        self._process: FunctionProcess | None = None
        self._initialized: asyncio.Future[InvocationResult | None] | None = None
        self._waiting: RuntimeConnection | None = None
        self._running: _Running | None = None
        self._watcher: asyncio.Task[None] | None = None
        self.last_used = time.monotonic()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None and self._process.running else None

    @property
    def usable(self) -> bool:
        """Whether the process waits for an event now."""
        return self._running is None and self._waiting is not None and self._waiting.usable

    async def start(self) -> None:
        """Starts the process and waits until it asks for its first event.

        Initialization that outlasts Lambda's 10 s goes on within the time of the first invocation.

        Raises:
            InitializationFailed: It reported an error, ended, or took too long.
        """
        began = time.monotonic()
        self._initialized = asyncio.get_running_loop().create_future()
        await self._api.start()
        self._process = await FunctionProcess.start(
            self._plan, self._plan.command, self._variables(), self._log
        )
        self._watcher = asyncio.create_task(self._watch(self._process))
        limit = INIT_TIMEOUT_S + self._plan.timeout_s
        try:
            error = await asyncio.wait_for(asyncio.shield(self._initialized), limit)
        except TimeoutError:
            error = timed_out("", limit)
        milliseconds = (time.monotonic() - began) * 1000
        if error is not None:
            self._log.write(f"INIT_REPORT Init Duration: {milliseconds:.2f} ms\tPhase: init\tStatus: error")
            await self.close()
            raise InitializationFailed(error)
        self._log.write(f"INIT_REPORT Init Duration: {milliseconds:.2f} ms\tPhase: init")

    async def invoke(self, event: bytes, request_id: str, trace_id: str) -> InvocationResult:
        """Hands one event to the process and waits for the answer, or its first byte where it streams.

        Raises:
            RequestTooLarge: The event is over 6 MB.
        """
        if len(event) > REQUEST_LIMIT_BYTES:
            raise RequestTooLarge(f"{len(event)} bytes exceed the limit of {REQUEST_LIMIT_BYTES}")
        connection, self._waiting = self._waiting, None
        assert connection is not None
        assert self._running is None
        loop = asyncio.get_running_loop()
        running = self._running = _Running(request_id, loop.create_future())
        running.timer = loop.call_later(self._plan.timeout_s, self._time_out, running)
        self._log.write(f"START RequestId: {request_id} Version: $LATEST")
        deadline = int((time.time() + self._plan.timeout_s) * 1000)
        connection.answer(200, event, self._event_headers(request_id, trace_id, deadline))
        return await running.result

    def kill(self) -> None:
        """Ends the process; the invocation it works on fails."""
        if self._process is not None:
            self._process.kill()

    async def close(self) -> None:
        """Ends the process and waits until it is gone."""
        self.kill()
        if self._watcher is not None:
            await asyncio.shield(self._watcher)
        self._api.close()

    # What the runtime process reports (RuntimeHandler).

    def next_requested(self, connection: RuntimeConnection) -> None:
        self._waiting = connection
        if self._initialized is not None and not self._initialized.done():
            self._initialized.set_result(None)
            return
        running = self._running
        if running is not None:
            # It moved on without answering: nothing more will come.
            running.fail(failure("Runtime.NoResponse", f"RequestId: {running.request_id} Error: no response"))
            self._finish(running)
        self.last_used = time.monotonic()
        self._on_ready(self)

    def response_posted(self, request_id: str, body: bytes) -> bool:
        return self._settle(request_id, InvocationResult(body))

    def response_too_large(self, request_id: str) -> None:
        message = (
            f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT_BYTES} bytes)."
        )
        self._settle(request_id, failure("Function.ResponseSizeTooLarge", message))

    def error_posted(self, request_id: str, error_type: str, body: bytes) -> bool:
        self._log.write(f"ERROR RequestId: {request_id} Error Type: {error_type}")
        return self._settle(request_id, InvocationResult(body, function_error="Unhandled"))

    def initialization_failed(self, error_type: str, body: bytes) -> None:
        self._log.write(f"INIT_ERROR Error Type: {error_type}")
        if self._initialized is not None and not self._initialized.done():
            self._initialized.set_result(InvocationResult(body, function_error="Unhandled"))

    def stream_started(self, request_id: str) -> bool:
        running = self._running
        if running is None or running.request_id != request_id or running.result.done():
            return False
        running.stream = ResponseStream()
        running.settle(InvocationResult(stream=running.stream))
        return True

    def stream_chunk(self, chunk: bytes) -> None:
        if self._running is not None and self._running.stream is not None:
            self._running.stream.feed(chunk)

    def stream_ended(self, trailers: Mapping[str, str]) -> None:
        running = self._running
        if running is None or running.stream is None:
            return
        error = trailers.get(ERROR_TYPE)
        running.stream.end(StreamInterrupted(error) if error else None)
        self._finish(running)

    # The life of an invocation.

    def _settle(self, request_id: str, result: InvocationResult) -> bool:
        running = self._running
        if running is None or running.request_id != request_id:
            return False
        running.settle(result)
        self._finish(running)
        return True

    def _finish(self, running: _Running) -> None:
        if running.timer is not None:
            running.timer.cancel()
        self._running = None
        milliseconds = (time.monotonic() - running.started) * 1000
        self._log.write(
            f"END RequestId: {running.request_id}\nREPORT RequestId: {running.request_id}\t"
            f"Duration: {milliseconds:.2f} ms\tMemory Size: {self._plan.memory_mb} MB"
        )

    def _time_out(self, running: _Running) -> None:
        if self._running is running:
            result = timed_out(running.request_id, self._plan.timeout_s)
            self._log.write(str(result.error()["errorMessage"]))
            running.fail(result)
            self._finish(running)
            self.kill()

    async def _watch(self, process: FunctionProcess) -> None:
        code = await process.wait()
        process.kill()  # what it started does not outlive it
        self._waiting = None
        self._api.close()
        if self._initialized is not None and not self._initialized.done():
            self._initialized.set_result(exited("", code))
        if self._running is not None:
            running = self._running
            running.fail(exited(running.request_id, code))
            self._finish(running)
        self._on_end(self)

    def _variables(self) -> dict[str, str]:
        stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{secrets.token_hex(16)}"
        variables = {"AWS_LAMBDA_RUNTIME_API": self._api.address, "AWS_LAMBDA_LOG_STREAM_NAME": stream}
        if self._plan.streaming:
            port = str(free_port())
            variables |= {"PORT": port, "AWS_LWA_PORT": port}
        return variables

    def _event_headers(self, request_id: str, trace_id: str, deadline_ms: int) -> dict[str, str]:
        return {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": self._plan.arn,
            "Lambda-Runtime-Trace-Id": trace_id,
        }


def trace_header() -> str:
    """A new X-Ray trace id, not sampled."""
    root = f"1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    return f"Root={root};Parent={secrets.token_hex(8)};Sampled=0"


def encode_event(event: object) -> bytes:
    """An event as it goes over the Runtime API."""
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()
