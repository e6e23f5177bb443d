"""Workers that die between any two steps."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
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


class _Wrapped:
    def __init__(self, part: Any, deadly: Deadly) -> None:
        self._part, self._deadly = part, deadly

    def __getattr__(self, name: str) -> Any:
        return self._deadly.function(getattr(self._part, name))


def expire_leases(database: TestDatabase) -> None:
    """Ends the leases of all versions: whoever comes next may take them over."""
    with psycopg.connect(database.superuser_dsn, autocommit=True) as connection:
        connection.execute("UPDATE knowledge.document_versions SET leased_until = now() - interval '1 hour'")
