"""Where one document stands in a search: exact scores and ranks, whatever was a candidate.

Both legs run over everything, without heads of lists and without indexes, so that this takes as long as the
organization is large; it is bounded all the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import fields
from typing import Any
from uuid import UUID

from footnote.knowledge.filters import SearchFilters, TextConstraints
from footnote.knowledge.models import DocumentStatus
from footnote.knowledge.ports import DenseQuery, LexicalQuery
from footnote.knowledge.standing import Check, ChunkStanding, DocumentStanding, StandingDocument
from footnote.platform.context import OrganizationContext
from footnote.platform.settings import RetrievalSettings
from footnote.stores.postgres import search_lexical
from footnote.stores.postgres.database import Cursor, Database
from footnote.stores.postgres.search_conditions import Conditions, compile_conditions
from footnote.stores.postgres.vectors import vector_literal

# Less than a function has; a member waits.
_LIMIT = "SET LOCAL statement_timeout = 20000"
_DOCUMENT = """
    SELECT document_id, title, filename, status, stage, active_version, chunk_count, failure_code,
           failure_reason, duplicate_of, deleted_at
      FROM knowledge.documents
     WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s
"""
_CORPUS = """
    SELECT coalesce(max(chunk_count), 0) AS chunks, coalesce(max(corpus_version), 0) AS version,
           (SELECT embedding_model_id FROM knowledge.embedding_models
             WHERE name = %(model)s AND revision = %(revision)s) AS model_id
      FROM knowledge.corpora WHERE organization_id = %(organization_id)s
"""
# How many of the document's chunks fulfil some conditions.
_FULFILLING = """
    SELECT count(*) AS chunks
      FROM knowledge.documents d
      JOIN knowledge.chunks c ON c.organization_id = d.organization_id AND c.document_id = d.document_id
       AND c.version = d.active_version
     WHERE d.organization_id = %(organization_id)s AND d.document_id = %(document_id)s{documents}{chunks}
"""
_NO_WORDS = "lexical AS (SELECT 0 AS chunk_number, 0::bigint AS rank WHERE false)"
_NO_MEANING = "dense AS (SELECT 0 AS chunk_number, 0::bigint AS rank WHERE false)"
_DENSE = """dense AS MATERIALIZED (
    SELECT i.chunk_number,
           row_number() OVER (ORDER BY v.embedding <=> %(vector)s::halfvec, v.chunk_id) AS rank
      FROM knowledge.chunk_vectors v
      JOIN knowledge.indexed_chunks i ON i.organization_id = v.organization_id AND i.chunk_id = v.chunk_id
     WHERE v.organization_id = %(organization_id)s AND v.embedding_model_id = %(model_id)s AND {allowed})"""
# Ranks are put to the document's chunks by grouping, not by joins: nothing is known of how long the legs are,
# and a planner that takes them for short compares every row with every other.
_STANDING = """
    WITH {legs}, own AS MATERIALIZED (
        SELECT i.chunk_number, i.chunk_id, {bm25} AS bm25, {cosine} AS cosine
          FROM knowledge.documents d
          JOIN knowledge.chunks c ON c.organization_id = d.organization_id AND c.document_id = d.document_id
           AND c.version = d.active_version
         CROSS JOIN LATERAL (
             SELECT x.* FROM knowledge.indexed_chunks x
              WHERE x.organization_id = %(organization_id)s AND x.chunk_id = c.chunk_id OFFSET 0) i
         WHERE d.organization_id = %(organization_id)s AND d.document_id = %(document_id)s
    ), placed AS MATERIALIZED (
        SELECT max(chunk_id) AS chunk_id, max(bm25) AS bm25, max(cosine) AS cosine,
               max(lexical_rank) AS lexical_rank, max(dense_rank) AS dense_rank
          FROM (SELECT chunk_number, chunk_id, bm25, cosine, NULL::bigint AS lexical_rank,
                       NULL::bigint AS dense_rank FROM own
                 UNION ALL SELECT chunk_number, NULL, NULL, NULL, rank, NULL FROM lexical
                 UNION ALL SELECT chunk_number, NULL, NULL, NULL, NULL, rank FROM dense) every
         GROUP BY chunk_number HAVING count(chunk_id) > 0
         ORDER BY least(max(lexical_rank), max(dense_rank)) NULLS LAST, 2 DESC NULLS LAST,
                  3 DESC NULLS LAST, 1
         LIMIT %(shown)s
    )
    SELECT p.*, c.version, c.ordinal, c.text, c.char_start AS start, c.char_end AS "end", c.heading_path,
           (SELECT unit_kind FROM knowledge.documents
             WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s), c.unit_from
      FROM placed p
     CROSS JOIN LATERAL (
         SELECT x.* FROM knowledge.chunks x
          WHERE x.organization_id = %(organization_id)s AND x.chunk_id = p.chunk_id OFFSET 0) c
     ORDER BY least(p.lexical_rank, p.dense_rank) NULLS LAST, p.bm25 DESC NULLS LAST,
              p.cosine DESC NULLS LAST, p.chunk_id
"""
_COSINE = """(
    SELECT 1 - (v.embedding <=> %(vector)s::halfvec) FROM knowledge.chunk_vectors v
     WHERE v.organization_id = %(organization_id)s AND v.chunk_id = i.chunk_id
       AND v.embedding_model_id = %(model_id)s)"""


class PostgresStandingStore:
    """`footnote.knowledge.standing.StandingStore` on Postgres."""

    def __init__(self, database: Database, settings: RetrievalSettings) -> None:
        self._database = database
        self._settings = settings

    async def standing(
        self,
        context: OrganizationContext,
        document_id: UUID,
        lexical: LexicalQuery | None,
        dense: DenseQuery | None,
        *,
        filters: SearchFilters,
        constraints: TextConstraints,
        limit: int,
    ) -> DocumentStanding:
        """See `StandingStore.standing`."""
        names = {"organization_id": context.organization_id, "document_id": document_id}
        async with self._database.tenant_tx(context, snapshot=True, background=True) as cursor:
            await cursor.execute(_LIMIT)
            document = await _document(cursor, names)
            corpus = await _one(cursor, _CORPUS, {**names, **_model(dense)})
            known = {"corpus_chunks": corpus["chunks"], "corpus_version": corpus["version"]}
            if document is None or document.active_version is None or document.deleted_at is not None:
                return DocumentStanding(document, **known)
            conditions = await compile_conditions(cursor, names, filters, constraints)
            values = {**names, "model_id": corpus["model_id"], "shown": limit}
            return DocumentStanding(
                document,
                checks=tuple([one async for one in _checks(cursor, names, filters, constraints)]),
                allowed=await _fulfilling(cursor, names, conditions),
                chunks=await self._chunks(cursor, values, lexical, dense, conditions),
                **known,
            )

    async def _chunks(
        self,
        cursor: Cursor,
        names: dict[str, Any],
        lexical: LexicalQuery | None,
        dense: DenseQuery | None,
        conditions: Conditions,
    ) -> tuple[ChunkStanding, ...]:
        values = {**conditions.values, **names}
        legs = [_NO_WORDS, _NO_MEANING]
        bm25, cosine = "NULL::float8", "NULL::float8"
        if lexical is not None:
            values |= search_lexical.values(lexical, self._settings, limit=0)
            legs[0], bm25 = search_lexical.from_all_postings(conditions), search_lexical.score("i")
        if dense is not None:
            values["vector"] = vector_literal(dense.vector)
            legs[1], cosine = _DENSE.format(allowed=conditions.allow("i", is_active=True)), _COSINE
        await cursor.execute(_STANDING.format(legs=", ".join(legs), bm25=bm25, cosine=cosine), values)
        rows = await cursor.fetchall()
        return tuple(ChunkStanding(**{**row, "heading_path": tuple(row["heading_path"])}) for row in rows)


async def _one(cursor: Cursor, statement: str, values: dict[str, Any]) -> dict[str, Any]:
    await cursor.execute(statement, values)
    row = await cursor.fetchone()
    assert row is not None  # an aggregate has one row, always
    return row


async def _document(cursor: Cursor, names: dict[str, Any]) -> StandingDocument | None:
    await cursor.execute(_DOCUMENT, names)
    row = await cursor.fetchone()
    return StandingDocument(**{**row, "status": DocumentStatus(row["status"])}) if row else None


def _model(dense: DenseQuery | None) -> dict[str, str | None]:
    if dense is None:
        return {"model": None, "revision": None}
    return {"model": dense.model.name, "revision": dense.model.revision}


async def _checks(
    cursor: Cursor, names: dict[str, Any], filters: SearchFilters, constraints: TextConstraints
) -> AsyncIterator[Check]:
    """Each condition by itself, held against the document."""
    for kind, name, value, filter_, constraint in _alone(filters, constraints):
        conditions = await compile_conditions(cursor, names, filter_, constraint)
        yield Check(kind, name, value, await _fulfilling(cursor, names, conditions))


def _alone(
    filters: SearchFilters, constraints: TextConstraints
) -> Iterator[tuple[Any, str, str, SearchFilters, TextConstraints]]:
    """Every filter and every word or phrase of a constraint, each as the only one."""
    for one in fields(SearchFilters):
        value = getattr(filters, one.name)
        if value not in {None, ()}:
            shown = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            yield "filter", one.name, shown, SearchFilters(**{one.name: value}), TextConstraints()
    for one in fields(TextConstraints):
        for text in getattr(constraints, one.name):
            name = "phrase" if one.name == "phrases" else one.name
            yield "operator", name, text, SearchFilters(), TextConstraints(**{one.name: (text,)})


async def _fulfilling(cursor: Cursor, names: dict[str, Any], conditions: Conditions) -> int:
    statement = _FULFILLING.format(documents=conditions.documents, chunks=conditions.chunks)
    return int((await _one(cursor, statement, {**names, **conditions.values}))["chunks"])
