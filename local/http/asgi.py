"""The little of ASGI that the gateway and the edge use, and a server that runs inside their event loop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from typing import Any

import uvicorn

from local.ports import LOOPBACK

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_BACKLOG = 2048
_KEEP_ALIVE_S = 75


class ClientLeft(Exception):
    """The client closed the connection before its request was complete."""


class BodyTooLarge(Exception):
    """The request's body is larger than allowed."""


async def body_chunks(receive: Receive) -> AsyncIterator[bytes]:
    """The pieces of a request's body.

    Raises:
        ClientLeft: It did not arrive whole.
    """
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        if message.get("body"):
            yield message["body"]
        if not message.get("more_body"):
            return


async def read_body(receive: Receive, limit: int) -> bytes:
    """A request's whole body.

    Raises:
        BodyTooLarge: It has more than `limit` bytes.
        ClientLeft: It did not arrive whole.
    """
    pieces: list[bytes] = []
    size = 0
    async for chunk in body_chunks(receive):
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge
        pieces.append(chunk)
    return b"".join(pieces)


async def respond(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    """Sends a whole answer."""
    head = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body})


class _Server(uvicorn.Server):
    """Leaves signals to the supervisor."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Serves one application on one loopback port until it is stopped.

    Args:
        application: The ASGI application.
        port: Where it is served.
        graceful_s: How long requests under way may take when it is stopped.
    """

    def __init__(self, application: Application, port: int, *, graceful_s: float = 1.0) -> None:
        # An application answers or logs each failure itself; uvicorn reports a cut stream as a defect.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        config = uvicorn.Config(
            application,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(graceful_s),
        )
        self._server = _Server(config)
        self._port = port
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listens; returns when requests are accepted.

        Raises:
            OSError: The port is taken.
        """
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, self._port))
            listener.listen(_BACKLOG)
        except OSError:
            listener.close()
            raise
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started:
            if self._task.done():
                await self._task
            await asyncio.sleep(0.002)

    async def stop(self) -> None:
        """Closes the port and the connections."""
        if self._task is not None:
            self._server.should_exit = True
            await self._task
            self._task = None
