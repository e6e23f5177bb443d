"""What is remembered, and for how long it is valid."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from footnote.composition.models import Models

if TYPE_CHECKING:
    from footnote.models import EmbeddingCache
    from footnote.platform.caching import CacheStates, TieredCache


class Caching(Models):
    """Caches; their keys tell settings apart."""

    @cached_property
    def cache(self) -> TieredCache:
        """Memory, Redis and store."""
        from footnote.platform.caching import CacheStatistics, MemoryTier, TieredCache
        from footnote.stores.postgres.cache import PostgresCacheTier

        caches = self.settings.caches
        redis = None
        if caches.redis:
            from footnote.stores.redis.cache import RedisCacheTier

            redis = RedisCacheTier(self.redis)
        return TieredCache(
            memory=MemoryTier(self.clock, max_entries=caches.memory_entries, max_bytes=caches.memory_bytes),
            redis=redis,
            store=PostgresCacheTier(self.database) if caches.store else None,
            statistics=CacheStatistics(self.clock, interval_s=caches.metrics_s),
            max_value_bytes=caches.max_value_bytes,
        )

    @cached_property
    def cache_states(self) -> CacheStates:
        """What is valid now; ends the generation of what is not."""
        from footnote.platform.caching import CacheStates
        from footnote.stores.postgres.cache import PostgresGenerations

        generations = PostgresGenerations(self.database)
        return CacheStates(generations, self.cache, self.clock, keep_s=self.settings.caches.state_keep_s)

    @cached_property
    def embeddings(self) -> EmbeddingCache:
        from footnote.models import EmbeddingCache

        caches = self.settings.caches
        return EmbeddingCache(
            self.embedder,
            self.cache,
            self.cache_states,
            self.clock,
            revision_check_s=caches.revision_check_s,
            ttl_s=caches.embedding_ttl_s,
        )

    @cached_property
    def _settings_digest(self) -> str:
        """In cache keys: all that shapes results and answers but is not named there, settings and code."""
        from footnote import __version__
        from footnote.platform.caching import digest

        settings = self.settings
        shaping = ("retrieval", "chat", "generation", "embedding", "reranking")
        sections = {name: getattr(settings, name).model_dump() for name in shaping}
        return digest({"version": __version__} | sections)
