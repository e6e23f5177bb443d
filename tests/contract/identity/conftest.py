"""The services of identity on real engines, composed as in production."""

import pytest

from tests.support.identity import close, identity_secrets, make_container


@pytest.fixture(scope="session")
def secrets():
    return identity_secrets()


@pytest.fixture
async def containers(module_database, redis_server, secrets):
    """Makes the container of one function's process, by its database role."""
    made = []

    def make(role, **identity):
        made.append(make_container(module_database, redis_server, role, secrets, **identity))
        return made[-1]

    yield make
    for container in made:
        await close(container)


@pytest.fixture
def auth(containers):
    """The process of `auth`."""
    return containers("footnote_auth")


@pytest.fixture
def accounts(containers):
    """The process of `accounts`."""
    return containers("footnote_app")


@pytest.fixture
def authorizer(containers):
    """The process of `authorizer`."""
    return containers("nobody")
