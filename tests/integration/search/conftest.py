"""The functions `documents` and `search` over HTTP, on a real database."""

from types import SimpleNamespace

import pytest

from footnote.composition import Container
from footnote.platform.settings import Settings
from functions.documents.handler import app as documents_app
from functions.search.handler import app as search_app
from tests.support.functions import FunctionClient
from tests.support.ingestion import World
from tests.support.metering import FixedPrices
from tests.support.organizations import new_organization


@pytest.fixture
def world(database):
    return World(database)


@pytest.fixture
def api(world, monkeypatch):
    """Clients of the functions; all share one warm process, and so one connection."""
    container = Container(Settings(environment="test"))
    container.__dict__ |= {"database": world.database, "embedder": world.embedder, "objects": world.bucket}
    container.__dict__["prices"] = FixedPrices()
    for function in ("documents", "search"):
        monkeypatch.setattr(f"functions.{function}.routes.container", lambda: container)
    return SimpleNamespace(documents=FunctionClient(documents_app), search=FunctionClient(search_app))


@pytest.fixture
def organization(module_database):
    return new_organization(module_database)
