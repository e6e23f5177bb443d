"""Stores of knowledge on a real database."""

import pytest

from tests.support.ingestion import World
from tests.support.organizations import new_organization


@pytest.fixture
def world(database):
    return World(database)


@pytest.fixture
def organization(module_database):
    return new_organization(module_database)


@pytest.fixture
def stranger(module_database):
    """Somebody of another organization."""
    return new_organization(module_database)
