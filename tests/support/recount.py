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
_STORED_POSTINGS = """
    SELECT p.chunk_id, l.term, p.frequency, p.length
      FROM knowledge.postings p LEFT JOIN knowledge.lexicon l USING (organization_id, term_id)
     WHERE p.organization_id = %(organization)s
"""
_COUNTED_POSTINGS = f"""
    SELECT a.chunk_id, w.lexeme, cardinality(w.positions), a.lexical_length
      FROM ({_ACTIVE}) a, unnest(a.lexemes) w
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
