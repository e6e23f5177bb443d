"""Search in Postgres: BM25 over the posting table, exact cosine over vectors, one snapshot for both.

Lexical: the `champions_per_term` postings of highest stored impact of each query term are added up with the
current idf; the best `rescored` chunks are then scored exactly with the statistics of the moment.

Dense: the query is compared with every active vector of the organization. No approximate index exists, so
recall is 1 by construction, and the time grows with the organization: measured on one busy core 2 ms at 1,000
chunks, 7 ms at 10,000, 75 ms at 100,000 (the lexical leg there: 2, 3 and 6 ms).
"""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from footnote.knowledge.models import Candidate, Passage, SearchFilters, TermAnalysis
from footnote.knowledge.ports import DenseQuery, LexicalQuery
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
    SELECT coalesce(sum({_PART}), 0)
      FROM query q
     CROSS JOIN LATERAL (
         SELECT frequency, length FROM knowledge.postings
          WHERE organization_id = %(organization_id)s AND chunk_id = found.chunk_id
            AND term_id = q.term_id OFFSET 0) p"""
# The head of each term's list gives exact parts of the score; what is missing are the parts of terms whose
# list was cut off before it came to the candidate.
_LEXICAL = f"""
    {_QUERY}, found AS MATERIALIZED (
        SELECT p.chunk_id, coalesce(sum({_PART}) FILTER (WHERE NOT q.truncated), 0) AS known
          FROM query q
         CROSS JOIN LATERAL (
             SELECT p.chunk_id, p.frequency, p.length FROM knowledge.postings p
              WHERE p.organization_id = %(organization_id)s AND p.term_id = q.term_id {{allowed}}
              ORDER BY p.impact DESC LIMIT %(champions)s) p
         GROUP BY p.chunk_id ORDER BY sum({_PART}) DESC, p.chunk_id LIMIT %(rescored)s
    ), rescored AS (
        SELECT chunk_id, known + ({_LOOKED_UP} WHERE q.truncated) AS score FROM found
    ), lexical AS MATERIALIZED (
        SELECT chunk_id, score, row_number() OVER (ORDER BY score DESC, chunk_id) AS rank FROM rescored
         ORDER BY score DESC, chunk_id LIMIT %(limit)s
    )"""
_ALLOWED = """AND (p.chunk_id IN (
    SELECT c.chunk_id FROM knowledge.documents d
      JOIN knowledge.chunks c ON c.organization_id = %(organization_id)s AND c.document_id = d.document_id
       AND c.version = d.active_version
     WHERE d.organization_id = %(organization_id)s {conditions})) IS TRUE"""
_MODEL = """
    SELECT m.embedding_model_id FROM knowledge.embedding_models m
     WHERE m.name = %(model)s AND m.revision = %(revision)s"""
# Materialised, so that no index on the vectors can ever answer it with less than all of them.
_DENSE = f"""
    compared AS MATERIALIZED (
        SELECT v.chunk_id, v.embedding <=> %(vector)s::halfvec AS distance
          FROM knowledge.chunk_vectors v
         WHERE v.organization_id = %(organization_id)s AND v.embedding_model_id = ({_MODEL})
           AND ((v.document_id, v.version) IN (
               SELECT d.document_id, d.active_version FROM knowledge.documents d
                WHERE d.organization_id = %(organization_id)s {{conditions}})) IS TRUE
    ), dense AS MATERIALIZED (
        SELECT chunk_id, 1 - distance AS score, row_number() OVER (ORDER BY distance, chunk_id) AS rank
          FROM (SELECT * FROM compared ORDER BY distance, chunk_id LIMIT %(limit)s) nearest
    )"""
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
                  AND v.embedding_model_id = ({_MODEL}))) AS cosine,
           coalesce(max(found.bm25), ({_LOOKED_UP})) AS bm25,
           max(found.dense_rank) AS dense_rank, max(found.lexical_rank) AS lexical_rank
      FROM ({_LEXICAL_ONLY} UNION ALL {_DENSE_ONLY}) found
     GROUP BY found.chunk_id"""
_PASSAGES = """
    SELECT c.organization_id, c.chunk_id, c.document_id, c.version, c.ordinal, d.title, d.filename, c.text,
           c.char_start, c.char_end, c.heading_path, d.unit_kind, c.unit_from, c.unit_to, c.unit_label,
           c.language
      FROM knowledge.chunks c JOIN knowledge.documents d USING (organization_id, document_id)
     WHERE c.organization_id = %(organization_id)s AND c.chunk_id = ANY(%(chunk_ids)s)
       AND c.version = d.active_version
"""
_CORPUS_VERSION = "SELECT corpus_version FROM knowledge.corpora WHERE organization_id = %(organization_id)s"
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

    async def candidates(
        self, lexical: LexicalQuery | None, dense: DenseQuery | None, filters: SearchFilters, limit: int
    ) -> list[Candidate]:
        """See `SearchSnapshot.candidates`."""
        conditions, values = filter_conditions(filters)
        parts: list[str] = []
        if lexical is not None:
            parts.append(
                _LEXICAL.format(allowed=_ALLOWED.format(conditions=conditions) if conditions else "")
            )
            values |= self._lexical_values(lexical, limit)
        if dense is not None:
            parts.append(_DENSE.format(conditions=conditions))
            values |= _dense_values(dense)
        if not parts:
            return []
        result = _BOTH if lexical and dense else _LEXICAL_ONLY if lexical else _DENSE_ONLY
        rows = await self._rows(f"WITH {', '.join(parts)} {result}", {**values, "limit": limit})
        return [Candidate(**row) for row in rows]

    async def passages(self, chunk_ids: Sequence[int]) -> dict[int, Passage]:
        """See `SearchSnapshot.passages`."""
        rows = await self._rows(_PASSAGES, {"chunk_ids": list(chunk_ids)})
        if any(row["organization_id"] != self._organization_id for row in rows):
            raise TenantLeak("A chunk of another organization was read.")
        return {row["chunk_id"]: _passage(row) for row in rows}

    async def _rows(self, statement: str, values: dict[str, Any]) -> list[dict[str, Any]]:
        await self._cursor.execute(statement, {**values, "organization_id": self._organization_id})
        return await self._cursor.fetchall()

    def _lexical_values(self, query: LexicalQuery, limit: int) -> dict[str, Any]:
        settings = self._settings
        return {
            **analysis(query.text, query.language),
            "k1": settings.bm25_k1,
            "b": settings.bm25_b,
            "champions": settings.champions_per_term,
            "rescored": max(limit, settings.rescored),
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


def _dense_values(query: DenseQuery) -> dict[str, Any]:
    return {
        "vector": vector_literal(query.vector),
        "model": query.model.name,
        "revision": query.model.revision,
    }


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
