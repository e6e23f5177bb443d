"""Search in Postgres: BM25 and cosine in one snapshot, by the way that suits organization and question.

Few eligible chunks (a selective filter, a rare phrase) are all scored, exactly. Otherwise the lexical leg
reads the heads of posting lists, and the dense leg every vector, or in large organizations their HNSW index;
both check filters from the best chunk on. A leg that ends with fewer chunks than wanted runs again over
everything.
"""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from math import isqrt
from typing import Any

from footnote.knowledge.models import Candidate, Passage, SearchFilters, TermAnalysis, TextConstraints
from footnote.knowledge.ports import DenseQuery, LexicalQuery
from footnote.knowledge.ranking.evidence import RankingEvidence
from footnote.models.ports import SentenceScore
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import TenantLeak
from footnote.platform.settings import RetrievalSettings
from footnote.stores.postgres import search_dense, search_evidence, search_lexical, search_sentences
from footnote.stores.postgres.database import Cursor, Database
from footnote.stores.postgres.lexical_index import analysis
from footnote.stores.postgres.search_conditions import Conditions, compile_conditions
from footnote.stores.postgres.search_eligible import Way, ways
from footnote.stores.postgres.vectors import vector_literal

# What the way depends on. The settings are those of this transaction's index scans; where there is an index,
# the planner, whose statistics may be old, is not to sort the vectors instead. The more vectors there are,
# the more of them have to be looked at for the same recall; 1,000 is pgvector's own limit.
_CORPUS = """
    SELECT coalesce(c.chunk_count, 0) AS chunks, coalesce(c.corpus_version, 0) AS version,
           m.embedding_model_id AS model_id, m.dimension, coalesce(i.is_ready, false) AS has_index,
           set_config('hnsw.ef_search', least(1000, %(ef_search)s * greatest(
               1, sqrt(coalesce(c.chunk_count, 0) / 100000.0)))::int::text, true),
           set_config('hnsw.iterative_scan', 'relaxed_order', true),
           set_config('hnsw.max_scan_tuples', %(max_scan_tuples)s, true),
           CASE WHEN i.is_ready THEN set_config('enable_sort', 'off', true) END
      FROM (SELECT) AS one
      LEFT JOIN knowledge.corpora c ON c.organization_id = %(organization_id)s
      LEFT JOIN knowledge.embedding_models m ON m.name = %(model)s AND m.revision = %(revision)s
      LEFT JOIN knowledge.vector_indexes i
        ON i.organization_id = %(organization_id)s AND i.embedding_model_id = m.embedding_model_id
"""
_CORPUS_VERSION = "SELECT corpus_version FROM knowledge.corpora WHERE organization_id = %(organization_id)s"
_LEXICAL_ONLY = """
    SELECT chunk_id, NULL::float8 AS cosine, score AS bm25, NULL::bigint AS dense_rank, rank AS lexical_rank
      FROM lexical"""
_DENSE_ONLY = """
    SELECT chunk_id, score AS cosine, NULL::float8 AS bm25, rank AS dense_rank, NULL::bigint AS lexical_rank
      FROM dense"""
# Both legs, each completed with the scores of the other.
_BOTH = f"""
    SELECT found.chunk_id,
           coalesce(max(found.cosine), (
               SELECT 1 - (v.embedding <=> %(vector)s::halfvec) FROM knowledge.chunk_vectors v
                WHERE v.organization_id = %(organization_id)s AND v.chunk_id = found.chunk_id
                  AND v.embedding_model_id = %(model_id)s)) AS cosine,
           coalesce(max(found.bm25), (
               SELECT {search_lexical.score("i")} FROM knowledge.indexed_chunks i
                WHERE i.organization_id = %(organization_id)s AND i.chunk_id = found.chunk_id), 0) AS bm25,
           max(found.dense_rank) AS dense_rank, max(found.lexical_rank) AS lexical_rank
      FROM ({_LEXICAL_ONLY} UNION ALL {_DENSE_ONLY}) found
     GROUP BY found.chunk_id"""
# Beside the candidates, or without any: whether a term's list was cut off.
_TELLING = """
    SELECT cut.is_cut, found.* FROM (SELECT coalesce(bool_or(truncated), false) AS is_cut FROM query) cut
      LEFT JOIN ({result}) found ON true"""
_PASSAGES = """
    SELECT c.organization_id, c.chunk_id, c.document_id, c.version, c.ordinal, d.title, d.filename, c.text,
           c.char_start, c.char_end, c.heading_path, d.unit_kind, c.unit_from, c.unit_to, c.unit_label,
           c.language, d.updated_at
      FROM unnest(%(chunk_ids)s::bigint[]) AS wanted (chunk_id)
     CROSS JOIN LATERAL (
         SELECT * FROM knowledge.chunks
          WHERE organization_id = %(organization_id)s AND chunk_id = wanted.chunk_id OFFSET 0) c
     CROSS JOIN LATERAL (
         SELECT title, filename, unit_kind, active_version, updated_at FROM knowledge.documents
          WHERE organization_id = %(organization_id)s AND document_id = c.document_id OFFSET 0) d
     WHERE c.version = d.active_version
"""
# Words of one analysis only: a word that both find in two forms would count twice in a share of words.
_ANALYZE = """
    SELECT tsvector_to_array(CASE WHEN %(configuration)s::text IS NULL THEN to_tsvector('english', t.common)
                                  ELSE to_tsvector(%(configuration)s::regconfig, t.native) END) AS terms
      FROM unnest(%(common)s::text[], %(native)s::text[]) WITH ORDINALITY AS t (common, native, number)
     ORDER BY number
"""
_IDF = """
    SELECT word.term, ln(1 + (c.chunk_count - coalesce(l.document_frequency, 0) + .5::float8)
                             / (coalesce(l.document_frequency, 0) + .5)) AS idf
      FROM unnest(%(terms)s::text[]) AS word (term)
     CROSS JOIN (SELECT coalesce(max(chunk_count), 0) AS chunk_count FROM knowledge.corpora
                  WHERE organization_id = %(organization_id)s) c
      LEFT JOIN knowledge.lexicon l ON l.organization_id = %(organization_id)s AND l.term = word.term
"""


class PostgresSearchStore:
    """`footnote.knowledge.ports.SearchStore` on Postgres."""

    def __init__(self, database: Database, settings: RetrievalSettings) -> None:
        self._database = database
        self._settings = settings

    @asynccontextmanager
    async def snapshot(self, context: OrganizationContext) -> AsyncIterator[PostgresSearchSnapshot]:
        """See `SearchStore.snapshot`."""
        async with self._database.tenant_tx(context, snapshot=True) as cursor:
            yield PostgresSearchSnapshot(cursor, context, self._settings)

    async def analyze(
        self, context: OrganizationContext, texts: Sequence[str], language: str
    ) -> TermAnalysis:
        """See `SearchStore.analyze`."""
        forms = [analysis(text, language) for text in texts]
        values = {
            "common": [form["common"] for form in forms],
            "native": [form["native"] for form in forms],
            "configuration": forms[0]["configuration"] if forms else None,
        }
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_ANALYZE, values)
            terms = [frozenset(row["terms"]) for row in await cursor.fetchall()]
            query = sorted(terms[0]) if terms else []
            await cursor.execute(_IDF, {"organization_id": context.organization_id, "terms": query})
            idf = {row["term"]: row["idf"] for row in await cursor.fetchall()}
        return TermAnalysis(tuple(terms), idf)


@dataclass(frozen=True, slots=True)
class _Corpus:
    """Of an organization and an embedding model, as the snapshot sees them.

    Attributes:
        chunks: Active chunks.
        version: See `SearchSnapshot.corpus_version`.
        model_id, dimension: `None` for a model without any vectors.
        has_index: Whether the vectors have an HNSW index.
    """

    chunks: int
    version: int
    model_id: int | None
    dimension: int | None
    has_index: bool


@dataclass(frozen=True, slots=True)
class _Legs:
    """The common table expressions of a search; a leg that does not run is `None`."""

    lexical: str | None
    dense: str | None
    eligible: str | None = None

    @property
    def parts(self) -> str:
        return ", ".join(part for part in (self.eligible, self.lexical, self.dense) if part)


@dataclass(frozen=True, slots=True)
class _Found:
    """Candidates, and whether the list of one of the query's terms was cut off."""

    candidates: list[Candidate]
    is_cut: bool = False

    def count(self, rank: str) -> int:
        """How many a leg found."""
        return sum(getattr(candidate, rank) is not None for candidate in self.candidates)


class PostgresSearchSnapshot:
    """`footnote.knowledge.ports.SearchSnapshot`: all reads of one REPEATABLE READ transaction."""

    def __init__(self, cursor: Cursor, context: OrganizationContext, settings: RetrievalSettings) -> None:
        self._cursor = cursor
        self._organization_id = context.organization_id
        self._settings = settings
        self._version: int | None = None

    async def corpus_version(self) -> int:
        """See `SearchSnapshot.corpus_version`."""
        if self._version is None:
            rows = await self._rows(_CORPUS_VERSION, {})
            self._version = int(rows[0]["corpus_version"]) if rows else 0
        return self._version

    async def candidates(
        self,
        lexical: LexicalQuery | None,
        dense: DenseQuery | None,
        filters: SearchFilters,
        limit: int,
        *,
        constraints: TextConstraints = TextConstraints(),  # noqa: B008 - frozen
    ) -> list[Candidate]:
        """See `SearchSnapshot.candidates`."""
        if lexical is None and dense is None:
            return []
        corpus = await self._corpus(dense)
        if corpus.chunks == 0:
            return []
        names = {"organization_id": self._organization_id}
        conditions = await compile_conditions(self._cursor, names, filters, constraints)
        values: dict[str, Any] = {**conditions.values, "limit": limit, "model_id": corpus.model_id}
        if lexical is not None:
            values |= search_lexical.values(lexical, self._settings, limit)
        if dense is not None:
            values["vector"] = vector_literal(dense.vector)
        values["phrase_terms"] = list(conditions.phrase_terms or ())
        open_ways = list(ways(conditions))
        narrow = await self._narrow(open_ways, values, max(isqrt(limit * corpus.chunks), limit))
        if narrow is not None:
            return (await self._run(_by_one(narrow, lexical, dense), values)).candidates
        legs = _Legs(
            search_lexical.from_heads(conditions) if lexical else None,
            self._dense(corpus, conditions, limit) if dense else None,
        )
        found = await self._run(legs, values)
        wanted = min(limit, corpus.chunks)
        too_few_words = lexical is not None and found.is_cut and found.count("lexical_rank") < wanted
        too_few_near = dense is not None and found.count("dense_rank") < wanted
        if not too_few_words and not too_few_near:
            return found.candidates
        if open_ways:
            return (await self._run(_by_one(open_ways[0], lexical, dense), values)).candidates
        if too_few_words:
            values["champions"] = search_lexical.ALL_POSTINGS
        if too_few_near:
            legs = replace(legs, dense=search_dense.from_scan(conditions, is_complete=True))
        return (await self._run(legs, values)).candidates

    async def passages(self, chunk_ids: Sequence[int]) -> dict[int, Passage]:
        """See `SearchSnapshot.passages`."""
        rows = await self._own_rows(_PASSAGES, {"chunk_ids": list(chunk_ids)})
        return {row["chunk_id"]: _passage(row) for row in rows}

    async def sentence_cosines(
        self, chunk_ids: Sequence[int], vectors: Sequence[DenseQuery]
    ) -> dict[int, tuple[SentenceScore, ...]]:
        """See `SearchSnapshot.sentence_cosines`."""
        if not chunk_ids or not vectors:
            return {}
        rows = await self._own_rows(search_sentences.COSINES, search_sentences.values(chunk_ids, vectors))
        return {row["chunk_id"]: search_sentences.scores(row, len(vectors)) for row in rows}

    async def _own_rows(self, statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        """Rows that name their organization, which must be this one.

        Raises:
            TenantLeak: It is another: the last line of defence, should policy and filter ever fail at once.
        """
        rows = await self._rows(statement, values)
        if any(row["organization_id"] != self._organization_id for row in rows):
            raise TenantLeak("A chunk of another organization was read.")
        return rows

    async def evidence(
        self, query: LexicalQuery, chunk_ids: Sequence[int], leaders: Sequence[int]
    ) -> RankingEvidence:
        """See `SearchSnapshot.evidence`."""
        terms = await self._rows(search_evidence.TERMS, analysis(query.text, query.language))
        values = {
            "terms": [row["term"] for row in terms], "chunk_ids": list(chunk_ids), "leaders": list(leaders),
        }  # fmt: skip
        return search_evidence.evidence_of(terms, await self._rows(search_evidence.CHUNKS, values))

    async def neighbours(self, chunk_ids: Sequence[int], distance: int) -> list[tuple[int, int]]:
        """See `SearchSnapshot.neighbours`."""
        values = {"chunk_ids": list(chunk_ids), "distance": distance}
        rows = await self._rows(search_evidence.NEIGHBOURS, values)
        return [(row["found_id"], row["chunk_id"]) for row in rows]

    async def _rows(self, statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        await self._cursor.execute(statement, {**values, "organization_id": self._organization_id})
        return await self._cursor.fetchall()

    async def _corpus(self, dense: DenseQuery | None) -> _Corpus:
        values = {
            "model": dense.model.name if dense else None,
            "revision": dense.model.revision if dense else None,
            "ef_search": self._settings.hnsw_ef_search,
            "max_scan_tuples": str(self._settings.hnsw_max_scan_tuples),
        }
        (row,) = await self._rows(_CORPUS, values)
        self._version = row["version"]
        return _Corpus(row["chunks"], row["version"], row["model_id"], row["dimension"], row["has_index"])

    async def _narrow(self, open_ways: Sequence[Way], values: dict[str, Any], enough: int) -> Way | None:
        """A way on which so few chunks are looked at that each can be scored.

        Passing over the others instead costs the more, the fewer they are: with n of N chunks, some
        `limit * N / n` are looked at, which is less than n from the square root of `limit * N` on.
        """
        for way in open_ways:
            chunks = way.chunks
            if way.count:
                (row,) = await self._rows(way.count, {**values, "enough": enough})
                chunks = row["chunks"]
            if chunks <= enough:
                return way
        return None

    def _dense(self, corpus: _Corpus, conditions: Conditions, limit: int) -> str:
        if corpus.has_index and corpus.model_id is not None and corpus.dimension is not None:
            return search_dense.from_index(
                self._organization_id, corpus.model_id, corpus.dimension, conditions
            )
        # Where few vectors are compared, sorting all of them costs nothing.
        is_complete = bool(conditions) or corpus.chunks <= 20 * limit
        return search_dense.from_scan(conditions, is_complete=is_complete)

    async def _run(self, legs: _Legs, values: dict[str, Any]) -> _Found:
        if legs.lexical is None:
            rows = await self._rows(f"WITH {legs.parts} {_DENSE_ONLY}", values)
            return _Found([Candidate(**row) for row in rows])
        result = _TELLING.format(result=_BOTH if legs.dense else _LEXICAL_ONLY)
        rows = await self._rows(f"WITH {legs.parts} {result}", values)
        is_cut = [row.pop("is_cut") for row in rows]
        return _Found([Candidate(**row) for row in rows if row["chunk_id"] is not None], is_cut[0])


def _by_one(way: Way, lexical: LexicalQuery | None, dense: DenseQuery | None) -> _Legs:
    return _Legs(
        search_lexical.from_eligible() if lexical else None,
        search_dense.from_eligible() if dense else None,
        way.statement,
    )


def _passage(row: dict[str, Any]) -> Passage:
    return Passage(
        chunk_id=row["chunk_id"],
        document_id=row["document_id"],
        version=row["version"],
        ordinal=row["ordinal"],
        title=row["title"],
        filename=row["filename"],
        text=row["text"],
        start=row["char_start"],
        end=row["char_end"],
        heading_path=tuple(row["heading_path"]),
        unit_kind=row["unit_kind"],
        unit_from=row["unit_from"],
        unit_to=row["unit_to"],
        unit_label=row["unit_label"],
        language=row["language"],
        updated_at=row["updated_at"],
    )
