"""One embedding container for the tests of its contract."""

import pytest

from functions.embedding.build import ensure
from local.paths import cache_directory
from tests.support.container import running_container


@pytest.fixture(scope="session")
def model_directory():
    """The int8 model, built into the cache the first time."""
    directory = cache_directory() / "models" / "tests"
    ensure(directory)
    return directory


@pytest.fixture(scope="session")
def container(model_directory, tmp_path_factory):
    """A running container with small limits."""
    log = tmp_path_factory.mktemp("container") / "log"
    with running_container(
        model_directory, log, EMBEDDING_MAX_TEXTS="16", EMBEDDING_MAX_CHARACTERS="5000",
        EMBEDDING_MAX_BODY_BYTES="65536", EMBEDDING_MAX_SPANS="64",
    ) as running:  # fmt: skip
        yield running
