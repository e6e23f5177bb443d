"""Single flight: work that several ask for at the same time is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

Result = TypeVar("Result")


@dataclass(slots=True)
class _Flight(Generic[Result]):
    task: asyncio.Task[Result]
    waiting: int = 0


class Flights(Generic[Result]):
    """Work under way in this process, by its name."""

    def __init__(self) -> None:
        self._under_way: dict[str, _Flight[Result]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._under_way

    async def join(self, name: str, work: Callable[[], Awaitable[Result]]) -> Result:
        """The result of `work`, or of the same work that is already under way; so are its errors.

        Who leaves does not end it for the others. When nobody waits any more it is cancelled and waited for:
        nothing may go on after a request has ended.
        """
        flight = self._under_way.get(name)
        if flight is None:
            flight = _Flight(asyncio.ensure_future(_run(work)))
            self._under_way[name] = flight
            flight.task.add_done_callback(lambda task: self._landed(name, task))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if flight.waiting == 0 and not flight.task.done():
                self._landed(name, flight.task)
                flight.task.cancel()
                with suppress(asyncio.CancelledError):
                    await flight.task

    def _landed(self, name: str, task: asyncio.Task[Result]) -> None:
        flight = self._under_way.get(name)
        if flight is not None and flight.task is task:
            del self._under_way[name]


async def _run(work: Callable[[], Awaitable[Result]]) -> Result:
    return await work()
