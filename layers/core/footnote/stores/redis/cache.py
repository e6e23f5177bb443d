"""The second tier: `t:{organization}:cache:{kind}:{version}-{generation}-{digest}`, each with a term."""

from __future__ import annotations

from footnote.platform.caching import CacheKey
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import TenantLeak
from footnote.stores.redis.connection import RedisConnection
from footnote.stores.redis.keys import organization_key


class RedisCacheTier:
    """`footnote.platform.caching.CacheTier` on Redis.

    Args:
        redis: The connection.
    """

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis

    async def get(self, context: OrganizationContext, key: CacheKey, extend_s: int | None) -> str | None:
        """See `CacheTier.get`."""
        name = _name(context, key)
        if extend_s is None:
            found = await self._redis.run(lambda client: client.get(name))
        else:
            found = await self._redis.run(lambda client: client.getex(name, ex=extend_s))
        return None if found is None else str(found)

    async def set(self, context: OrganizationContext, key: CacheKey, value: str, ttl_s: int) -> None:
        """See `CacheTier.set`."""
        name = _name(context, key)
        await self._redis.run(lambda client: client.set(name, value, ex=ttl_s))

    async def delete(self, context: OrganizationContext, key: CacheKey) -> None:
        """See `CacheTier.delete`."""
        name = _name(context, key)
        await self._redis.run(lambda client: client.delete(name))


def _name(context: OrganizationContext, key: CacheKey) -> str:
    if key.organization_id != context.organization_id:
        raise TenantLeak("A cache key of another organization was used.")
    return organization_key(key.organization_id, "cache", key.kind, key.name)
