"""The test cluster itself: roles, extension, fresh databases."""

from __future__ import annotations

import psycopg
import pytest

from tests.support.postgres import PostgresCluster, TestDatabase


def test_roles_sign_in_with_their_password_only(postgres_cluster: PostgresCluster) -> None:
    with psycopg.connect(postgres_cluster.dsn("footnote_app")) as connection:
        row = connection.execute(
            "SELECT current_user, current_setting('server_version_num')::int / 10000"
        ).fetchone()
    assert row == ("footnote_app", 18)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres_cluster.dsn("footnote_app"), password="wrong")


def test_migrated_database_has_schema_and_vectors(migrated_database: TestDatabase) -> None:
    with psycopg.connect(migrated_database.dsn("footnote_owner")) as connection:
        assert connection.execute("SELECT count(*) FROM core.organizations").fetchone() == (0,)
        assert connection.execute("SELECT '[3,4]'::vector <-> '[0,0]'::vector").fetchone() == (5.0,)


def test_lower_casing_knows_unicode(postgres_cluster: PostgresCluster) -> None:
    with psycopg.connect(postgres_cluster.dsn("footnote_app")) as connection:
        assert connection.execute("SELECT lower('ÄÖÉ')").fetchone() == ("äöé",)
