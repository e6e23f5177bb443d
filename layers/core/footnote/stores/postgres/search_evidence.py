"""What ranking asks of the best candidates: where the query's words stand in them, and how alike they are."""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from footnote.knowledge.ranking.evidence import ChunkEvidence, QueryTerm, RankingEvidence
from footnote.stores.postgres.lexical_index import LEXEMES

# A place is the term's number << 16 | position; PostgreSQL keeps no position above 16,383.
_PLACE_BITS = 16
# Places in the analysis of the text's own language (label C) count only for words that English does not know.
_PLACES = """unnest(w.positions, w.weights) AS p (place, label)
                 WHERE p.label <> 'C' OR NOT 'D' = ANY(w.weights)"""

TERMS = f"""
    WITH parsed AS (
        SELECT to_tsvector('english', %(common)s) AS plain, %(native)s::text AS native,
               %(configuration)s::text AS configuration
    )
    SELECT w.lexeme AS term, ARRAY(SELECT p.place FROM {_PLACES}) AS positions,
           ln(1 + (k.chunk_count - coalesce(l.document_frequency, 0) + .5::float8)
                  / (coalesce(l.document_frequency, 0) + .5)) AS idf
      FROM (SELECT coalesce(max(chunk_count), 0) AS chunk_count FROM knowledge.corpora
             WHERE organization_id = %(organization_id)s) k
     CROSS JOIN parsed p
     CROSS JOIN unnest({LEXEMES.format("p")}) AS w
      LEFT JOIN knowledge.lexicon l ON l.organization_id = %(organization_id)s AND l.term = w.lexeme
     ORDER BY w.positions[1], w.lexeme
"""
CHUNKS = f"""
    WITH ahead AS MATERIALIZED (
        SELECT leader.number, v.embedding
          FROM unnest(%(leaders)s::bigint[]) WITH ORDINALITY AS leader (chunk_id, number)
         CROSS JOIN LATERAL (
             SELECT embedding FROM knowledge.chunk_vectors
              WHERE organization_id = %(organization_id)s AND chunk_id = leader.chunk_id OFFSET 0) v
    )
    SELECT c.chunk_id, c.lexical_length,
           ARRAY(SELECT array_position(%(terms)s::text[], w.lexeme) - 1 << {_PLACE_BITS} | place
                   FROM unnest(c.lexemes) AS w CROSS JOIN LATERAL (SELECT p.place FROM {_PLACES}) AS found
                  WHERE w.lexeme = ANY(%(terms)s::text[])) AS places,
           ARRAY(SELECT 1 - (v.embedding <=> l.embedding) FROM ahead l ORDER BY l.number) AS leaders
      FROM unnest(%(chunk_ids)s::bigint[]) AS wanted (chunk_id)
     CROSS JOIN LATERAL (
         SELECT chunk_id, lexical_length, lexemes FROM knowledge.chunks
          WHERE organization_id = %(organization_id)s AND chunk_id = wanted.chunk_id OFFSET 0) c
     CROSS JOIN LATERAL (
         SELECT embedding FROM knowledge.chunk_vectors
          WHERE organization_id = %(organization_id)s AND chunk_id = wanted.chunk_id OFFSET 0) v
"""
NEIGHBOURS = """
    SELECT found.chunk_id AS found_id, c.chunk_id
      FROM unnest(%(chunk_ids)s::bigint[]) AS wanted (chunk_id)
     CROSS JOIN LATERAL (
         SELECT chunk_id, document_id, version, ordinal FROM knowledge.chunks
          WHERE organization_id = %(organization_id)s AND chunk_id = wanted.chunk_id OFFSET 0) found
     CROSS JOIN LATERAL (
         SELECT chunk_id FROM knowledge.chunks
          WHERE organization_id = %(organization_id)s AND document_id = found.document_id
            AND version = found.version AND ordinal <> found.ordinal
            AND ordinal BETWEEN found.ordinal - %(distance)s AND found.ordinal + %(distance)s OFFSET 0) c
"""


def evidence_of(terms: Iterable[dict[str, Any]], chunks: Iterable[dict[str, Any]]) -> RankingEvidence:
    """From the rows of `TERMS` and `CHUNKS`."""
    return RankingEvidence(
        tuple(QueryTerm(row["term"], tuple(row["positions"] or ()), row["idf"]) for row in terms),
        {
            row["chunk_id"]: ChunkEvidence(row["lexical_length"], _positions(row["places"]), row["leaders"])
            for row in chunks
        },
    )


def _positions(places: Iterable[int]) -> dict[int, list[int]]:
    found: defaultdict[int, list[int]] = defaultdict(list)
    for place in sorted(places):
        found[place >> _PLACE_BITS].append(place & (1 << _PLACE_BITS) - 1)
    return dict(found)
