"""Vectors of questions, kept: the same text under the same revision of the model has the same vector."""

from __future__ import annotations

import base64
import binascii
import sys
from array import array
from collections.abc import Sequence
from dataclasses import replace

from footnote.models.ports import Embedder, EmbeddingModel, PassageVectors
from footnote.platform.caching import (
    EMBEDDING,
    CacheKey,
    CacheStates,
    Kind,
    TieredCache,
    Undecodable,
    digest,
)
from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext


class VectorCodec:
    """Base64 of little-endian float32: what the embedding endpoint sends, bit by bit."""

    def encode(self, value: list[float]) -> str:
        numbers = array("f", value)
        if sys.byteorder == "big":
            numbers.byteswap()
        return base64.b64encode(numbers.tobytes()).decode()

    def decode(self, text: str) -> list[float]:
        try:
            numbers = array("f", base64.b64decode(text, validate=True))
        except (ValueError, binascii.Error) as error:
            raise Undecodable("not a vector") from error
        if not numbers:
            raise Undecodable("an empty vector")
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers.tolist()


class EmbeddingCache:
    """Embedders that remember, one for each organization.

    The model's revision is a part of every key, and it is known only from the model's own answers. So a
    process that has had none for `revision_check_s` asks the model, whatever the cache holds: a new model is
    noticed within that time.

    Args:
        embedder: The model.
        cache: Where vectors are kept.
        states: Generations.
        clock: Time.
        revision_check_s: Seconds for which a revision is believed.
        ttl_s: Seconds in Redis; the store keeps ten times as long.
    """

    def __init__(
        self,
        embedder: Embedder,
        cache: TieredCache,
        states: CacheStates,
        clock: Clock,
        *,
        revision_check_s: float = 300.0,
        ttl_s: int = EMBEDDING.ttl_s,
    ) -> None:
        self._embedder = embedder
        self._cache = cache
        self._states = states
        self._clock = clock
        self._revision_check_s = revision_check_s
        self._kind: Kind = replace(EMBEDDING, ttl_s=ttl_s)
        self._codec = VectorCodec()
        self._answered_at: float | None = None

    def of(self, context: OrganizationContext) -> Embedder:
        """The embedder of one organization."""
        return _OrganizationEmbedder(self, self._embedder, context)

    async def vector(self, context: OrganizationContext, text: str) -> list[float]:
        """The vector of a question; same errors as `Embedder.embed_queries`."""
        state = await self._states.recent(context)
        if state is None:
            return await self._ask(text)
        generation = state.generation(self._kind.name)
        if not self._is_revision_known():
            vector = await self._ask(text)
            key = self._key(context, await self._embedder.model(), text, generation)
            await self._cache.set(context, self._kind, key, vector, self._codec)
            return vector

        async def compute() -> tuple[list[float], CacheKey]:
            vector = await self._ask(text)
            return vector, self._key(context, await self._embedder.model(), text, generation)

        key = self._key(context, await self._embedder.model(), text, generation)
        found = await self._cache.get_or_compute(context, self._kind, key, self._codec, compute)
        return found.value

    async def _ask(self, text: str) -> list[float]:
        vectors = await self._embedder.embed_queries([text])
        self._answered_at = self._clock.monotonic()
        return vectors[0]

    def _is_revision_known(self) -> bool:
        at = self._answered_at
        return at is not None and self._clock.monotonic() < at + self._revision_check_s

    def _key(
        self, context: OrganizationContext, model: EmbeddingModel, text: str, generation: int
    ) -> CacheKey:
        parts = {"model": model.name, "revision": model.revision, "dimension": model.dimension, "text": text}
        return CacheKey(
            context.organization_id, self._kind.name, digest(parts), generation, self._kind.version
        )


class _OrganizationEmbedder:
    """An `Embedder` whose single questions are cached.

    Several texts at once are sentences of passages, which nobody asks again, and go straight to the model.
    """

    def __init__(self, cache: EmbeddingCache, embedder: Embedder, context: OrganizationContext) -> None:
        self._cache = cache
        self._embedder = embedder
        self._context = context

    async def model(self) -> EmbeddingModel:
        return await self._embedder.model()

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        if len(texts) != 1:
            return await self._embedder.embed_queries(texts)
        return [await self._cache.vector(self._context, texts[0])]

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        return await self._embedder.embed_passages(texts)

    async def embed_passages_with_sentences(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> list[PassageVectors]:
        return await self._embedder.embed_passages_with_sentences(texts, spans)
