"""One invocation: its limits, its result, its response stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
REQUEST_LIMIT_BYTES = 6 * 1024 * 1024
RESPONSE_LIMIT_BYTES = 6 * 1024 * 1024 + 100
STREAM_LIMIT_BYTES = 200 * 1024 * 1024


class RequestTooLarge(Exception):
    """The event is larger than Lambda takes (HTTP 413, `RequestTooLargeException`)."""


class RuntimeStopped(Exception):
    """The runtime is shutting down and takes no more invocations."""


class StreamInterrupted(Exception):
    """A response stream ended with an error after its first byte."""


@dataclass(frozen=True)
class InvocationResult:
    """What an invocation came to.

    Attributes:
        payload: The function's answer, or the error document `{"errorType", "errorMessage", ...}`.
        function_error: `Unhandled` where the function failed (Lambda's `X-Amz-Function-Error`), else `None`.
        stream: The response as it is produced; then `payload` is empty.
    """

    payload: bytes = b""
    function_error: str | None = None
    stream: ResponseStream | None = None

    def error(self) -> dict[str, Any]:
        """The error document of a failed invocation."""
        try:
            document = json.loads(self.payload)
        except ValueError:
            document = None
        if isinstance(document, dict):
            return document
        return {"errorType": "Unknown", "errorMessage": self.payload.decode(errors="replace")}


def failure(error_type: str, message: str) -> InvocationResult:
    """The result of an invocation that the platform, not the function's code, ended."""
    document = {"errorType": error_type, "errorMessage": message}
    return InvocationResult(json.dumps(document).encode(), function_error="Unhandled")


def timed_out(request_id: str, timeout_s: float) -> InvocationResult:
    """Lambda's answer for a function that took too long."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return failure("Sandbox.Timedout", f"{now}Z {request_id} Task timed out after {timeout_s:.2f} seconds")


def exited(request_id: str, code: int) -> InvocationResult:
    """Lambda's answer for a runtime process that ended amid an invocation."""
    reason = f"signal: {-code}" if code < 0 else f"exit status {code}"
    return failure("Runtime.ExitError", f"RequestId: {request_id} Error: Runtime exited with error: {reason}")


class Invoker(Protocol):
    """Runs functions; see `FunctionRuntime`."""

    async def invoke(self, name: str, event: Mapping[str, Any]) -> InvocationResult: ...


class ResponseStream:
    """The chunks of a streamed response, in the order they are produced.

    The producer never waits for the reader: the invocation must finish although the client is slow or gone.
    """

    def __init__(self) -> None:
        self._chunks: asyncio.Queue[bytes | StreamInterrupted | None] = asyncio.Queue()
        self._size = 0
        self._ended = False
        self._discarding = False

    def feed(self, chunk: bytes) -> None:
        """Adds a chunk; beyond the 200 MB limit the stream ends with an error."""
        if self._ended:
            return
        self._size += len(chunk)
        if self._size > STREAM_LIMIT_BYTES:
            self.end(StreamInterrupted("the streamed response is larger than 200 MB"))
        elif not self._discarding:
            self._chunks.put_nowait(chunk)

    def end(self, error: StreamInterrupted | None = None) -> None:
        """Ends the stream, by an error or well; later ends count no more."""
        if not self._ended:
            self._ended = True
            self._chunks.put_nowait(error)

    def discard(self) -> None:
        """Drops what is still to come: the reader is gone."""
        self._discarding = True
        while not self._chunks.empty():
            self._chunks.get_nowait()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks.

        Raises:
            StreamInterrupted: The function failed after its first byte.
        """
        while True:
            chunk = await self._chunks.get()
            if chunk is None:
                return
            if isinstance(chunk, StreamInterrupted):
                raise chunk
            yield chunk
