"""Searches with real questions: how long each leg takes, and what the dense leg finds of the exact list."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from footnote.knowledge import Candidate, FeatureRanker, Retriever, SearchFilters, load_ensemble
from footnote.knowledge.ports import DenseQuery, LexicalQuery
from footnote.platform.clock import SystemClock
from footnote.platform.context import OrganizationContext
from footnote.platform.settings import RetrievalSettings
from footnote.stores.postgres.search import PostgresSearchStore
from footnote.stores.postgres.vectors import vector_literal
from tests.performance.figures import percentile
from tests.performance.scale.corpus import Material

DEPTH = 10
_CANDIDATES = 100
_WARM_UP = 10
# What an organization's search would be without any index, as a statement by itself.
_EXACT = """
    SELECT v.chunk_id
      FROM knowledge.chunk_vectors v JOIN knowledge.documents d USING (organization_id, document_id)
     WHERE v.organization_id = %(organization)s AND d.active_version = v.version
     ORDER BY v.embedding <=> %(vector)s::halfvec LIMIT %(limit)s
"""
# The true lists of all categories, in one pass.
_TRUTH = """
    WITH compared AS MATERIALIZED (
        SELECT v.chunk_id, d.category, v.embedding <=> %(vector)s::halfvec AS distance
          FROM knowledge.chunk_vectors v JOIN knowledge.documents d USING (organization_id, document_id)
         WHERE v.organization_id = %(organization)s AND d.active_version = v.version
    )
    SELECT wanted.category, ARRAY(
        SELECT c.chunk_id FROM compared c WHERE wanted.category IS NULL OR c.category = wanted.category
         ORDER BY c.distance, c.chunk_id LIMIT %(limit)s) AS nearest
      FROM unnest(%(categories)s::text[]) AS wanted (category)
"""


@dataclass(frozen=True)
class Latency:
    """Seconds."""

    p50: float
    p95: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """Of single measurements."""
        return cls(percentile(seconds, 0.5), percentile(seconds, 0.95))


class Searches:
    """Asks an organization the material's questions.

    Args:
        store: The product's search.
        material: Questions and their vectors.
    """

    def __init__(self, store: PostgresSearchStore, material: Material) -> None:
        self._store = store
        self._questions = material.questions
        self._retriever = Retriever(
            store,
            material.embedder,
            RetrievalSettings(),
            SystemClock(),
            ranker=FeatureRanker(load_ensemble()),
        )
        self._lexical = [LexicalQuery(question, "en") for question in material.questions]
        self._dense = [
            DenseQuery([float(value) for value in vector], material.model)
            for vector in material.question_vectors
        ]

    async def legs(self, organization_id: UUID, filters: SearchFilters) -> dict[str, Latency]:
        """Lexical, dense and hybrid search with 100 candidates per leg, and the best ten passages read; and
        the whole search as `POST /search` runs it: question understood and embedded, candidates ranked again.
        """
        context = OrganizationContext(organization_id)
        legs: dict[str, tuple[Sequence[LexicalQuery | None], Sequence[DenseQuery | None]]] = {
            "lexical": (self._lexical, [None] * len(self._dense)),
            "dense": ([None] * len(self._lexical), self._dense),
            "hybrid": (self._lexical, self._dense),
        }
        found = {
            name: await _timed([
                _bind(self._search, context, lexical, dense, filters)
                for lexical, dense in zip(*queries, strict=True)
            ])
            for name, queries in legs.items()
        }  # fmt: skip
        whole = [
            partial(self._retriever.retrieve, context, question, filters=filters, limit=DEPTH)
            for question in self._questions
        ]
        return {**found, "whole": await _timed(whole)}

    async def nearest(
        self, organization_id: UUID, filters: SearchFilters, limit: int = DEPTH
    ) -> list[list[int]]:
        """The best chunks of the dense leg for each question, out of 100 candidates."""
        context = OrganizationContext(organization_id)
        rankings = []
        for dense in self._dense:
            found = await self._search(context, None, dense, filters)
            found.sort(key=lambda candidate: candidate.dense_rank or 0)
            rankings.append([candidate.chunk_id for candidate in found[:limit]])
        return rankings

    async def _search(
        self,
        context: OrganizationContext,
        lexical: LexicalQuery | None,
        dense: DenseQuery | None,
        filters: SearchFilters,
    ) -> list[Candidate]:
        async with self._store.snapshot(context) as snapshot:
            found = await snapshot.candidates(lexical, dense, filters, _CANDIDATES)
            await snapshot.passages([candidate.chunk_id for candidate in found[:DEPTH]])
            await snapshot.corpus_version()
        return found


def _bind(
    search: Callable[..., Awaitable[list[Candidate]]], *arguments: Any
) -> Callable[[], Awaitable[list[Candidate]]]:
    return lambda: search(*arguments)


async def _timed(calls: Sequence[Callable[[], Awaitable[object]]]) -> Latency:
    seconds = []
    for call in (*calls[:_WARM_UP], *calls):
        started = time.perf_counter()
        await call()
        seconds.append(time.perf_counter() - started)
    return Latency.of(seconds[min(_WARM_UP, len(calls)) :])


class ExactScan:
    """The yardstick: every vector of the organization compared, nothing else.

    Args:
        connection: As superuser.
        material: Questions' vectors.
    """

    def __init__(self, connection: psycopg.Connection, material: Material) -> None:
        self._connection = connection
        self._vectors = [vector_literal(vector.tolist()) for vector in material.question_vectors]

    def nearest(
        self, organization_id: UUID, categories: Sequence[str | None] = (None,), limit: int = DEPTH
    ) -> dict[str | None, list[list[int]]]:
        """The true best chunks for each question, by category."""
        found: dict[str | None, list[list[int]]] = {category: [] for category in categories}
        for vector in self._vectors:
            values = {
                "organization": organization_id,
                "categories": list(categories),
                "vector": vector,
                "limit": limit,
            }
            for category, nearest in self._connection.execute(_TRUTH, values).fetchall():
                found[category].append(nearest)
        return found

    def latency(self, organization_id: UUID) -> Latency:
        """Of the statement alone, without filter."""
        seconds = []
        for vector in self._vectors:
            started = time.perf_counter()
            values = {"organization": organization_id, "vector": vector, "limit": DEPTH}
            self._connection.execute(_EXACT, values).fetchall()
            seconds.append(time.perf_counter() - started)
        return Latency.of(seconds)


@dataclass(frozen=True)
class SharedFigures:
    """Of one index over all organizations, filtered by organization afterwards.

    Attributes:
        recall: Share of the exact ten that are found.
        rows: Rows returned of ten asked for, on average.
        build_s: Seconds to build the index.
    """

    recall: float
    rows: float
    latency: Latency
    build_s: float


class SharedIndex:
    """What others do: one HNSW index over all rows, the filter on the organization behind it.

    Args:
        connection: As superuser, in autocommit mode.
        material: Questions' vectors.
        dimension: Of the vectors.
    """

    def __init__(self, connection: psycopg.Connection, material: Material) -> None:
        self._connection = connection
        self._vectors = [vector_literal(vector.tolist()) for vector in material.question_vectors]
        self._dimension = material.vectors.shape[1]

    def measure(self, organizations: Sequence[UUID], truth: dict[UUID, list[list[int]]]) -> SharedFigures:
        """Copies the organizations' vectors into a table of its own, indexes and asks it, drops it.

        Args:
            organizations: Whose vectors share the index.
            truth: The exact lists of those who are asked.
        """
        execute = self._connection.execute
        execute(
            sql.SQL(
                "CREATE UNLOGGED TABLE public.shared AS SELECT organization_id, chunk_id,"
                " embedding::halfvec({}) AS embedding FROM knowledge.chunk_vectors"
                " WHERE organization_id = ANY(%s)"
            ).format(sql.Literal(self._dimension)),
            (list(organizations),),
        )
        started = time.perf_counter()
        execute("SET maintenance_work_mem = '1GB'")
        execute("CREATE INDEX ON public.shared USING hnsw (embedding halfvec_cosine_ops)")
        build_s = time.perf_counter() - started
        execute("ANALYZE public.shared")
        try:
            return self._ask(truth, build_s)
        finally:
            execute("DROP TABLE public.shared")

    def _ask(self, truth: dict[UUID, list[list[int]]], build_s: float) -> SharedFigures:
        found: list[list[int]] = []
        seconds = []
        for organization_id in truth:
            for vector in self._vectors:
                started = time.perf_counter()
                rows = self._connection.execute(
                    "SELECT chunk_id FROM public.shared WHERE organization_id = %s"
                    " ORDER BY embedding <=> %s::halfvec LIMIT %s",
                    (organization_id, vector, DEPTH),
                ).fetchall()
                seconds.append(time.perf_counter() - started)
                found.append([row[0] for row in rows])
        exact = [ranking for rankings in truth.values() for ranking in rankings]
        return SharedFigures(
            recall(found, exact), sum(map(len, found)) / len(found), Latency.of(seconds), build_s
        )


def recall(found: Sequence[Sequence[int]], exact: Sequence[Sequence[int]]) -> float:
    """Mean share of the exact lists that was found; 1 where there is nothing to find."""
    shares = [len(set(one) & set(true)) / len(true) for one, true in zip(found, exact, strict=True) if true]
    return sum(shares) / len(shares) if shares else 1.0


def plain(figures: Latency | SharedFigures) -> dict[str, Any]:
    """For JSON."""
    return asdict(figures)
