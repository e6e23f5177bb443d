"""HTTP/1.1 to one server, with kept connections. Bodies are held in memory.

The gateway sits in front of moto, the models server and AWS's emulator, and adds its own time to each call.
Parsing is httptools' (C), so that a relayed call costs about a tenth of what general clients take.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

import httptools

Headers = list[tuple[bytes, bytes]]


class HttpError(OSError):
    """The server did not answer: refused, closed the connection, or sent what is not HTTP."""


@dataclass(frozen=True)
class HttpResponse:
    """A whole answer; header names are in lower case."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: bytes) -> bytes:
        """The first header of that name, or nothing."""
        return next((value for key, value in self.headers if key == name), b"")


class _Answer:
    """Collects what the parser finds."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.headers: Headers = []
        self.body: list[bytes] = []
        self.headed = False
        self.complete = False
        self.keeps_alive = False

    def on_headers_complete(self) -> None:
        self.headed = True

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_body(self, chunk: bytes) -> None:
        self.body.append(chunk)

    def on_message_complete(self) -> None:
        self.complete = True
        self.keeps_alive = self.parser.should_keep_alive()  # known at this very moment only

    def response(self) -> HttpResponse:
        return HttpResponse(self.parser.get_status_code(), self.headers, b"".join(self.body))


@dataclass(frozen=True)
class _Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


class HttpClient:
    """A client of one server.

    Args:
        host: Address of the server.
        port: Its port.
        timeout_s: Of a whole exchange.
        connections: How many idle connections are kept.
    """

    def __init__(self, host: str, port: int, *, timeout_s: float = 60.0, connections: int = 16) -> None:
        self._host = host
        self._port = port
        self._timeout_s = timeout_s
        self._kept = connections
        self._idle: list[_Connection] = []

    async def request(
        self,
        method: str,
        target: str,
        *,
        headers: Iterable[tuple[bytes, bytes]] = (),
        body: bytes = b"",
        timeout_s: float | None = None,
    ) -> HttpResponse:
        """Sends one request and reads the whole answer.

        Args:
            method: The method, in capitals.
            target: Path and query as they go on the wire.
            headers: `Host` and `Content-Length` are added.
            body: The whole body.
            timeout_s: Overrides the client's limit.

        Raises:
            HttpError: No answer could be had.
            TimeoutError: Not within the limit.
        """
        message = self._serialise(method, target, headers, body)
        async with asyncio.timeout(timeout_s or self._timeout_s):
            while self._idle:
                connection = self._idle.pop()
                if connection.reader.at_eof() or connection.writer.is_closing():
                    connection.writer.close()
                    continue
                try:
                    return await self._exchange(connection, message, method)
                except _ClosedBeforeAnswer:
                    continue  # the server had closed the kept connection; nothing was processed
            try:
                connection = _Connection(*await asyncio.open_connection(self._host, self._port))
            except OSError as error:
                raise HttpError(f"{self._host}:{self._port} refuses connections") from error
            return await self._exchange(connection, message, method)

    def close(self) -> None:
        """Closes the kept connections."""
        while self._idle:
            self._idle.pop().writer.close()

    def _serialise(
        self, method: str, target: str, headers: Iterable[tuple[bytes, bytes]], body: bytes
    ) -> bytes:
        lines = [f"{method} {target} HTTP/1.1".encode("latin-1")]
        names = set()
        for name, value in headers:
            lowered = name.lower()
            if lowered not in (b"connection", b"content-length", b"transfer-encoding", b"expect"):
                lines.append(name + b": " + value)
                names.add(lowered)
        if b"host" not in names:
            lines.append(f"host: {self._host}:{self._port}".encode())
        if body or method in ("POST", "PUT"):
            lines.append(b"content-length: %d" % len(body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    async def _exchange(self, connection: _Connection, message: bytes, method: str) -> HttpResponse:
        done = False
        try:
            connection.writer.write(message)
            response, keep = await self._read(connection.reader, method)
            done = keep and len(self._idle) < self._kept
            return response
        finally:
            if done:
                self._idle.append(connection)
            else:
                connection.writer.close()

    async def _read(self, reader: asyncio.StreamReader, method: str) -> tuple[HttpResponse, bool]:
        answer = _Answer()
        received = False
        while not answer.complete:
            try:
                data = await reader.read(262_144)
            except ConnectionError:
                data = b""
            if not data:
                if not received:
                    raise _ClosedBeforeAnswer(f"{self._host}:{self._port} closed the connection")
                if _ends_with_connection(answer.headers):
                    return answer.response(), False
                raise HttpError(f"{self._host}:{self._port} closed the connection amid its answer")
            received = True
            try:
                answer.parser.feed_data(data)
            except httptools.HttpParserError as error:
                raise HttpError(f"{self._host}:{self._port} sent what is not HTTP") from error
            if method == "HEAD" and answer.headed:
                return answer.response(), False
        return answer.response(), answer.keeps_alive


class _ClosedBeforeAnswer(HttpError):
    """The connection ended before the first byte of an answer."""


def _ends_with_connection(headers: Headers) -> bool:
    return not any(name in (b"content-length", b"transfer-encoding") for name, _ in headers)
