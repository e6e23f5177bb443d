"""Retrieval: a query, two legs, one ranked list of passages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from footnote.knowledge.fusion import fusion
from footnote.knowledge.language import detect_language
from footnote.knowledge.models import Retrieval, RetrievedPassage, SearchFilters, Strategy
from footnote.knowledge.ports import DenseQuery, LexicalQuery, SearchStore
from footnote.models import Embedder
from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ModelUnavailable
from footnote.platform.settings import RetrievalSettings

EMBEDDING_UNAVAILABLE = "The embedding model did not answer; only words were searched, not meaning."


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
        dense: DenseQuery | None = None
        degraded: str | None = None
        if strategy != "lexical":
            try:
                with watch.measure("embed"):
                    dense = await self._embed(query, vector)
            except ModelUnavailable:
                if strategy == "vector":
                    raise
                degraded = EMBEDDING_UNAVAILABLE
        lexical = LexicalQuery(query, detect_language(query)) if strategy != "vector" else None
        async with self._store.snapshot(context) as snapshot:
            with watch.measure("search"):
                found = await snapshot.candidates(
                    lexical, dense, filters or SearchFilters(), self._settings.candidates
                )
            best = self._fuse(found)[:limit]
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
            strategy=_ran(lexical, dense),
            degraded=degraded,
            corpus_version=corpus_version,
            timings_ms=watch.milliseconds,
        )

    async def _embed(self, query: str, vector: Sequence[float] | None) -> DenseQuery:
        values = vector if vector is not None else (await self._embedder.embed_queries([query]))[0]
        return DenseQuery(values, await self._embedder.model())


def _ran(lexical: LexicalQuery | None, dense: DenseQuery | None) -> str:
    if dense is None:
        return "lexical"
    return "vector" if lexical is None else "hybrid"


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
