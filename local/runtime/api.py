"""The Lambda Runtime API, served to one execution environment.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html: `GET …/invocation/next` waits for the next
event, `POST …/invocation/{id}/response` and `/error` end it, `POST …/init/error` reports a failed start.
A response posted with `Lambda-Runtime-Function-Response-Mode: streaming` is passed on chunk by chunk; its
trailers `Lambda-Runtime-Function-Error-Type` and `-Body` report an error after the first byte.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol, cast

import httptools

from local.ports import LOOPBACK
from local.runtime.invocation import RESPONSE_LIMIT_BYTES

_PREFIX = "/2018-06-01/runtime/"
_PHRASES = {200: b"OK", 202: b"Accepted", 400: b"Bad Request", 403: b"Forbidden", 404: b"Not Found",
            413: b"Payload Too Large"}  # fmt: skip
ERROR_TYPE = "lambda-runtime-function-error-type"
_RESPONSE_MODE = "lambda-runtime-function-response-mode"


class RuntimeHandler(Protocol):
    """What happens when the runtime process calls. All methods return at once."""

    def next_requested(self, connection: RuntimeConnection) -> None:
        """The process waits for an event: the handler answers `connection` when there is one."""

    def response_posted(self, request_id: str, body: bytes) -> bool:
        """The answer of the invocation; false where that is not the current one."""

    def response_too_large(self, request_id: str) -> None:
        """The process posted more than a response may hold."""

    def error_posted(self, request_id: str, error_type: str, body: bytes) -> bool:
        """The invocation's code raised; false where that is not the current invocation."""

    def initialization_failed(self, error_type: str, body: bytes) -> None:
        """The process could not start."""

    def stream_started(self, request_id: str) -> bool:
        """A streamed response begins; false where that is not the current invocation."""

    def stream_chunk(self, chunk: bytes) -> None:
        """More of the streamed response."""

    def stream_ended(self, trailers: Mapping[str, str]) -> None:
        """The streamed response is complete, or was broken off (trailers tell)."""


class RuntimeConnection(asyncio.Protocol):
    """One connection from the runtime process."""

    def __init__(self, handler: RuntimeHandler) -> None:
        self._handler = handler
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._reset()

    def _reset(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._trailers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._size = 0
        self._headed = False
        self._streaming = False

    @property
    def usable(self) -> bool:
        """Whether an answer can still reach the process."""
        return self._transport is not None and not self._transport.is_closing()

    def answer(self, status: int, body: bytes = b"{}", headers: Mapping[str, str] | None = None) -> None:
        """Writes a whole response."""
        if self._transport is None or not self.usable:
            return
        lines = [b"HTTP/1.1 %d %s" % (status, _PHRASES[status]), b"Content-Type: application/json"]
        lines += [f"{name}: {value}".encode() for name, value in (headers or {}).items()]
        lines.append(b"Content-Length: %d" % len(body))
        self._transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + body)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Not an isinstance check: uvloop's transports do not derive from asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the base class names it
        if self._streaming:
            self._streaming = False
            self._handler.stream_ended({ERROR_TYPE: "Runtime.TruncatedResponse"})

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            if self._transport is not None:
                self._transport.close()

    def on_message_begin(self) -> None:
        self._reset()

    def on_url(self, url: bytes) -> None:
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        into = self._trailers if self._headed else self._headers
        into[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        self._headed = True
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request_id, action = self._invocation()
        if action == "response" and self._headers.get(_RESPONSE_MODE) == "streaming":
            self._streaming = self._handler.stream_started(request_id)

    def on_body(self, chunk: bytes) -> None:
        if self._streaming:
            self._handler.stream_chunk(chunk)
            return
        self._size += len(chunk)
        if self._size <= RESPONSE_LIMIT_BYTES:
            self._body.append(chunk)

    def on_message_complete(self) -> None:
        if self._streaming:
            self._streaming = False
            self._handler.stream_ended(self._trailers)
            self.answer(202)
            return
        self._dispatch(self._parser.get_method(), b"".join(self._body))

    def _invocation(self) -> tuple[str, str]:
        """Id and action of `…/invocation/{id}/{action}`; empty for other targets."""
        parts = self._target.decode("latin-1").removeprefix(_PREFIX).split("/")
        return (parts[1], parts[2]) if len(parts) == 3 and parts[0] == "invocation" else ("", "")

    def _dispatch(self, method: bytes, body: bytes) -> None:
        target = self._target.decode("latin-1")
        request_id, action = self._invocation()
        error_type = self._headers.get(ERROR_TYPE, "Unknown")
        if method == b"GET" and target == f"{_PREFIX}invocation/next":
            self._handler.next_requested(self)
        elif method == b"POST" and target == f"{_PREFIX}init/error":
            self._handler.initialization_failed(error_type, body)
            self.answer(202)
        elif method == b"POST" and action == "response" and self._size > RESPONSE_LIMIT_BYTES:
            self._handler.response_too_large(request_id)
            self.answer(413)
        elif method == b"POST" and action == "response":
            self.answer(202 if self._handler.response_posted(request_id, body) else 400)
        elif method == b"POST" and action == "error":
            self.answer(202 if self._handler.error_posted(request_id, error_type, body) else 400)
        else:
            self.answer(404)


class RuntimeApiServer:
    """Serves the Runtime API of one environment on a port of its own."""

    def __init__(self, handler: RuntimeHandler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self.address = ""

    async def start(self) -> None:
        """Listens on a free port; `address` then says where."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: RuntimeConnection(self._handler), LOOPBACK, 0)
        self.address = f"{LOOPBACK}:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Stops listening."""
        if self._server is not None:
            self._server.close()
            self._server = None
