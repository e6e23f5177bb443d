"""Retrieval: a query, two legs, one ranked list of passages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from footnote.knowledge.fusion import Candidate, fusion
from footnote.knowledge.language import detect_language
from footnote.knowledge.models import Retrieval, RetrievedPassage, ScoredChunk, SearchFilters, Strategy
from footnote.knowledge.ports import SearchSnapshot, SearchStore
from footnote.models import Embedder, EmbeddingModel
from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ModelUnavailable
from footnote.platform.settings import RetrievalSettings

EMBEDDING_UNAVAILABLE = "The embedding model did not answer; only words were searched, not meaning."


@dataclass(frozen=True, slots=True)
class _QueryVector:
    values: Sequence[float]
    model: EmbeddingModel


class Retriever:
    """Finds the passages that a question is about.

    Args:
        store: Where chunks are searched.
        embedder: Turns the query into a vector.
        settings: Candidates per leg and the fusion method.
        clock: For timings.
    """

    def __init__(
        self, store: SearchStore, embedder: Embedder, settings: RetrievalSettings, clock: Clock
    ) -> None:
        self._store = store
        self._embedder = embedder
        self._settings = settings
        self._clock = clock
        self._fuse = fusion(settings)

    async def retrieve(
        self,
        context: OrganizationContext,
        query: str,
        *,
        filters: SearchFilters | None = None,
        limit: int = 10,
        strategy: Strategy = "auto",
        vector: Sequence[float] | None = None,
    ) -> Retrieval:
        """The best passages of the organization's active documents.

        All reads see one state of the corpus: never two versions of a document, never a deleted one.

        Args:
            context: Whose documents.
            query: What the words are searched for, and the meaning unless `vector` is given.
            filters: Applied in both legs before anything is ranked.
            limit: Passages to return.
            strategy: `auto` is `hybrid`. If the embedding model fails, `hybrid` goes on with words only and
                says so in `degraded`.
            vector: A query vector of the embedder's current model, made elsewhere (a follow-up question mixed
                with its history).

        Raises:
            ModelUnavailable: The strategy is `vector` and the embedding model failed.
            ServiceUnavailable: The store cannot be reached.
        """
        watch = _Stopwatch(self._clock)
        degraded: str | None = None
        query_vector: _QueryVector | None = None
        if strategy != "lexical":
            try:
                with watch.measure("embed"):
                    query_vector = await self._embed(query, vector)
            except ModelUnavailable:
                if strategy == "vector":
                    raise
                degraded = EMBEDDING_UNAVAILABLE
        words = None if strategy == "vector" else query
        search = _Search(words, query_vector, filters or SearchFilters(), self._settings.candidates)
        async with self._store.snapshot(context) as snapshot:
            candidates = await search.run(snapshot, watch)
            best = self._fuse(candidates)[:limit]
            with watch.measure("passages"):
                passages = await snapshot.passages([candidate.chunk_id for candidate, _ in best])
                corpus_version = await snapshot.corpus_version()
        return Retrieval(
            passages=tuple(
                RetrievedPassage(
                    passages[candidate.chunk_id],
                    score,
                    candidate.cosine,
                    candidate.bm25,
                    candidate.dense_rank,
                    candidate.lexical_rank,
                )
                for candidate, score in best
            ),
            strategy=search.name,
            degraded=degraded,
            corpus_version=corpus_version,
            timings_ms=watch.milliseconds,
        )

    async def _embed(self, query: str, vector: Sequence[float] | None) -> _QueryVector:
        values = vector if vector is not None else (await self._embedder.embed_queries([query]))[0]
        return _QueryVector(values, await self._embedder.model())


@dataclass(frozen=True, slots=True)
class _Search:
    """The legs that run, and what they search for."""

    words: str | None
    vector: _QueryVector | None
    filters: SearchFilters
    limit: int

    @property
    def name(self) -> str:
        if self.vector is None:
            return "lexical"
        return "vector" if self.words is None else "hybrid"

    async def run(self, snapshot: SearchSnapshot, watch: _Stopwatch) -> list[Candidate]:
        """Candidates of both legs, each with the scores of both."""
        lexical: list[ScoredChunk] = []
        dense: list[ScoredChunk] = []
        language = detect_language(self.words) if self.words else "und"
        if self.words is not None:
            with watch.measure("lexical"):
                lexical = await snapshot.lexical(self.words, language, self.filters, self.limit)
        if self.vector is not None:
            with watch.measure("dense"):
                dense = await snapshot.dense(self.vector.values, self.vector.model, self.filters, self.limit)
        bm25 = {hit.chunk_id: hit.score for hit in lexical}
        cosine = {hit.chunk_id: hit.score for hit in dense}
        if self.words is not None and self.vector is not None:
            with watch.measure("complete"):
                if unknown := [chunk_id for chunk_id in cosine if chunk_id not in bm25]:
                    bm25 |= await snapshot.bm25(self.words, language, unknown)
                if unknown := [hit.chunk_id for hit in lexical if hit.chunk_id not in cosine]:
                    cosine |= await snapshot.cosine(self.vector.values, self.vector.model, unknown)
        lexical_ranks = {hit.chunk_id: rank for rank, hit in enumerate(lexical, start=1)}
        dense_ranks = {hit.chunk_id: rank for rank, hit in enumerate(dense, start=1)}
        return [
            Candidate(
                chunk_id,
                cosine.get(chunk_id),
                bm25.get(chunk_id),
                dense_ranks.get(chunk_id),
                lexical_ranks.get(chunk_id),
            )
            for chunk_id in dict.fromkeys([*lexical_ranks, *dense_ranks])
        ]


@dataclass(slots=True)
class _Stopwatch:
    clock: Clock
    milliseconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        started = self.clock.monotonic()
        try:
            yield
        finally:
            self.milliseconds[stage] = round((self.clock.monotonic() - started) * 1000, 3)
