"""The function `quota` on a real database and a real Redis, as a warm process serves it."""

from dataclasses import dataclass

import pytest

from footnote.composition import Container
from footnote.platform.settings import QuotaSettings, RateSettings, Settings
from functions.quota.handler import app
from tests.support.clock import ManualClock
from tests.support.functions import FunctionClient
from tests.support.organizations import new_organization
from tests.support.rate_caller import connect


@dataclass
class Process:
    """One warm process."""

    container: Container
    clock: ManualClock


@pytest.fixture
async def make_process(database, redis_server):
    """Makes the container of a process; further ones share database and Redis."""
    connections = []

    def make(**rates):
        settings = Settings(
            environment="test",
            quota=QuotaSettings(default_plan="pro"),
            rates=RateSettings(default_per_minute=100, chat_per_minute=30, search_per_minute=60, **rates),
        )
        clock = ManualClock()
        container = Container(settings, clock)
        connection = connect(redis_server.port, redis_server.password, clock=clock)
        connections.append(connection)
        container.__dict__ |= {"database": database, "redis": connection}
        return Process(container, clock)

    yield make
    for connection in connections:
        await connection.close()


@pytest.fixture
def serve(monkeypatch):
    """Lets a process serve requests to some functions' applications."""

    def serve(process, *modules):
        for module in ("footnote.composition.admission_edge", *modules):
            monkeypatch.setattr(f"{module}.container", lambda: process.container)

    return serve


@pytest.fixture
def process(make_process, serve):
    process = make_process()
    serve(process, "functions.quota.routes")
    return process


@pytest.fixture
def api(process):
    return FunctionClient(app)


@pytest.fixture
def owner(module_database):
    return new_organization(module_database)
