"""Stores of knowledge on a real database."""

import pytest

from tests.support.ingestion import World
from tests.support.organizations import new_organization, open_database


@pytest.fixture
async def world(module_database):
    database = open_database(module_database)
    yield World(database)
    await database.close()


@pytest.fixture
def organization(module_database):
    return new_organization(module_database)


@pytest.fixture
def stranger(module_database):
    """Somebody of another organization."""
    return new_organization(module_database)
