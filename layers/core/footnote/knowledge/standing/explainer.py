"""The use case: why a document was, or was not, found."""

from __future__ import annotations

from dataclasses import asdict, fields
from uuid import UUID

from footnote.knowledge.filters import SearchFilters
from footnote.knowledge.followups import StandAloneQuery
from footnote.knowledge.models import Retrieval, Strategy
from footnote.knowledge.planning import Plan, plan
from footnote.knowledge.ports import DenseQuery
from footnote.knowledge.retrieval import Retriever
from footnote.knowledge.standing.models import (
    ChunkStanding,
    DocumentExplanation,
    ExplainedChunk,
    SearchedQuery,
)
from footnote.knowledge.standing.ports import StandingStore
from footnote.knowledge.standing.verdict import Pool, candidates_of, verdict
from footnote.models import Embedder
from footnote.platform.context import OrganizationContext
from footnote.platform.settings import RetrievalSettings

SHOWN_CHUNKS = 5
"""So many of the document's chunks are told of, best first."""

_DENSE = frozenset({"hybrid", "vector"})


class DocumentExplainer:
    """Runs a search as it is, and says where one document stands in it.

    Args:
        retriever: Search, without caches.
        store: Looks the document up.
        embedder: The model that search compares vectors of.
        settings: Those of `retriever`.
    """

    def __init__(
        self, retriever: Retriever, store: StandingStore, embedder: Embedder, settings: RetrievalSettings
    ) -> None:
        self._retriever = retriever
        self._store = store
        self._embedder = embedder
        self._settings = settings

    async def explain(
        self,
        context: OrganizationContext,
        query: StandAloneQuery,
        document_id: UUID,
        *,
        filters: SearchFilters,
        limit: int | None,
        strategy: Strategy,
    ) -> DocumentExplanation:
        """The verdict on the document and its best chunks' exact scores and ranks.

        A document of another organization is not there, as one that never was.

        Args:
            context: Whose documents.
            query: As `Retriever.retrieve` takes it, as `filters`, `limit` and `strategy`.
            document_id: The document.
            filters: See `query`.
            limit: See `query`.
            strategy: See `query`.

        Raises:
            ModelUnavailable: The strategy is `vector` and the embedding model failed.
            ServiceUnavailable: The store failed, or could not rank everything in time.
        """
        found = await self._retriever.retrieve(
            context, query, filters=filters, limit=limit, strategy=strategy
        )
        wanted = plan(query, filters, limit, strategy, self._settings)
        standing = await self._store.standing(
            context,
            document_id,
            wanted.lexical if found.strategy != "vector" else None,
            await self._dense(wanted) if found.strategy in _DENSE else None,
            filters=wanted.filters,
            constraints=wanted.analysis.constraints,
            limit=SHOWN_CHUNKS,
        )
        pool = self._pool(wanted)
        return DocumentExplanation(
            document_id=document_id,
            verdict=verdict(document_id, standing, found, pool),
            searched=_searched(query, wanted, found, pool),
            document=standing.document,
            checks=standing.checks,
            chunks=_chunks(document_id, standing.chunks, found),
            corpus_chunks=standing.corpus_chunks,
            corpus_version=standing.corpus_version,
        )

    async def _dense(self, wanted: Plan) -> DenseQuery:
        vector = wanted.vector if wanted.vector is not None else wanted.own_vector
        if vector is None:
            vector = (await self._embedder.embed_queries([wanted.analysis.text]))[0]
        return DenseQuery(vector, await self._embedder.model())

    def _pool(self, wanted: Plan) -> Pool:
        settings = self._settings
        return Pool(max(settings.candidates, wanted.limit), max(settings.reranked, wanted.limit))


def _searched(query: StandAloneQuery, wanted: Plan, found: Retrieval, pool: Pool) -> SearchedQuery:
    filters = {one.name: getattr(wanted.filters, one.name) for one in fields(SearchFilters)}
    return SearchedQuery(
        message=query.message,
        text=wanted.question,
        strategy=found.strategy,
        degraded=found.degraded,
        filters={name: value for name, value in filters.items() if value},
        decisions=tuple(asdict(one) for one in wanted.analysis.decisions),
        candidates=pool.candidates,
        pool=pool.ranked,
        results=len(found.passages),
    )


def _chunks(
    document_id: UUID, chunks: tuple[ChunkStanding, ...], found: Retrieval
) -> tuple[ExplainedChunk, ...]:
    candidates = {one.chunk_id: one for one in candidates_of(document_id, found)}
    return tuple(ExplainedChunk(one, candidates.get(one.chunk_id)) for one in chunks)
