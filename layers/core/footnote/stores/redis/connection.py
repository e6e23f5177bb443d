"""One Redis client per process, with short time limits and a breaker.

Redis holds nothing that is not also elsewhere, so it may never be what a request waits for: 50 ms to connect,
100 ms per command, and after five failures within ten seconds five seconds without trying. The only retry is
for a connection that turns out to be closed, as one does after Lambda has frozen the process for a while; so
commands must bear being run twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from footnote.platform.breaker import Breaker
from footnote.platform.clock import Clock, SystemClock
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.platform.settings import RedisSettings

_Result = TypeVar("_Result")

logger = get_logger("redis")


class RedisUnavailable(ServiceUnavailable):
    """Redis did not answer in time; the caller goes on without it."""


class SecretReader(Protocol):
    """Gives a secret's text by its id."""

    async def get(self, secret_id: str) -> str: ...


class RedisConnection:
    """Runs commands, each within its time limit.

    Args:
        settings: Where Redis is and how long to wait (seconds).
        secrets: Source of the password.
        clock: Time of the breaker.
    """

    def __init__(self, settings: RedisSettings, secrets: SecretReader, clock: Clock | None = None) -> None:
        self._settings = settings
        self._secrets = secrets
        self._client: Redis | None = None
        self._breaker = Breaker(clock or SystemClock(), failures=5, window_s=10, open_s=5)

    async def run(self, command: Callable[[Redis], Awaitable[_Result]]) -> _Result:
        """Runs `command` on the client.

        Raises:
            RedisUnavailable: It failed or did not end in time, or the breaker is open.
        """
        if not self._breaker.allows():
            raise RedisUnavailable("Redis is unavailable.")
        client = self._client or await self._open()
        try:
            async with asyncio.timeout(self._settings.connect_timeout_s + self._settings.timeout_s):
                result = await command(client)
        except (RedisError, OSError, TimeoutError) as error:
            self._breaker.failed()
            logger.warning("redis unavailable", extra={"error": type(error).__name__})
            raise RedisUnavailable("Redis is unavailable.") from error
        self._breaker.succeeded()
        return result

    async def ping(self) -> None:
        """Returns if Redis answers.

        Raises:
            RedisUnavailable: It does not.
        """
        await self.run(lambda client: client.ping())

    async def close(self) -> None:
        """Ends the connection; the next command opens a new one."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _open(self) -> Redis:
        settings = self._settings
        password = await self._secrets.get(settings.password_secret) if settings.password_secret else None
        self._client = Redis(
            host=settings.host,
            port=settings.port,
            password=password,
            ssl=settings.tls,
            socket_connect_timeout=settings.connect_timeout_s,
            socket_timeout=settings.timeout_s,
            retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
            driver_info=None,
            decode_responses=True,
        )
        return self._client
