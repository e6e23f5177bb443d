"""An organization that was indexed before blocks of postings existed is searchable after the migration."""

from uuid import UUID

import psycopg
import pytest

from footnote.knowledge import SearchFilters
from footnote.knowledge.ports import LexicalQuery
from footnote.platform.context import OrganizationContext
from footnote.platform.settings import RetrievalSettings
from footnote.stores.postgres.migrate import downgrade, upgrade
from footnote.stores.postgres.search import PostgresSearchStore
from tests.support.organizations import open_database
from tests.support.recount import assert_statistics_are_exact

BEFORE, AFTER = "0003_ingestion_functions", "0004_search_at_scale"
IDS = [UUID(int=number) for number in (1, 2)]
# As revision 0003 has them: two versions of one document, one of another that is deleted.
ROWS = """
    INSERT INTO core.organizations (organization_id, name, storage_prefix) VALUES (%(o)s, 'old', %(prefix)s);
    INSERT INTO knowledge.embedding_models (name, revision, dimension) VALUES ('model', '1', 3)
        ON CONFLICT DO NOTHING;
    INSERT INTO knowledge.documents (organization_id, document_id, title, filename, format, source, status,
        stage, active_version, deleted_at)
    SELECT %(o)s, gen_random_uuid(), 'Old otters ' || n, n || '.txt', 'txt', 's3', 'completed', 'active',
           active, CASE WHEN active IS NULL THEN now() END
      FROM (VALUES (1, 2), (2, NULL)) AS d (n, active);
    INSERT INTO knowledge.document_versions (organization_id, document_id, version, bucket, key, sequencer,
        stage)
    SELECT d.organization_id, d.document_id, v, 'b', d.filename, v::text,
           CASE WHEN v = d.active_version THEN 'active' ELSE 'superseded' END
      FROM knowledge.documents d CROSS JOIN generate_series(1, 2) AS v WHERE d.organization_id = %(o)s;
    INSERT INTO knowledge.chunks (organization_id, document_id, version, ordinal, text, char_start, char_end,
        token_count, embedded_sha256, lexemes, lexical_length)
    SELECT v.organization_id, v.document_id, v.version, n, 'x', 0, 1, 1, '',
           to_tsvector('english', 'otters swim ' || repeat('often ', n)), 2 + n
      FROM knowledge.document_versions v CROSS JOIN generate_series(0, 3) AS n
     WHERE v.organization_id = %(o)s;
    INSERT INTO knowledge.chunk_vectors (organization_id, chunk_id, document_id, version, embedding_model_id,
        embedding)
    SELECT c.organization_id, c.chunk_id, c.document_id, c.version, m.embedding_model_id, '[1,0,0]'
      FROM knowledge.chunks c CROSS JOIN knowledge.embedding_models m WHERE c.organization_id = %(o)s;
    INSERT INTO knowledge.corpora (organization_id, chunk_count, total_length) VALUES (%(o)s, 4, 14);
    INSERT INTO knowledge.lexicon (organization_id, term, document_frequency)
    SELECT %(o)s, w.lexeme, count(*) FROM knowledge.chunks c JOIN knowledge.documents d
        ON d.document_id = c.document_id AND d.active_version = c.version, unnest(c.lexemes) w
     WHERE c.organization_id = %(o)s GROUP BY 2;
"""
POSTINGS = """
    SELECT l.term, p.chunk_id, p.frequency, p.length
      FROM knowledge.postings p JOIN knowledge.lexicon l USING (organization_id, term_id)
"""
COUNTED = """
    SELECT w.lexeme, c.chunk_id, cardinality(w.positions), c.lexical_length
      FROM knowledge.chunks c JOIN knowledge.documents d
        ON d.document_id = c.document_id AND d.active_version = c.version, unnest(c.lexemes) w
"""


@pytest.fixture
def old(postgres_cluster):
    with postgres_cluster.empty_database() as database:
        upgrade(database.dsn("footnote_owner"), BEFORE)
        with psycopg.connect(database.superuser_dsn, cursor_factory=psycopg.ClientCursor) as connection:
            for organization_id in IDS:
                connection.execute(
                    ROWS, {"o": organization_id, "prefix": f"organizations/{organization_id}/"}
                )
        yield database


async def test_what_was_indexed_is_found_afterwards(old):
    upgrade(old.dsn("footnote_owner"))
    database = open_database(old)
    for organization_id in IDS:
        assert_statistics_are_exact(old.superuser_dsn, organization_id)
        store = PostgresSearchStore(database, RetrievalSettings())
        async with store.snapshot(OrganizationContext(organization_id)) as snapshot:
            found = await snapshot.candidates(LexicalQuery("often", "en"), None, SearchFilters(), 10)
        assert len(found) == 3
    await database.close()
    with psycopg.connect(old.superuser_dsn) as connection:
        titles = connection.execute(
            "SELECT DISTINCT title_lexemes @@ plainto_tsquery('english', 'otter') FROM knowledge.documents"
            " WHERE active_version IS NOT NULL"
        ).fetchall()
        models = connection.execute(
            "SELECT DISTINCT embedding_model_id IS NOT NULL FROM knowledge.document_versions"
            " WHERE stage = 'active'"
        ).fetchall()
    assert (titles, models) == ([(True,)], [(True,)])


def test_the_way_back_restores_the_postings(old):
    owner = old.dsn("footnote_owner")
    upgrade(owner, AFTER)
    downgrade(owner, BEFORE)
    with psycopg.connect(old.superuser_dsn) as connection:
        stored = connection.execute(POSTINGS).fetchall()
        assert sorted(stored) == sorted(connection.execute(COUNTED).fetchall())
    assert stored
