"""A TCP server that speaks HTTP byte by byte as a test tells it, also what no good server would say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Received:
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Wire:
    """The server's side of the test.

    Attributes:
        url: Its address.
        requests: What arrived, in order.
        connections: How many connections were opened.
        hung_up: Set when a client closes its connection while an answer is being written.
    """

    url: str = ""
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)


class Reply:
    """Writes one answer."""

    def __init__(self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader, wire: Wire) -> None:
        self._writer = writer
        self._reader = reader
        self._wire = wire

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def head(self, status: int = 200, **headers: str) -> None:
        """Status and headers of an answer whose body is chunked."""
        lines = [f"HTTP/1.1 {status} X", "Transfer-Encoding: chunked"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send(("\r\n".join(lines) + "\r\n\r\n").encode())

    async def chunk(self, data: bytes) -> None:
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def end(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def whole(self, status: int, body: bytes, **headers: str) -> None:
        """A complete answer."""
        await self.head(status, **headers)
        if body:
            await self.chunk(body)
        await self.end()

    def cut(self) -> None:
        """Closes the connection without another word."""
        self._writer.transport.abort()

    async def until_hung_up(self, limit_s: float = 5.0) -> None:
        """Returns when the client has closed its side."""
        async with asyncio.timeout(limit_s):
            while await self._reader.read(65_536):
                pass
        self._wire.hung_up.set()


Script = Callable[[Received, Reply], Awaitable[None]]


@asynccontextmanager
async def serving(*scripts: Script) -> AsyncIterator[Wire]:
    """Runs a server whose nth request is answered by the nth script; the last one answers all that follow."""
    wire = Wire()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        wire.connections += 1
        try:
            while (request := await _read(reader)) is not None:
                wire.requests.append(request)
                script = scripts[min(len(wire.requests), len(scripts)) - 1]
                await script(request, Reply(writer, reader, wire))
        except (ConnectionError, asyncio.IncompleteReadError):
            wire.hung_up.set()
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    wire.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield wire
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, path, headers, body)
