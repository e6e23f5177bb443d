"""Search in Postgres: BM25 over the posting table, exact cosine over vectors, one snapshot for both.

Lexical: the `champions_per_term` postings of highest stored impact of each query term are added up with the
current idf; the best `rescored` chunks are then scored exactly with the statistics of the moment.

Dense: the query is compared with every active vector of the organization. No approximate index exists, so
recall is 1 by construction, and the time grows with the organization: {latency}
"""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from footnote.knowledge.models import Passage, ScoredChunk, SearchFilters, TermAnalysis
from footnote.models.ports import EmbeddingModel
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import TenantLeak
from footnote.platform.settings import RetrievalSettings
from footnote.stores.postgres.database import Cursor, Database
from footnote.stores.postgres.lexical_index import LEXEMES, analysis
from footnote.stores.postgres.vectors import vector_literal

# Plans are written out, not left to the planner, whose statistics lag behind a bulk load: keys are looked up
# one by one (OFFSET 0 keeps a lateral lookup from being turned into a join), and sets of documents are hashed
# once (IS TRUE keeps the IN from being turned into a join).

# The query's terms that occur at all, with their idf: ln(1 + (N - df + .5) / (df + .5)).
_QUERY = f"""
    parsed AS MATERIALIZED (
        SELECT to_tsvector('english', %(common)s) AS plain, %(native)s::text AS native,
               %(configuration)s::text AS configuration
    ), query AS MATERIALIZED (
        SELECT l.term_id, l.document_frequency > %(champions)s AS truncated,
               c.total_length / c.chunk_count::float8 AS average_length,
               ln(1 + (c.chunk_count - l.document_frequency + .5::float8)
                      / (l.document_frequency + .5)) AS idf
          FROM parsed p
         CROSS JOIN knowledge.corpora c
         CROSS JOIN unnest(tsvector_to_array({LEXEMES.format("p")})) AS word (term)
         CROSS JOIN LATERAL (
             SELECT term_id, document_frequency FROM knowledge.lexicon
              WHERE organization_id = %(organization_id)s AND term = word.term OFFSET 0) l
         WHERE c.organization_id = %(organization_id)s AND l.document_frequency > 0
    )"""
_PART = """q.idf * p.frequency * (%(k1)s + 1)
           / (p.frequency + %(k1)s * (1 - %(b)s + %(b)s * p.length / q.average_length))"""
_LOOKED_UP = f"""
    SELECT sum({_PART})
      FROM query q
     CROSS JOIN LATERAL (
         SELECT frequency, length FROM knowledge.postings
          WHERE organization_id = %(organization_id)s AND chunk_id = candidate.chunk_id
            AND term_id = q.term_id OFFSET 0) p"""
# The head of each term's list gives exact parts of the score; what is missing are the parts of terms whose
# list was cut off before it came to the candidate.
_LEXICAL = f"""
    WITH {_QUERY}, candidate AS MATERIALIZED (
        SELECT p.chunk_id, sum({_PART}) FILTER (WHERE NOT q.truncated) AS known
          FROM query q
         CROSS JOIN LATERAL (
             SELECT p.chunk_id, p.frequency, p.length FROM knowledge.postings p
              WHERE p.organization_id = %(organization_id)s AND p.term_id = q.term_id {{allowed}}
              ORDER BY p.impact DESC LIMIT %(champions)s) p
         GROUP BY p.chunk_id ORDER BY sum({_PART}) DESC, p.chunk_id LIMIT %(rescored)s
    )
    SELECT chunk_id, coalesce(known, 0) + coalesce(({_LOOKED_UP} WHERE q.truncated), 0) AS score
      FROM candidate ORDER BY score DESC, chunk_id LIMIT %(limit)s
"""
_BM25 = f"""
    WITH {_QUERY}, candidate AS MATERIALIZED (SELECT unnest(%(chunk_ids)s::bigint[]) AS chunk_id)
    SELECT chunk_id, coalesce(({_LOOKED_UP}), 0) AS score FROM candidate
"""
_ALLOWED = """AND (p.chunk_id IN (
    SELECT c.chunk_id FROM knowledge.documents d
      JOIN knowledge.chunks c ON c.organization_id = %(organization_id)s AND c.document_id = d.document_id
       AND c.version = d.active_version
     WHERE d.organization_id = %(organization_id)s {conditions})) IS TRUE"""
# Materialised, so that no index on the vectors can ever answer it with less than all of them.
_DENSE = """
    WITH scored AS MATERIALIZED (
        SELECT v.chunk_id, v.embedding <=> %(vector)s::halfvec AS distance
          FROM knowledge.chunk_vectors v
         WHERE v.organization_id = %(organization_id)s
           AND v.embedding_model_id = (
               SELECT m.embedding_model_id FROM knowledge.embedding_models m
                WHERE m.name = %(model)s AND m.revision = %(revision)s)
           AND ((v.document_id, v.version) IN (
               SELECT d.document_id, d.active_version FROM knowledge.documents d
                WHERE d.organization_id = %(organization_id)s {conditions})) IS TRUE
    )
    SELECT chunk_id, 1 - distance AS score FROM scored ORDER BY distance, chunk_id LIMIT %(limit)s
"""
_COSINE = """
    SELECT v.chunk_id, 1 - (v.embedding <=> %(vector)s::halfvec) AS score
      FROM knowledge.chunk_vectors v JOIN knowledge.embedding_models m USING (embedding_model_id)
     WHERE v.organization_id = %(organization_id)s AND v.chunk_id = ANY(%(chunk_ids)s)
       AND m.name = %(model)s AND m.revision = %(revision)s
"""
_PASSAGES = """
    SELECT c.organization_id, c.chunk_id, c.document_id, c.version, c.ordinal, d.title, d.filename, c.text,
           c.char_start, c.char_end, c.heading_path, d.unit_kind, c.unit_from, c.unit_to, c.unit_label,
           c.language
      FROM knowledge.chunks c JOIN knowledge.documents d USING (organization_id, document_id)
     WHERE c.organization_id = %(organization_id)s AND c.chunk_id = ANY(%(chunk_ids)s)
       AND c.version = d.active_version
"""
_CORPUS_VERSION = "SELECT corpus_version FROM knowledge.corpora WHERE organization_id = %(organization_id)s"
_ANALYZE = f"""
    SELECT tsvector_to_array({LEXEMES.format("parsed")}) AS terms
      FROM (SELECT t.number, t.native, %(configuration)s::text AS configuration,
                   to_tsvector('english', t.common) AS plain
              FROM unnest(%(common)s::text[], %(native)s::text[])
                   WITH ORDINALITY AS t (common, native, number)
           ) parsed
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


class PostgresSearchSnapshot:
    """`footnote.knowledge.ports.SearchSnapshot`: all reads of one REPEATABLE READ transaction."""

    def __init__(self, cursor: Cursor, context: OrganizationContext, settings: RetrievalSettings) -> None:
        self._cursor = cursor
        self._organization_id = context.organization_id
        self._settings = settings

    async def corpus_version(self) -> int:
        """See `SearchSnapshot.corpus_version`."""
        rows = await self._rows(_CORPUS_VERSION, {})
        return int(rows[0]["corpus_version"]) if rows else 0

    async def lexical(
        self, query: str, language: str, filters: SearchFilters, limit: int
    ) -> list[ScoredChunk]:
        """See `SearchSnapshot.lexical`."""
        conditions, values = filter_conditions(filters)
        allowed = _ALLOWED.format(conditions=conditions) if conditions else ""
        values |= self._bm25_values(query, language)
        values |= {"rescored": max(limit, self._settings.rescored), "limit": limit}
        return _scored(await self._rows(_LEXICAL.format(allowed=allowed), values))

    async def dense(
        self, vector: Sequence[float], model: EmbeddingModel, filters: SearchFilters, limit: int
    ) -> list[ScoredChunk]:
        """See `SearchSnapshot.dense`."""
        conditions, values = filter_conditions(filters)
        values |= {**_vector_values(vector, model), "limit": limit}
        return _scored(await self._rows(_DENSE.format(conditions=conditions), values))

    async def bm25(self, query: str, language: str, chunk_ids: Sequence[int]) -> dict[int, float]:
        """See `SearchSnapshot.bm25`."""
        values = self._bm25_values(query, language) | {"chunk_ids": list(chunk_ids)}
        return {hit.chunk_id: hit.score for hit in _scored(await self._rows(_BM25, values))}

    async def cosine(
        self, vector: Sequence[float], model: EmbeddingModel, chunk_ids: Sequence[int]
    ) -> dict[int, float]:
        """See `SearchSnapshot.cosine`."""
        values = _vector_values(vector, model) | {"chunk_ids": list(chunk_ids)}
        return {hit.chunk_id: hit.score for hit in _scored(await self._rows(_COSINE, values))}

    async def passages(self, chunk_ids: Sequence[int]) -> dict[int, Passage]:
        """See `SearchSnapshot.passages`."""
        rows = await self._rows(_PASSAGES, {"chunk_ids": list(chunk_ids)})
        if any(row["organization_id"] != self._organization_id for row in rows):
            raise TenantLeak("A chunk of another organization was read.")
        return {row["chunk_id"]: _passage(row) for row in rows}

    async def _rows(self, statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        await self._cursor.execute(statement, {**values, "organization_id": self._organization_id})
        return await self._cursor.fetchall()

    def _bm25_values(self, query: str, language: str) -> dict[str, Any]:
        return {
            **analysis(query, language),
            "k1": self._settings.bm25_k1,
            "b": self._settings.bm25_b,
            "champions": self._settings.champions_per_term,
        }


def filter_conditions(filters: SearchFilters) -> tuple[str, dict[str, Any]]:
    """SQL conditions on `knowledge.documents d`, and their values; empty where everything passes."""
    conditions = {
        "category": ("d.category = %(category)s", filters.category),
        "tags": ("d.tags @> %(tags)s", list(filters.tags) or None),
        "source": ("d.source = %(source)s", filters.source),
        "date_from": ("d.created_at >= %(date_from)s", filters.date_from),
        "date_to": ("d.created_at <= %(date_to)s", filters.date_to),
        "document_ids": ("d.document_id = ANY(%(document_ids)s)", list(filters.document_ids) or None),
    }
    used = {name: (sql, value) for name, (sql, value) in conditions.items() if value is not None}
    return "".join(f" AND {sql}" for sql, _ in used.values()), {
        name: value for name, (_, value) in used.items()
    }


def _vector_values(vector: Sequence[float], model: EmbeddingModel) -> dict[str, Any]:
    return {"vector": vector_literal(vector), "model": model.name, "revision": model.revision}


def _scored(rows: list[dict[str, Any]]) -> list[ScoredChunk]:
    return [ScoredChunk(row["chunk_id"], float(row["score"])) for row in rows]


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
    )
