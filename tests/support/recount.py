"""Counts an organization's lexical statistics anew and compares them with the stored ones."""

from __future__ import annotations

from uuid import UUID

import psycopg

_ACTIVE = """
    SELECT c.* FROM knowledge.chunks c
      JOIN knowledge.documents d
        ON d.organization_id = c.organization_id AND d.document_id = c.document_id
       AND d.active_version = c.version AND d.deleted_at IS NULL
     WHERE c.organization_id = %(organization)s
"""
_STORED_CORPUS = """
    SELECT chunk_count, total_length FROM knowledge.corpora WHERE organization_id = %(organization)s
"""
_COUNTED_CORPUS = f"SELECT count(*), coalesce(sum(lexical_length), 0)::bigint FROM ({_ACTIVE}) a"
_STORED_TERMS = """
    SELECT term, document_frequency FROM knowledge.lexicon WHERE organization_id = %(organization)s
"""
_COUNTED_TERMS = f"SELECT w.lexeme, count(*) FROM ({_ACTIVE}) a, unnest(a.lexemes) w GROUP BY w.lexeme"
# Of each posting its chunk, word, frequency and length of the chunk, as the blocks and as the chunks have it.
_STORED_POSTINGS = """
    SELECT i.chunk_id, l.term, (e.entry >> 16 & 255)::int, (e.entry & 65535)::int, i.chunk_id IS NOT NULL
      FROM (SELECT p.*, unnest(p.entries) AS entry FROM knowledge.postings p
             WHERE p.organization_id = %(organization)s) e
      LEFT JOIN knowledge.lexicon l ON l.organization_id = e.organization_id AND l.term_id = e.term_id
      LEFT JOIN knowledge.indexed_chunks i
        ON i.organization_id = e.organization_id AND i.chunk_number = e.entry >> 32
       AND i.weights[array_position(i.term_ids, e.term_id)] = e.entry >> 16 & 65535
"""
_COUNTED_POSTINGS = f"""
    SELECT a.chunk_id, w.lexeme, knowledge.term_frequency(w.positions, w.weights), a.lexical_length::int,
           true
      FROM ({_ACTIVE}) a, unnest(a.lexemes) w
"""
_STORED_CHUNKS = """
    SELECT i.chunk_id, i.document_id, i.length, cardinality(i.term_ids), cardinality(i.weights)
      FROM knowledge.indexed_chunks i WHERE i.organization_id = %(organization)s
"""
_COUNTED_CHUNKS = f"""
    SELECT a.chunk_id, a.document_id, a.lexical_length, length(a.lexemes), length(a.lexemes)
      FROM ({_ACTIVE}) a
"""
# A block is where the next removal looks for its postings.
_MISPLACED = """
    SELECT p.term_id, p.level, p.first_number
      FROM (SELECT *, lead(first_number) OVER (
                       PARTITION BY term_id, level ORDER BY first_number) AS next_number
              FROM knowledge.postings WHERE organization_id = %(organization)s) p
     WHERE cardinality(p.entries) NOT BETWEEN 1 AND 128
        OR EXISTS (SELECT FROM unnest(p.entries) AS e
                    WHERE p.level <> 32 AND (e >> 24 & 63 <> p.level OR e >> 32 < p.first_number
                                             OR e >> 32 >= p.next_number))
"""
_ACTIVE_VERSIONS = """
    SELECT document_id, version FROM knowledge.document_versions
     WHERE organization_id = %(organization)s AND stage = 'active'
"""
_POINTED_AT = """
    SELECT document_id, active_version FROM knowledge.documents
     WHERE organization_id = %(organization)s AND active_version IS NOT NULL
"""


def assert_statistics_are_exact(superuser_dsn: str, organization_id: UUID) -> None:
    """Chunk count, length, document frequencies and postings are those of the active versions alone."""
    with psycopg.connect(superuser_dsn) as connection:

        def rows(statement: str) -> list[tuple[object, ...]]:
            return connection.execute(statement, {"organization": organization_id}).fetchall()

        assert sorted(rows(_ACTIVE_VERSIONS)) == sorted(rows(_POINTED_AT))
        assert (rows(_STORED_CORPUS) or [(0, 0)]) == rows(_COUNTED_CORPUS)
        assert sorted(rows(_STORED_TERMS)) == sorted(rows(_COUNTED_TERMS))
        assert sorted(rows(_STORED_POSTINGS)) == sorted(rows(_COUNTED_POSTINGS))
        assert sorted(rows(_STORED_CHUNKS)) == sorted(rows(_COUNTED_CHUNKS))
        assert rows(_MISPLACED) == []
