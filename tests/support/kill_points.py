"""Workers that die between any two steps."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import psycopg

from footnote.platform.errors import ServiceUnavailable
from tests.support.postgres import TestDatabase


class Killed(BaseException):
    """The process is gone: no handler of ours runs."""


class Deadly:
    """Wraps the parts of ingestion; the process dies before the n-th call of any of them."""

    def __init__(self, fatal: int) -> None:
        self._calls = itertools.count()
        self._fatal = fatal

    def wrap(self, part: Any) -> Any:
        return _Wrapped(part, self)

    def function(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def wrapped(*args: Any) -> Any:
            self.step()
            return await call(*args)

        return wrapped

    def step(self) -> None:
        if next(self._calls) == self._fatal:
            raise Killed


class Forgetful(Deadly):
    """The n-th call does what it is asked for, and its answer is lost on the way."""

    def function(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def wrapped(*args: Any) -> Any:
            answer = await call(*args)
            try:
                self.step()
            except Killed:
                raise ServiceUnavailable("The answer was lost.") from None
            return answer

        return wrapped


class Cancelling(Deadly):
    """Whoever waits is cancelled at the n-th moment: just before a call, or when it has just been done.

    Args:
        fatal: The moment.
        again: Goes on cancelling until it has ended, as cancel scopes do.
    """

    def __init__(self, fatal: int, *, again: bool = False) -> None:
        super().__init__(fatal)
        self._again = again
        self._task: asyncio.Task[Any] | None = None

    async def run(self, work: Coroutine[Any, Any, Any]) -> bool:
        """Runs work; whether it came to its end."""
        self._task = asyncio.create_task(work)
        await asyncio.wait({self._task})
        if self._task.cancelled():
            return False
        await self._task
        return True

    def function(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def wrapped(*args: Any) -> Any:
            self.step()
            answer = await call(*args)
            self.step()
            return answer

        return wrapped

    def step(self) -> None:
        if next(self._calls) == self._fatal:
            self._cancel()

    def _cancel(self) -> None:
        assert self._task is not None
        if not self._task.done():
            self._task.cancel()
            if self._again:
                asyncio.get_running_loop().call_soon(self._cancel)


class _Wrapped:
    def __init__(self, part: Any, deadly: Deadly) -> None:
        self._part, self._deadly = part, deadly

    def __getattr__(self, name: str) -> Any:
        return self._deadly.function(getattr(self._part, name))


def expire_leases(database: TestDatabase) -> None:
    """Ends the leases of all versions: whoever comes next may take them over."""
    with psycopg.connect(database.superuser_dsn, autocommit=True) as connection:
        connection.execute("UPDATE knowledge.document_versions SET leased_until = now() - interval '1 hour'")
