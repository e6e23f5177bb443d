"""Health over HTTP with a real Postgres and Redis; storage and models are not running."""

from contextlib import asynccontextmanager

import httpx
import pytest

from functions.health import routes
from functions.health.handler import app
from tests.support.identity import close, make_container


@pytest.fixture
def serve(module_database, redis_server, monkeypatch):
    """The API with settings changed by section."""
    nobody = "http://127.0.0.1:1"
    elsewhere = {"storage": {"endpoint_url": nobody}, "embedding": {"runtime_url": nobody}}

    @asynccontextmanager
    async def serving(**changes):
        container = make_container(module_database, redis_server, "footnote_app", {})
        sections = {
            name: getattr(container.settings, name).model_copy(update=change)
            for name, change in (elsewhere | changes).items()
        }
        container.settings = container.settings.model_copy(update=sections)
        monkeypatch.setattr(routes, "container", lambda: container)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://api") as client:
            yield client
        await close(container)

    return serving


@pytest.fixture
async def client(serve):
    async with serve() as client:
        yield client


@pytest.mark.parametrize("path", ["/health", "/health/live", "/health/startup"])
async def test_the_process_lives_whatever_its_dependencies_do(client, path):
    answer = await client.get(path)
    assert answer.status_code == 200
    assert set(answer.json()) == {"status", "timestamp"}
    assert answer.json()["status"] == "healthy"


async def test_ready_means_that_questions_can_be_answered(client):
    answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"postgres": "healthy", "embedding_model": "not ready"}


async def test_the_details_name_states_and_times_and_nothing_else(client):
    answer = await client.get("/health/detailed")
    assert answer.status_code == 503
    body = answer.json()
    assert set(body) == {"status", "timestamp", "checks", "latency_ms"}
    assert body["status"] == "degraded"
    assert body["checks"] == {
        "postgres": "healthy",
        "redis": "healthy",
        "storage": "unhealthy",
        "embedding_model": "not ready",
        "generation_model": "healthy",
    }
    assert set(body["latency_ms"]) == set(body["checks"])
    assert answer.headers["cache-control"] == "no-store"
    assert "127.0.0.1" not in answer.text


async def test_redis_is_reported_but_not_critical(client, redis_server, monkeypatch):
    monkeypatch.setattr(routes, "_NEEDED_TO_SERVE", ("postgres", "redis"))
    redis_server.stop()
    try:
        answer = await client.get("/health/ready")
    finally:
        redis_server.start()
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"postgres": "healthy", "redis": "unhealthy"}


async def test_a_cross_encoder_is_reported_where_there_is_one_but_not_critical(serve, monkeypatch):
    monkeypatch.setattr(routes, "_NEEDED_TO_SERVE", ("postgres", "reranking_model"))
    reranking = {"endpoint_name": "our-reranker", "runtime_url": "http://127.0.0.1:1"}
    async with serve(reranking=reranking) as client:
        answer = await client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json()["checks"] == {"postgres": "healthy", "reranking_model": "not ready"}
