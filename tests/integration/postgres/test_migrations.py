"""Up, down and up again: each revision leaves the schema exactly as it found it."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import psycopg
import pytest

from footnote.stores.postgres.migrate import current_revision, downgrade, upgrade

REVISIONS = (
    "base",
    "0001_foundation",
    "0002_identity_functions",
    "0003_ingestion_functions",
    "0004_search_at_scale",
    "0005_caches",
    "0006_evaluations",
    "0007_provenance",
    "0008_sentence_vectors",
    "0009_quota",
    "0010_billing",
    "0011_outbox",
    "0012_costs",
    "0013_payments",
    "0014_calendars",
    "0015_one_subscription",
    "0016_ledgers_at_scale",
    "0017_late_rows",
)

# Everything that makes up a schema, in words. Rights are spelled out: an empty list means the default ones.
CATALOGUE = """
    SELECT 'table', c.oid::regclass::text, concat_ws(' ', c.relkind, c.relrowsecurity, c.relforcerowsecurity,
           c.reloptions), (SELECT array_agg(a::text ORDER BY a::text) FROM aclexplode(coalesce(c.relacl,
           acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END, c.relowner))) a)::text
      FROM pg_class c WHERE c.relnamespace = ANY(%(schemas)s) AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'c')
    UNION ALL
    SELECT 'column', a.attrelid::regclass || '.' || a.attname,
           concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attstorage,
                     a.attcollation::regcollation, pg_get_expr(d.adbin, d.adrelid)),
           (SELECT array_agg(g::text ORDER BY g::text) FROM aclexplode(a.attacl) g)::text
      FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
      LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE c.relnamespace = ANY(%(schemas)s) AND c.relkind IN ('r', 'p', 'v', 'c') AND a.attnum > 0
       AND NOT a.attisdropped
    UNION ALL
    SELECT 'constraint', conrelid::regclass || '.' || conname, pg_get_constraintdef(oid), convalidated::text
      FROM pg_constraint WHERE connamespace = ANY(%(schemas)s)
    UNION ALL
    SELECT 'index', i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), i.indisvalid::text
      FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = ANY(%(schemas)s)
    UNION ALL
    SELECT 'policy', polrelid::regclass || '.' || polname,
           concat_ws(' ', polcmd, polpermissive, pg_get_expr(polqual, polrelid),
                     pg_get_expr(polwithcheck, polrelid)), polroles::regrole[]::text FROM pg_policy
    UNION ALL
    SELECT 'function', p.oid::regprocedure::text,
           concat_ws(' ', p.provolatile, p.prosecdef, p.prosrc, p.proconfig, p.proowner::regrole),
           (SELECT array_agg(a::text ORDER BY a::text)
              FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a)::text
      FROM pg_proc p WHERE p.pronamespace = ANY(%(schemas)s)
    UNION ALL
    SELECT 'schema', nspname, nspowner::regrole::text,
           (SELECT array_agg(a::text ORDER BY a::text)
              FROM aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a)::text
      FROM pg_namespace WHERE oid = ANY(%(schemas)s)
"""


def catalogue(dsn):
    with psycopg.connect(dsn) as connection:
        found = connection.execute(
            "SELECT array_agg(oid) FROM pg_namespace WHERE nspname !~ '^pg_'"
            " AND nspname NOT IN ('information_schema', 'public', 'migrations')"
        ).fetchone()
        return sorted(map(repr, connection.execute(CATALOGUE, {"schemas": found[0] or []}).fetchall()))


@pytest.fixture
def empty(postgres_cluster):
    with postgres_cluster.empty_database() as database:
        yield database


def test_each_revision_down_and_up_again_leaves_no_trace(empty):
    owner = empty.dsn("footnote_owner")
    states = {"base": catalogue(empty.superuser_dsn)}
    for revision in REVISIONS[1:]:
        upgrade(owner, revision)
        states[revision] = catalogue(empty.superuser_dsn)
    upgrade(owner)
    assert current_revision(owner) == REVISIONS[-1], "a revision is missing in this test"
    for revision in reversed(REVISIONS[:-1]):
        downgrade(owner, revision)
        assert catalogue(empty.superuser_dsn) == states[revision], (
            f"down to {revision} leaves something behind"
        )
    assert current_revision(owner) is None
    for revision in REVISIONS[1:]:
        upgrade(owner, revision)
        assert catalogue(empty.superuser_dsn) == states[revision], f"up again to {revision} differs"


def test_up_to_date_is_left_alone(empty):
    owner = empty.dsn("footnote_owner")
    upgrade(owner)
    before = catalogue(empty.superuser_dsn)
    upgrade(owner)
    assert catalogue(empty.superuser_dsn) == before


def test_a_migration_that_fails_changes_nothing(empty):
    owner = empty.dsn("footnote_owner")
    with psycopg.connect(empty.superuser_dsn, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA chat")  # in the way of the first revision, half way through
    before = catalogue(empty.superuser_dsn)
    with pytest.raises(Exception, match="chat"):
        upgrade(owner)
    assert catalogue(empty.superuser_dsn) == before
    assert current_revision(owner) is None


def test_two_deployments_at_once_migrate_one_after_the_other(empty):
    owner = empty.dsn("footnote_owner")
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as processes:
        list(processes.map(upgrade, [owner, owner]))
    assert current_revision(owner) == REVISIONS[-1]
