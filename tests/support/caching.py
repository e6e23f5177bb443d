"""Caches for tests: a tier that stands in memory and may be down, and a whole cache around real tiers."""

from __future__ import annotations

from footnote.platform.caching import (
    CacheKey,
    CacheState,
    CacheStatistics,
    CacheTier,
    MemoryTier,
    TieredCache,
)
from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ServiceUnavailable


class DictTier:
    """A tier without an engine, for what the cache itself decides.

    Attributes:
        entries: Values with the seconds they were given, by organization, kind and name.
        down: Whether every call fails.
    """

    def __init__(self) -> None:
        self.entries: dict[tuple[object, str, str], tuple[str, int]] = {}
        self.down = False

    async def get(self, context: OrganizationContext, key: CacheKey, extend_s: int | None) -> str | None:
        self._check()
        found = self.entries.get(_place(context, key))
        return found[0] if found else None

    async def set(self, context: OrganizationContext, key: CacheKey, value: str, ttl_s: int) -> None:
        self._check()
        self.entries[_place(context, key)] = (value, ttl_s)

    async def delete(self, context: OrganizationContext, key: CacheKey) -> None:
        self._check()
        self.entries.pop(_place(context, key), None)

    def _check(self) -> None:
        if self.down:
            raise ServiceUnavailable("The tier is down.")


class CountingGenerations:
    """Generations without a store. `corpus_version` may be set."""

    def __init__(self) -> None:
        self.corpus_version = 1
        self.generations: dict[tuple[object, str], int] = {}
        self.reads = 0
        self.down = False

    async def state(self, context: OrganizationContext) -> CacheState:
        self.reads += 1
        if self.down:
            raise ServiceUnavailable("The store is down.")
        mine = {
            kind: number
            for (organization, kind), number in self.generations.items()
            if organization == context.organization_id
        }
        return CacheState(self.corpus_version, mine)

    async def advance(self, context: OrganizationContext, kind: str) -> int:
        place = (context.organization_id, kind)
        self.generations[place] = self.generations.get(place, 0) + 1
        return self.generations[place]


def make_cache(
    clock: Clock,
    redis: CacheTier | None = None,
    store: CacheTier | None = None,
    *,
    max_bytes: int = 1_000_000,
    max_value_bytes: int = 256 * 1024,
) -> TieredCache:
    """A cache with a memory of its own."""
    return TieredCache(
        memory=MemoryTier(clock, max_entries=100, max_bytes=max_bytes),
        redis=redis,
        store=store,
        statistics=CacheStatistics(clock, interval_s=1e9),
        max_value_bytes=max_value_bytes,
    )


def _place(context: OrganizationContext, key: CacheKey) -> tuple[object, str, str]:
    return context.organization_id, key.kind, key.name
