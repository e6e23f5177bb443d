"""Fixtures of the whole suite."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

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
