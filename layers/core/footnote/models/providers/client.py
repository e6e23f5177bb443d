"""One HTTP client per process and event loop, kept open between invocations of a warm environment."""

from __future__ import annotations

import asyncio

import httpx

KEEPALIVE_S = 60.0
CONNECTIONS = 20


class HttpClient:
    """Hands out an `httpx.AsyncClient` that belongs to the running event loop.

    Connections cannot move between loops. A warm Lambda keeps one loop, so the client lives as long as the
    environment; where somebody starts another loop, a fresh client is opened.

    Args:
        connect_timeout_s: Time limit of opening a connection; the caller limits the whole exchange.
    """

    def __init__(self, connect_timeout_s: float) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def get(self) -> httpx.AsyncClient:
        """The running loop's client."""
        loop = asyncio.get_running_loop()
        if self._client is None or self._loop is not loop:
            limits = httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=KEEPALIVE_S)
            timeout = httpx.Timeout(None, connect=self._connect_timeout_s)
            self._client = httpx.AsyncClient(limits=limits, timeout=timeout, trust_env=False)
            self._loop = loop
        return self._client

    async def close(self) -> None:
        """Closes the connections; the next `get` opens new ones."""
        if self._client is not None and self._loop is asyncio.get_running_loop():
            await self._client.aclose()
        self._client = None
