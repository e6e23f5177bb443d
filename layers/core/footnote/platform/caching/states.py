"""What is valid now, and how everything of a kind is made invalid at once."""

from __future__ import annotations

from collections import OrderedDict
from uuid import UUID

from footnote.platform.caching.ports import CacheState, Generations
from footnote.platform.caching.tiers import TieredCache
from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ServiceUnavailable

_REMEMBERED = 1_000


class CacheStates:
    """Reads states, and ends generations.

    Args:
        generations: The authority.
        cache: Whose memory is emptied together with a generation.
        clock: Time.
        keep_s: Seconds for which `recent` is content with what was read before. So long may an invalidation
            take
            to reach other processes, for kinds whose keys hold no corpus version.
    """

    def __init__(
        self, generations: Generations, cache: TieredCache, clock: Clock, *, keep_s: float = 5.0
    ) -> None:
        self._generations = generations
        self._cache = cache
        self._clock = clock
        self._keep_s = keep_s
        self._read: OrderedDict[UUID, tuple[float, CacheState]] = OrderedDict()

    async def current(self, context: OrganizationContext) -> CacheState | None:
        """The state of this moment; `None` where it cannot be read, and then no cache may be used."""
        try:
            state = await self._generations.state(context)
        except ServiceUnavailable:
            return None
        self._read[context.organization_id] = (self._clock.monotonic(), state)
        self._read.move_to_end(context.organization_id)
        if len(self._read) > _REMEMBERED:
            self._read.popitem(last=False)
        return state

    async def recent(self, context: OrganizationContext) -> CacheState | None:
        """A state that is at most `keep_s` old; for what does not depend on documents."""
        known = self._read.get(context.organization_id)
        if known is not None and self._clock.monotonic() < known[0] + self._keep_s:
            return known[1]
        return await self.current(context)

    async def invalidate(self, context: OrganizationContext, kind: str) -> None:
        """Makes all of an organization's entries of a kind unfindable, in constant time.

        What they occupied is freed when their terms end.

        Raises:
            ServiceUnavailable: The generation could not be counted up; nothing is invalidated.
        """
        await self._generations.advance(context, kind)
        self._read.pop(context.organization_id, None)
        self._cache.forget(context, kind)
