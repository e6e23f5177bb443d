"""A cluster that keeps what it committed, however it ends."""

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.support.postgres import running_cluster

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}


@pytest.fixture(scope="module")
def durable_cluster():
    """PostgreSQL with the durability of production; tests may crash it."""
    directory = Path(tempfile.mkdtemp(prefix="footnote-durable-"))
    directory.chmod(0o755)
    try:
        with running_cluster(directory, DURABLE) as cluster:
            yield cluster
    finally:
        shutil.rmtree(directory)


@pytest.fixture
def durable_database(durable_cluster):
    with durable_cluster.migrated_database() as database:
        yield database
