"""The real embedding model inside of the test process, without its server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache

from footnote.models import EmbeddingModel, PassageVectors, report_usage
from functions.embedding.backends import Embedded, Item, Kind
from functions.embedding.backends.onnx import OnnxBackend
from functions.embedding.build import ensure
from local.paths import cache_directory


@lru_cache(maxsize=1)
def load_model() -> OnnxBackend:
    """The int8 model, built into the cache the first time."""
    directory = cache_directory() / "models" / "tests"
    ensure(directory)
    return OnnxBackend(directory, concurrency=1)


class InProcessEmbedder:
    """`footnote.models.Embedder` on the model itself."""

    def __init__(self) -> None:
        self._backend = load_model()

    async def model(self) -> EmbeddingModel:
        description = self._backend.description
        return EmbeddingModel(description.model, description.revision, description.dimension)

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        return await self._embed(texts, "query")

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        return await self._embed(texts, "passage")

    async def embed_passages_with_sentences(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> list[PassageVectors]:
        items = list(map(Item, texts, spans))
        return [
            PassageVectors(one.vector.tolist(), [] if one.spans is None else one.spans.tolist())
            for one in await self._run(items, "passage")
        ]

    async def _embed(self, texts: Sequence[str], kind: Kind) -> list[list[float]]:
        return [one.vector.tolist() for one in await self._run([Item(text) for text in texts], kind)]

    async def _run(self, items: Sequence[Item], kind: Kind) -> Sequence[Embedded]:
        embedded = await asyncio.to_thread(self._backend.embed, items, kind)
        report_usage("embedding_tokens", self._backend.description.model, sum(one.tokens for one in embedded))
        return embedded
