"""The scheduled function `indexer`, called as Lambda calls it."""

import asyncio
from dataclasses import dataclass

import pytest

from footnote.composition import Container
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.settings import PostgresSettings, RetrievalSettings, Settings
from footnote.stores.secrets.extension import StaticSecrets
from functions.indexer import handler as indexer
from tests.support.organizations import new_organization, open_database
from tests.support.vectors import fill

RETRIEVAL = RetrievalSettings(vector_index_from=100, vector_index_until=50, hnsw_build_workers=0)


@dataclass
class Context:
    """What Lambda hands over."""

    left_ms: int = 900_000

    def get_remaining_time_in_millis(self):
        return self.left_ms


@pytest.fixture
def call(migrated_database, monkeypatch):
    """Calls the function in a process that signs in as its manifest says."""

    def call(port=migrated_database.port, left_ms=900_000):
        settings = Settings(
            postgres=PostgresSettings(
                host=migrated_database.host,
                port=port,
                database=migrated_database.name,
                user="footnote_indexer",
                password_secret="footnote_indexer",
            ),
            retrieval=RETRIEVAL,
        )
        container = Container(settings)
        container.secrets = StaticSecrets(migrated_database.passwords)
        monkeypatch.setattr(indexer, "container", lambda: container)
        return indexer.handler({}, Context(left_ms))

    return call


@pytest.fixture
def large(migrated_database):
    async def load():
        database = open_database(migrated_database)
        await fill(database, new_organization(migrated_database), documents=20)
        await database.close()

    asyncio.run(load())


def test_it_builds_what_is_due(large, call):
    done = {"built": 1, "dropped": 0, "waiting": 0, "is_busy": False}
    assert call() == done
    assert call() == done | {"built": 0}


def test_it_begins_nothing_that_it_has_no_time_for(large, call):
    assert call(left_ms=290_000) == {"built": 0, "dropped": 0, "waiting": 1, "is_busy": False}


def test_a_database_that_is_away_is_said_to_be(call):
    with pytest.raises(ServiceUnavailable):
        call(port=1)
