"""One container of each kind for the tests of their contracts, and credentials for their clients."""

import pytest

from functions.embedding.build import ensure
from local.paths import cache_directory
from tests.support.container import running_container
from tests.support.cross_encoder import build_cross_encoder
from tests.support.endpoint import KEYS


@pytest.fixture
def credentials(monkeypatch):
    """Those that a function's environment holds."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS.secret_access_key)
    monkeypatch.setenv("AWS_SESSION_TOKEN", KEYS.session_token)


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


@pytest.fixture(scope="session")
def cross_encoder(tmp_path_factory):
    """A tiny cross-encoder with random weights and a window of 64 word pieces."""
    return build_cross_encoder(tmp_path_factory.mktemp("cross-encoder") / "tiny")


@pytest.fixture(scope="session")
def reranking_container(cross_encoder, tmp_path_factory):
    """A running reranking container with small limits."""
    log = tmp_path_factory.mktemp("reranking") / "log"
    with running_container(
        cross_encoder, log, "reranking", RERANKING_MAX_TEXTS="16", RERANKING_MAX_CHARACTERS="5000",
        RERANKING_MAX_BODY_BYTES="65536", RERANKING_MAX_WAITING="40", RERANKING_MODEL_NAME="our/reranker",
    ) as running:  # fmt: skip
        yield running
