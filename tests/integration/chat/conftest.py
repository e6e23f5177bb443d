"""Reading on real engines: the embedding model and an organization's corpus in Postgres."""

import pytest

from footnote.platform.settings import RetrievalSettings
from footnote.stores.postgres.search import PostgresSearchStore
from tests.support.embedding import InProcessEmbedder
from tests.support.organizations import new_organization, open_database


@pytest.fixture(scope="session")
def embedder():
    return InProcessEmbedder()


@pytest.fixture
async def database(module_database):
    database = open_database(module_database)
    yield database
    await database.close()


@pytest.fixture
def search_store(database):
    return PostgresSearchStore(database, RetrievalSettings())


@pytest.fixture
def context(module_database):
    return new_organization(module_database)
