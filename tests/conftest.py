"""Fixtures of the whole suite."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from footnote.stores.postgres.database import Database
from tests.support.organizations import open_database
from tests.support.postgres import PostgresCluster, TestDatabase, running_cluster
from tests.support.redis import RedisServer, running_redis


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """A real PostgreSQL 18 with pgvector and Footnote's roles; one per test process."""
    directory = Path(tempfile.mkdtemp(prefix="footnote-postgres-"))
    directory.chmod(0o755)
    try:
        with running_cluster(directory) as cluster:
            yield cluster
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def migrated_database(postgres_cluster: PostgresCluster) -> Iterator[TestDatabase]:
    """A fresh database with the newest schema and no rows."""
    with postgres_cluster.migrated_database() as database:
        yield database


@pytest.fixture(scope="module")
def module_database(postgres_cluster: PostgresCluster) -> Iterator[TestDatabase]:
    """As `migrated_database`, shared by the tests of one module."""
    with postgres_cluster.migrated_database() as database:
        yield database


@pytest.fixture
async def database(module_database: TestDatabase) -> AsyncIterator[Database]:
    """The tenant transactions of one process, on the module's database."""
    database = open_database(module_database)
    yield database
    await database.close()


@pytest.fixture
def superuser(module_database: TestDatabase) -> Iterator[psycopg.Connection]:
    """A connection to the module's database that no policy holds back; each statement stands for itself."""
    with psycopg.connect(module_database.superuser_dsn, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """A real Redis; one per test process. A test that stops it starts it again."""
    directory = Path(tempfile.mkdtemp(prefix="footnote-redis-"))
    directory.chmod(0o755)
    try:
        with running_redis(directory) as server:
            yield server
    finally:
        shutil.rmtree(directory)
