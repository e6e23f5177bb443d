"""Ended sessions in Redis: `t:{organization}:revoked:{session}`, kept as long as an access token may live."""

from __future__ import annotations

from uuid import UUID

from footnote.stores.redis.connection import RedisConnection
from footnote.stores.redis.keys import organization_key


class RedisRevocations:
    """The revocation list.

    Args:
        redis: The connection.
    """

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis

    async def revoke(self, organization_id: UUID, session_id: UUID, ttl_s: int) -> None:
        key = organization_key(organization_id, "revoked", session_id)
        await self._redis.run(lambda client: client.set(key, "1", ex=ttl_s))

    async def is_revoked(self, organization_id: UUID, session_id: UUID) -> bool:
        key = organization_key(organization_id, "revoked", session_id)
        return bool(await self._redis.run(lambda client: client.exists(key)))
