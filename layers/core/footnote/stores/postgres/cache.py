"""The third tier in Postgres, and what is still valid: corpus version and generations."""

from __future__ import annotations

from footnote.platform.caching import CacheKey, CacheState
from footnote.platform.context import OrganizationContext
from footnote.stores.postgres.database import Database

_GET = """
    SELECT value FROM knowledge.cache_entries
     WHERE organization_id = %(organization_id)s AND kind = %(kind)s AND name = %(name)s AND expires_at >
     now()
"""
_EXTEND = """
    UPDATE knowledge.cache_entries SET expires_at = now() + make_interval(secs => %(ttl_s)s)
     WHERE organization_id = %(organization_id)s AND kind = %(kind)s AND name = %(name)s AND expires_at >
     now()
    RETURNING value
"""
_SET = """
    INSERT INTO knowledge.cache_entries (organization_id, kind, name, value, expires_at)
    VALUES (%(organization_id)s, %(kind)s, %(name)s, %(value)s, now() + make_interval(secs => %(ttl_s)s))
    ON CONFLICT (organization_id, kind, name)
    DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
"""
_DELETE = """
    DELETE FROM knowledge.cache_entries
     WHERE organization_id = %(organization_id)s AND kind = %(kind)s AND name = %(name)s
"""
_STATE = """
    SELECT coalesce((SELECT corpus_version FROM knowledge.corpora
                      WHERE organization_id = %(organization_id)s), 0) AS corpus_version,
           coalesce((SELECT jsonb_object_agg(kind, generation) FROM knowledge.cache_generations
                      WHERE organization_id = %(organization_id)s), '{}') AS generations
"""
_ADVANCE = """
    INSERT INTO knowledge.cache_generations (organization_id, kind, generation)
    VALUES (%(organization_id)s, %(kind)s, 1)
    ON CONFLICT (organization_id, kind) DO UPDATE SET generation = cache_generations.generation + 1
    RETURNING generation
"""


class PostgresCacheTier:
    """`footnote.platform.caching.CacheTier` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, context: OrganizationContext, key: CacheKey, extend_s: int | None) -> str | None:
        """See `CacheTier.get`."""
        async with self._database.tenant_tx(context) as cursor:
            if extend_s is None:
                await cursor.execute(_GET, _values(context, key))
            else:
                await cursor.execute(_EXTEND, {**_values(context, key), "ttl_s": extend_s})
            row = await cursor.fetchone()
        return str(row["value"]) if row else None

    async def set(self, context: OrganizationContext, key: CacheKey, value: str, ttl_s: int) -> None:
        """See `CacheTier.set`."""
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_SET, {**_values(context, key), "value": value, "ttl_s": ttl_s})

    async def delete(self, context: OrganizationContext, key: CacheKey) -> None:
        """See `CacheTier.delete`."""
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_DELETE, _values(context, key))


class PostgresGenerations:
    """`footnote.platform.caching.Generations` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def state(self, context: OrganizationContext) -> CacheState:
        """See `Generations.state`."""
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_STATE, {"organization_id": context.organization_id})
            row = await cursor.fetchone()
        assert row is not None
        return CacheState(row["corpus_version"], row["generations"])

    async def advance(self, context: OrganizationContext, kind: str) -> int:
        """See `Generations.advance`."""
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_ADVANCE, {"organization_id": context.organization_id, "kind": kind})
            row = await cursor.fetchone()
        assert row is not None
        return int(row["generation"])


def _values(context: OrganizationContext, key: CacheKey) -> dict[str, object]:
    return {"organization_id": context.organization_id, "kind": key.kind, "name": key.name}
