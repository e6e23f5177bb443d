"""The chunks that fulfil a search's conditions, looked up first and scored one by one."""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from footnote.stores.postgres.search_conditions import Conditions

_INDEXED = """
    SELECT x.chunk_id, x.document_id, x.length, x.term_ids, x.weights FROM knowledge.indexed_chunks x
     WHERE x.organization_id = %(organization_id)s"""
_BY_PHRASE = f"""eligible AS MATERIALIZED (
    SELECT i.* FROM (
        SELECT DISTINCT (unnest(p.entries) >> 32)::int AS chunk_number FROM knowledge.postings p
         WHERE p.organization_id = %(organization_id)s AND p.term_id = ANY(%(phrase_terms)s)) found
     CROSS JOIN LATERAL ({_INDEXED} AND x.chunk_number = found.chunk_number OFFSET 0) i
     WHERE {{allowed}})"""
_BY_DOCUMENTS = f"""eligible AS MATERIALIZED (
    SELECT i.* FROM knowledge.documents d
     CROSS JOIN LATERAL (
         SELECT c.chunk_id FROM knowledge.chunks c
          WHERE c.organization_id = %(organization_id)s AND c.document_id = d.document_id
            AND c.version = d.active_version {{chunks}} OFFSET 0) c
     CROSS JOIN LATERAL ({_INDEXED} AND x.chunk_id = c.chunk_id OFFSET 0) i
     WHERE d.organization_id = %(organization_id)s AND d.active_version IS NOT NULL {{documents}})"""
_COUNT_DOCUMENTS = """
    SELECT coalesce(sum(chunk_count), 0) AS chunks
      FROM (SELECT d.chunk_count FROM knowledge.documents d
             WHERE d.organization_id = %(organization_id)s AND d.active_version IS NOT NULL {documents}
             LIMIT %(enough)s + 1) counted
"""
_BY_LANGUAGE = f"""eligible AS MATERIALIZED (
    SELECT i.* FROM knowledge.chunks c CROSS JOIN LATERAL ({_INDEXED} AND x.chunk_id = c.chunk_id OFFSET 0) i
     WHERE c.organization_id = %(organization_id)s {{chunks}} AND {{allowed}})"""
_COUNT_LANGUAGE = """
    SELECT count(*) AS chunks
      FROM (SELECT FROM knowledge.chunks c
             WHERE c.organization_id = %(organization_id)s AND c.language = %(language)s
             LIMIT %(enough)s + 1) counted
"""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to all chunks that fulfil the conditions.

    Attributes:
        statement: The common table expression `eligible`: rows of `knowledge.indexed_chunks`.
        count: Counts what is looked at on the way, only until there are more than `enough`; empty where
            `chunks` says it.
        chunks: How many are looked at, at most.
    """

    statement: str
    count: str = ""
    chunks: int = 0


def ways(conditions: Conditions) -> Iterator[Way]:
    """All ways that the conditions open, the most promising first; none without conditions."""
    allowed = conditions.allow("i", is_active=True)
    if conditions.phrase_terms is not None:
        yield Way(_BY_PHRASE.format(allowed=allowed), chunks=conditions.phrase_chunks)
    if conditions.documents:
        yield Way(
            _BY_DOCUMENTS.format(documents=conditions.documents, chunks=conditions.chunks),
            _COUNT_DOCUMENTS.format(documents=conditions.documents),
        )
    if "language" in conditions.values:
        yield Way(_BY_LANGUAGE.format(chunks=conditions.chunks, allowed=allowed), _COUNT_LANGUAGE)
