"""The lexical leg: BM25 over blocks of postings.

The `champions_per_term` postings of highest level of each query term are added up with the current idf; the
best `rescored` chunks are then scored exactly with the statistics of the moment. Where few chunks are
eligible, each of them is scored.
"""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

from typing import Any

from footnote.knowledge.ports import LexicalQuery
from footnote.platform.settings import RetrievalSettings
from footnote.stores.postgres.lexical_index import LEXEMES, analysis
from footnote.stores.postgres.search_conditions import Conditions

# More postings than any term has: the whole list is read.
ALL_POSTINGS = 2**31 - 1

# Plans are written out, not left to the planner, whose statistics lag behind a bulk load: keys are looked up
# one by one (OFFSET 0 keeps a lateral lookup from being turned into a join).

# The query's terms that occur at all. A term's part of BM25 is gain * tf / (tf + base + slope * length), with
# gain = weight * idf * (k1 + 1) and idf = ln(1 + (N - df + .5) / (df + .5)).
QUERY = f"""
    parsed AS MATERIALIZED (
        SELECT number, weight, {LEXEMES.format("f")} AS lexemes
          FROM (SELECT number, weight, native, configuration, to_tsvector('english', common) AS plain
                  FROM unnest(%(common)s::text[], %(native)s::text[], %(configuration)s::text[],
                              %(weights)s::float8[])
                       WITH ORDINALITY AS t (common, native, configuration, weight, number)) f
    ), query AS MATERIALIZED (
        SELECT l.term_id, l.document_frequency > %(champions)s AS truncated, %(k1)s * (1 - %(b)s) AS base,
               %(k1)s * %(b)s * c.chunk_count / greatest(c.total_length, 1)::float8 AS slope,
               word.weight * (%(k1)s + 1) * ln(1 + (c.chunk_count - l.document_frequency + .5::float8)
                                                   / (l.document_frequency + .5)) AS gain
          FROM (SELECT DISTINCT ON (term) term, weight
                  FROM parsed CROSS JOIN unnest(tsvector_to_array(lexemes)) AS term
                 ORDER BY term, number) word
         CROSS JOIN knowledge.corpora c
         CROSS JOIN LATERAL (
             SELECT term_id, document_frequency FROM knowledge.lexicon
              WHERE organization_id = %(organization_id)s AND term = word.term OFFSET 0) l
         WHERE c.organization_id = %(organization_id)s AND l.document_frequency > 0
    )"""
_PART = "q.gain * p.frequency / (p.frequency + q.base + q.slope * p.length)"


def score(row: str, terms: str = "true") -> str:
    """The parts of BM25 of a row of `knowledge.indexed_chunks`, added up over the query's terms."""
    return f"""(
    SELECT coalesce(sum({_PART}), 0)
      FROM query q
     CROSS JOIN LATERAL (
         SELECT ({row}.weights[array_position({row}.term_ids, q.term_id)] & 255)::float8 AS frequency,
                {row}.length OFFSET 0) p
     WHERE {terms} AND p.frequency > 0)"""


def from_heads(conditions: Conditions) -> str:
    """`lexical (chunk_id, score, rank)`, found in the heads of the query terms' lists.

    The head of a list gives exact parts of the score; what is missing are the parts of terms whose list was
    cut off before it came to the chunk.
    """
    first = "OFFSET 0" if conditions else "LIMIT %(rescored)s"
    return f"""
    {QUERY}, summed AS MATERIALIZED (
        SELECT p.chunk_number, sum({_PART}) AS found,
               coalesce(sum({_PART}) FILTER (WHERE NOT q.truncated), 0) AS known
          FROM query q
         CROSS JOIN LATERAL (
             SELECT (entry >> 32)::int AS chunk_number, (entry >> 16 & 255)::float8 AS frequency,
                    (entry & 65535)::float8 AS length
               FROM (SELECT unnest(p.entries) AS entry FROM knowledge.postings p
                      WHERE p.organization_id = %(organization_id)s AND p.term_id = q.term_id
                      ORDER BY p.level DESC, p.first_number DESC LIMIT %(champions)s) head) p
         GROUP BY p.chunk_number
    ), rescored AS MATERIALIZED (
        SELECT i.chunk_id, s.known + {score("i", "q.truncated")} AS score
          FROM (SELECT * FROM summed ORDER BY found DESC, chunk_number {first}) s
         CROSS JOIN LATERAL (
             SELECT x.chunk_id, x.document_id, x.length, x.term_ids, x.weights FROM knowledge.indexed_chunks x
              WHERE x.organization_id = %(organization_id)s AND x.chunk_number = s.chunk_number OFFSET 0) i
         WHERE {conditions.allow("i", is_active=True)} LIMIT %(rescored)s
    ), {_ranked("SELECT chunk_id, score FROM rescored")}"""


def from_eligible() -> str:
    """`lexical`, every chunk of `eligible` that has one of the query's terms."""
    scored = f"SELECT e.chunk_id, {score('e')} AS score FROM eligible e"
    return f"{QUERY}, {_ranked(scored)}"


def from_all_postings(conditions: Conditions) -> str:
    """`lexical (chunk_number, rank)` of every chunk with one of the query's terms: for explanations.

    Every list is read to its end, so that the sums are whole scores. Chunks of equal score rank by number.
    """
    allowed = f"""
         CROSS JOIN LATERAL (
             SELECT x.chunk_id, x.document_id FROM knowledge.indexed_chunks x
              WHERE x.organization_id = %(organization_id)s AND x.chunk_number = s.chunk_number OFFSET 0) i
         WHERE {conditions.allow("i", is_active=True)}"""
    return f"""
    {QUERY}, summed AS MATERIALIZED (
        SELECT p.chunk_number, sum({_PART}) AS score
          FROM query q
         CROSS JOIN LATERAL (
             SELECT (entry >> 32)::int AS chunk_number, (entry >> 16 & 255)::float8 AS frequency,
                    (entry & 65535)::float8 AS length
               FROM (SELECT unnest(b.entries) AS entry FROM knowledge.postings b
                      WHERE b.organization_id = %(organization_id)s AND b.term_id = q.term_id) list) p
         GROUP BY p.chunk_number
    ), lexical AS MATERIALIZED (
        SELECT s.chunk_number, row_number() OVER (ORDER BY s.score DESC, s.chunk_number) AS rank
          FROM summed s {allowed if conditions else ""}
    )"""


def _ranked(scored: str) -> str:
    return f"""lexical AS MATERIALIZED (
        SELECT chunk_id, score, row_number() OVER (ORDER BY score DESC, chunk_id) AS rank
          FROM ({scored}) s WHERE score > 0 ORDER BY score DESC, chunk_id LIMIT %(limit)s
    )"""


def values(query: LexicalQuery, settings: RetrievalSettings, limit: int) -> dict[str, Any]:
    """Of the placeholders above."""
    texts = ((query.text, 1.0), *query.expansions)
    forms = [analysis(text, query.language) for text, _ in texts]
    return {
        **{name: [form[name] for form in forms] for name in ("common", "native", "configuration")},
        "weights": [weight for _, weight in texts],
        "k1": settings.bm25_k1,
        "b": settings.bm25_b,
        "champions": max(limit, settings.champions_per_term),
        "rescored": max(limit, settings.rescored),
    }
