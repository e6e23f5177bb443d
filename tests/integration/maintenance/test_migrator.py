"""The migrator makes a database that RDS made Footnote's, as an administrator who is no superuser."""

import json

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from footnote.platform.settings import PostgresSettings
from footnote.stores.postgres.bootstrap import ROLES
from footnote.stores.postgres.credentials import iam_token, read_credentials
from footnote.stores.postgres.migrator import Migrator
from footnote.stores.secrets.extension import StaticSecrets
from tests.support.postgres import running_cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    directory = tmp_path_factory.mktemp("cluster")
    for folder in (directory, *directory.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    with running_cluster(directory) as cluster:
        yield cluster


@pytest.fixture
def fresh(cluster):
    """A database as RDS hands it over: made by an administrator with rights to make roles, and no more."""
    with psycopg.connect(cluster.superuser_dsn, autocommit=True) as connection:
        connection.execute("CREATE ROLE rds_admin LOGIN CREATEROLE CREATEDB PASSWORD 'admin'")
        for role in (*ROLES, "footnote_definer"):
            connection.execute(
                sql.SQL("GRANT {} TO rds_admin WITH ADMIN OPTION").format(sql.Identifier(role))
            )
        connection.execute("CREATE DATABASE fresh OWNER rds_admin")
    with psycopg.connect(make_conninfo(cluster.superuser_dsn, dbname="fresh"), autocommit=True) as connection:
        # `vector` is a trusted extension on RDS; here a superuser has to make it.
        connection.execute("CREATE EXTENSION vector")
    yield "fresh"
    with psycopg.connect(cluster.superuser_dsn, autocommit=True) as connection:
        connection.execute("DROP DATABASE fresh WITH (FORCE)")
        connection.execute("DROP OWNED BY rds_admin")
        connection.execute("DROP ROLE rds_admin")


async def test_it_may_run_again_and_ends_at_the_same_revision(cluster, fresh):
    ids = {role: f"footnote/postgres/{role}" for role in ROLES}
    secrets = {ids[role]: json.dumps({"username": role, "password": f"pw-{role}"}) for role in ROLES}
    secrets["administrator"] = json.dumps({"username": "rds_admin", "password": "admin"})
    settings = PostgresSettings(host=cluster.host, port=cluster.port, database=fresh)
    migrator = Migrator(settings, StaticSecrets(secrets), "administrator", ids)
    revision = await migrator.migrate()
    assert await migrator.migrate() == revision
    with psycopg.connect(
        host=cluster.host, port=cluster.port, dbname=fresh, user="footnote_app", password="pw-footnote_app"
    ) as connection:
        assert connection.execute("SELECT count(*) FROM knowledge.documents").fetchone() == (0,)
    with psycopg.connect(make_conninfo(cluster.superuser_dsn, dbname=fresh)) as connection:
        owner = connection.execute(
            "SELECT datdba::regrole::text FROM pg_database WHERE datname = %s", (fresh,)
        )
        assert owner.fetchone() == ("footnote_owner",)


async def test_a_secret_is_a_password_or_json():
    secrets = StaticSecrets(
        {"plain": "pw", "json": '{"username": "u", "password": "p"}', "wrong": '{"user": 1}'}
    )
    assert (await read_credentials(secrets, "plain")).password == "pw"
    found = await read_credentials(secrets, "json")
    assert (found.username, found.password) == ("u", "p")
    with pytest.raises(Exception, match="holds no password"):
        await read_credentials(secrets, "wrong")


def test_an_iam_token_is_what_the_rds_client_of_boto3_signs(monkeypatch):
    boto3 = pytest.importorskip("boto3")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTING")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
    ours = iam_token("proxy.example.com", 5432, "footnote_app", "us-east-1")
    # A session of its own: the default one keeps the credentials that it was asked with first.
    session = boto3.session.Session(region_name="us-east-1")
    theirs = session.client("rds").generate_db_auth_token("proxy.example.com", 5432, "footnote_app")

    def parts(token):
        head, _, query = token.partition("?")
        pairs = dict(pair.split("=", 1) for pair in query.split("&"))
        return head, {
            key: value for key, value in pairs.items() if key not in {"X-Amz-Date", "X-Amz-Signature"}
        }

    assert parts(ours) == parts(theirs)
