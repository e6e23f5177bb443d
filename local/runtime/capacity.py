"""What all functions share: the number of environments, and of starts at once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol

ENVIRONMENTS = 24
STARTS = 2


class Evictable(Protocol):
    """A pool that can give an idle environment up."""

    @property
    def idle_since(self) -> float | None: ...
    def evict(self) -> None: ...


class Capacity:
    """Counts environments; when all places are taken, the one idle longest in any pool has to go.

    Args:
        environments: The most environments of all functions together.
        starts: The most that start at once; one start fills one processor.
    """

    def __init__(self, environments: int = ENVIRONMENTS, starts: int = STARTS) -> None:
        self._free = environments
        self._starts = asyncio.Semaphore(starts)
        self._pools: list[Evictable] = []
        self._waiting: deque[asyncio.Future[None]] = deque()

    def register(self, pool: Evictable) -> None:
        """Makes a pool's idle environments candidates for eviction."""
        self._pools.append(pool)

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """A turn to start an environment."""
        async with self._starts:
            yield

    async def take(self) -> None:
        """Takes one environment's place, evicting an idle environment where there is none."""
        if self._free > 0:
            self._free -= 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        idle = [pool for pool in self._pools if pool.idle_since is not None]
        if idle:
            min(idle, key=lambda pool: pool.idle_since or 0.0).evict()
        await waiter

    def give_back(self) -> None:
        """Frees one environment's place."""
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1

    def offer(self, pool: Evictable) -> None:
        """A pool has an idle environment: it goes if somebody waits for a place."""
        if self._waiting:
            pool.evict()
