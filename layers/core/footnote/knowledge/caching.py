"""Search results, kept: the same query over the same documents has the same result."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, Protocol

from footnote.knowledge.followups import StandAloneQuery
from footnote.knowledge.models import Retrieval, SearchFilters, Strategy
from footnote.models import Embedder, EmbeddingCache
from footnote.platform.caching import (
    SEARCH,
    CacheKey,
    CacheState,
    CacheStates,
    JsonCodec,
    Kind,
    TieredCache,
    access_of,
    digest,
)
from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ModelUnavailable


class Searching(Protocol):
    """What is cached: `knowledge.Retriever`."""

    async def retrieve(
        self,
        context: OrganizationContext,
        query: str | StandAloneQuery,
        *,
        filters: SearchFilters | None = None,
        limit: int | None = None,
        strategy: Strategy = "auto",
    ) -> Retrieval: ...


class CachingRetriever:
    """A retriever that remembers. Results of a degraded search are never kept.

    Args:
        make: A retriever around the given embedder.
        embedder: The model.
        embeddings: Remembers query vectors; `None` where that is off.
        cache: Where results are kept; `None` where that is off.
        states: Corpus version and generations.
        clock: For timings.
        settings_digest: Stands for every setting that has a part in the ranking, and for the code's version.
        ttl_s: Seconds in Redis; the store keeps ten times as long.
    """

    def __init__(
        self,
        make: Callable[[Embedder], Searching],
        *,
        embedder: Embedder,
        embeddings: EmbeddingCache | None,
        cache: TieredCache | None,
        states: CacheStates,
        clock: Clock,
        settings_digest: str,
        ttl_s: int = SEARCH.ttl_s,
    ) -> None:
        self._make = make
        self._embedder = embedder
        self._embeddings = embeddings
        self._cache = cache
        self._states = states
        self._clock = clock
        self._settings_digest = settings_digest
        self._kind: Kind = replace(SEARCH, ttl_s=ttl_s)
        self._codec = JsonCodec(Retrieval)

    async def retrieve(
        self,
        context: OrganizationContext,
        query: str | StandAloneQuery,
        *,
        filters: SearchFilters | None = None,
        limit: int | None = None,
        strategy: Strategy = "auto",
        **options: Any,
    ) -> Retrieval:
        """See `Retriever.retrieve`; a call with further options is passed on and not kept."""
        chosen = filters or SearchFilters()
        state = await self._states.current(context) if self._cache and not options else None
        parts = None if state is None else await self._parts(context, query, chosen, limit, strategy)
        retriever = self._make(self._embedder if self._embeddings is None else self._embeddings.of(context))

        async def search() -> Retrieval:
            return await retriever.retrieve(
                context, query, filters=chosen, limit=limit, strategy=strategy, **options
            )

        if self._cache is None or state is None or parts is None:
            return await search()
        key = self._key(context, state, parts, state.corpus_version)

        async def compute() -> tuple[Retrieval, CacheKey | None]:
            found = await search()
            if found.degraded is not None:
                return found, None
            # Kept under the version that was really searched, whatever has happened since the state was read.
            return found, self._key(context, state, parts, found.corpus_version)

        started = self._clock.monotonic()
        found = await self._cache.get_or_compute(context, self._kind, key, self._codec, compute)
        if found.tier == "none":
            return found.value
        spent = round((self._clock.monotonic() - started) * 1000, 3)
        return replace(found.value, cache=found.tier, timings_ms={"cache": spent})

    async def _parts(
        self,
        context: OrganizationContext,
        query: str | StandAloneQuery,
        filters: SearchFilters,
        limit: int | None,
        strategy: Strategy,
    ) -> dict[str, Any] | None:
        """Everything but the corpus that a result depends on; `None` without the embedding model."""
        try:
            model = None if strategy == "lexical" else await self._embedder.model()
        except ModelUnavailable:
            return None
        return {
            "access": access_of(context),
            "query": query.strip() if isinstance(query, str) else _without_vectors(query),
            "filters": asdict(filters),
            "limit": limit,
            "strategy": strategy,
            "model": None if model is None else asdict(model),
            "settings": self._settings_digest,
            "shape": self._codec.fingerprint,
        }

    def _key(
        self, context: OrganizationContext, state: CacheState, parts: dict[str, Any], corpus_version: int
    ) -> CacheKey:
        return CacheKey(
            context.organization_id,
            self._kind.name,
            digest(parts | {"corpus_version": corpus_version}),
            state.generation(self._kind.name),
            self._kind.version,
        )


def _without_vectors(query: StandAloneQuery) -> dict[str, Any]:
    """What the vectors are made of says as much as they do."""
    return asdict(replace(query, vector=None, own_vector=None))
