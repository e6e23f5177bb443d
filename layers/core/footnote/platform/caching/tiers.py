"""Three tiers as one cache: the nearest that has a value answers, and the nearer ones learn it.

A tier that fails counts as one that has nothing; no error of a cache ever reaches a caller. Misses of one key
at the same time are computed once per process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from footnote.platform.caching.codec import Codec, Undecodable
from footnote.platform.caching.flights import Flights
from footnote.platform.caching.keys import CacheKey
from footnote.platform.caching.memory import MemoryTier
from footnote.platform.caching.policy import PROMOTION_TTL_S, Kind, may_be_stored, plan
from footnote.platform.caching.ports import CacheTier
from footnote.platform.caching.statistics import CacheStatistics, Event, Tier
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.logging import get_logger

logger = get_logger("caches")

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Found(Generic[Value]):
    """A value and the tier that had it; `none` for one computed just now."""

    value: Value
    tier: Tier


class TieredCache:
    """Memory, Redis, store.

    Args:
        memory: First tier.
        redis: Second tier, if there is one.
        store: Third tier, if there is one.
        statistics: Where everything is counted.
        max_value_bytes: A larger value is not kept at all.
    """

    def __init__(
        self,
        *,
        memory: MemoryTier,
        redis: CacheTier | None,
        store: CacheTier | None,
        statistics: CacheStatistics,
        max_value_bytes: int,
    ) -> None:
        self._memory = memory
        self._redis = redis
        self._store = store
        # Those beyond memory, nearest first.
        self._outer: tuple[tuple[Tier, CacheTier | None], ...] = (("redis", redis), ("store", store))
        self.statistics = statistics
        self._max_value_bytes = max_value_bytes
        self._flights: Flights[Found[Any]] = Flights()

    async def get(
        self, context: OrganizationContext, kind: Kind, key: CacheKey, codec: Codec[Value]
    ) -> Found[Value] | None:
        """The value of the nearest tier that has one; nearer tiers learn it as its plan says.

        A value that cannot be decoded is a miss and is removed.
        """
        self.statistics.accessed(key.name)
        found = await self._read(context, kind, key)
        if found is None:
            return None
        text, tier = found
        try:
            value = codec.decode(text)
        except Undecodable:
            self._count(key, tier, "undecodable")
            logger.warning("an entry cannot be read", extra={"kind": kind.name, "tier": tier})
            await self.delete(context, key)
            return None
        self._count(key, tier, "hits")
        await self._promote(context, kind, key, text, tier)
        return Found(value, tier)

    async def set(
        self, context: OrganizationContext, kind: Kind, key: CacheKey, value: Value, codec: Codec[Value]
    ) -> None:
        """Keeps the value in the tiers of its plan."""
        text = codec.encode(value)
        size = len(text.encode())
        if size > self._max_value_bytes:
            return
        chosen = plan(kind, size, self.statistics.accesses(key.name))
        if chosen.memory:
            self._memory.set(key, text, chosen.ttl_s)
            self._count_set(key, "memory", size)
        await asyncio.gather(
            self._write(self._redis if chosen.redis else None, "redis", context, key, text, chosen.ttl_s),
            self._write(
                self._store if chosen.store else None, "store", context, key, text, chosen.store_ttl_s
            ),
        )

    async def get_or_compute(
        self,
        context: OrganizationContext,
        kind: Kind,
        key: CacheKey,
        codec: Codec[Value],
        compute: Callable[[], Awaitable[tuple[Value, CacheKey | None]]],
    ) -> Found[Value]:
        """The value; computed where no tier has it, once for all who ask at the same time.

        Args:
            context: Whose entry.
            kind: What it is.
            key: Where it is looked for.
            codec: How it is written.
            compute: Makes the value, and says under which key it may be kept (what it depends on may have
                changed since the key was made), or `None` not at all. Its errors reach everyone who waits.
        """

        async def work() -> Found[Any]:
            found = await self.get(context, kind, key, codec)
            if found is not None:
                return found
            value, keep = await compute()
            if keep is not None:
                await self.set(context, kind, keep, value, codec)
            return Found(value, "none")

        place = f"{key.organization_id}:{key.kind}:{key.name}"
        if place in self._flights:
            self._count(key, "none", "stampede_waits")
        return await self._flights.join(place, work)

    async def delete(self, context: OrganizationContext, key: CacheKey) -> None:
        """Removes one entry from every tier that can be reached."""
        self._memory.delete(key)
        for name, tier in self._outer:
            await self._remove(tier, name, context, key)
        self._count(key, "none", "invalidations")

    def forget(self, context: OrganizationContext, kind: str) -> None:
        """Drops an organization's entries of a kind from this process's memory."""
        self._memory.forget(context.organization_id, kind)
        self.statistics.count(kind, "none", "invalidations")

    async def _read(self, context: OrganizationContext, kind: Kind, key: CacheKey) -> tuple[str, Tier] | None:
        extend_s = kind.ttl_s if kind.slides else None
        text = self._memory.get(key, extend_s)
        if text is not None:
            return text, "memory"
        is_stored = may_be_stored(kind, self.statistics.accesses(key.name))
        for name, tier in self._outer:
            if name == "store" and not is_stored:
                continue
            text = await self._ask(tier, name, context, key, extend_s)
            if text is not None:
                return text, name
        self._count(key, "none", "misses")
        return None

    async def _ask(
        self,
        tier: CacheTier | None,
        name: Tier,
        context: OrganizationContext,
        key: CacheKey,
        extend_s: int | None,
    ) -> str | None:
        if tier is None:
            return None
        try:
            text = await tier.get(context, key, extend_s)
        except ServiceUnavailable:
            self._count(key, name, "unavailable")
            return None
        if text is None:
            self._count(key, name, "misses")
        return text

    async def _promote(
        self, context: OrganizationContext, kind: Kind, key: CacheKey, text: str, tier: Tier
    ) -> None:
        """Only upwards, and only where the plan wants it: 11.2 keeps embeddings out of memory, hit or not."""
        if tier == "memory":
            return
        size = len(text.encode())
        chosen = plan(kind, size, self.statistics.accesses(key.name))
        if chosen.memory:
            self._memory.set(key, text, min(chosen.ttl_s, PROMOTION_TTL_S))
            self._count_set(key, "memory", size)
        if tier == "store" and chosen.redis:
            await self._write(self._redis, "redis", context, key, text, PROMOTION_TTL_S)

    async def _write(
        self,
        tier: CacheTier | None,
        name: Tier,
        context: OrganizationContext,
        key: CacheKey,
        text: str,
        ttl_s: int,
    ) -> None:
        if tier is None:
            return
        try:
            await tier.set(context, key, text, ttl_s)
        except ServiceUnavailable:
            self._count(key, name, "unavailable")
        else:
            self._count_set(key, name, len(text.encode()))

    async def _remove(
        self, tier: CacheTier | None, name: Tier, context: OrganizationContext, key: CacheKey
    ) -> None:
        if tier is None:
            return
        try:
            await tier.delete(context, key)
        except ServiceUnavailable:
            self._count(key, name, "unavailable")

    def _count(self, key: CacheKey, tier: Tier, event: Event) -> None:
        self.statistics.count(key.kind, tier, event)

    def _count_set(self, key: CacheKey, tier: Tier, size: int) -> None:
        self.statistics.count(key.kind, tier, "sets")
        self.statistics.count(key.kind, tier, "bytes", size)
