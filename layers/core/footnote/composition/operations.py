"""Whether the process can work."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from footnote.composition.chat import Chat

if TYPE_CHECKING:
    from footnote.models.providers.probe import GenerationProbe
    from footnote.operations import Health
    from footnote.stores.s3.probe import StorageProbe


class Operations(Chat):
    """Checks of what it needs."""

    @cached_property
    def health(self) -> Health:
        """Checks of all dependencies."""
        from footnote.operations import Check, Health
        from footnote.platform.errors import ServiceUnavailable

        async def redis() -> None:
            try:
                await self.redis.ping()
            except ServiceUnavailable:
                # Its limits are so short that the other checks of a cold process alone can exceed them.
                await self.redis.ping()

        async def embed() -> None:
            await self.embedder.embed_queries(["ready"])

        checks = [
            Check("postgres", self.database.ping, limit_s=1.0),
            Check("redis", redis, limit_s=1.0, is_critical=False),
            Check("storage", self.storage_probe.ping, limit_s=2.0),
            Check("embedding_model", embed, limit_s=2.0, failed="not ready"),
            Check("generation_model", self.generation_probe.ping, limit_s=2.0, failed="not ready"),
        ]
        if self.reranker is not None:
            rerank = partial(self.reranker.score, "ready", ["ready"])
            checks.append(
                Check("reranking_model", rerank, limit_s=2.0, is_critical=False, failed="not ready")
            )
        return Health(checks, self.clock)

    @cached_property
    def storage_probe(self) -> StorageProbe:
        from footnote.stores.s3.probe import StorageProbe

        return StorageProbe(self.settings.storage)

    @cached_property
    def generation_probe(self) -> GenerationProbe:
        from footnote.models.providers.probe import GenerationProbe

        return GenerationProbe(self.settings.generation, self.secrets)
