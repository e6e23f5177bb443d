"""Search results over HTTP, found again while the documents are the same."""

from dataclasses import replace

import pytest

from footnote.composition import Container
from footnote.platform.settings import Settings
from footnote.stores.secrets.extension import StaticSecrets
from functions.search.handler import app as search_app
from tests.support.functions import FunctionClient
from tests.support.organizations import new_organization


@pytest.fixture
async def make_search(world, redis_server, monkeypatch):
    """Makes a process of the search function; caches are as the settings say."""
    made = []

    def make(**caches):
        settings = Settings(
            environment="test", redis={"port": redis_server.port, "password_secret": "redis"}, caches=caches
        )
        container = Container(settings)
        secrets = StaticSecrets({"redis": redis_server.password})
        container.__dict__ |= {"database": world.database, "embedder": world.embedder, "secrets": secrets}
        monkeypatch.setattr("functions.search.routes.container", lambda: container)
        made.append(container)
        return container, FunctionClient(search_app)

    yield make
    for container in made:
        await container.redis.close()


async def search(client, organization, query="quokka", **body):
    response = await client.call(organization, "POST", "/search", {"query": query, **body})
    assert response.status_code == 200, response.text
    return response.json()


def results(found):
    return {name: found[name] for name in ("results", "strategy", "corpus_version")}


async def test_the_same_search_is_found_again(make_search, world, organization):
    services, client = make_search()
    await world.drop(organization, "quokka.txt", "The quokka lives on Rottnest Island.")
    first = await search(client, organization)
    again = await search(client, organization)
    assert (first["cached"], again["cached"]) == (False, True)
    assert results(again) == results(first)
    assert first["results"]
    assert services.cache.statistics.snapshot()["search"]["redis"]["hits"] == 1


async def test_another_process_and_a_flushed_redis_find_it_too(make_search, world, organization):
    services, client = make_search()
    await world.drop(organization, "quokka.txt", "The quokka lives on Rottnest Island.")
    first = await search(client, organization)
    services, client = make_search()
    assert results(await search(client, organization)) == results(first)
    await services.redis.run(lambda redis: redis.flushall())
    assert (again := await search(client, organization))["cached"]
    assert results(again) == results(first)
    assert services.cache.statistics.snapshot()["search"]["store"]["hits"] == 1


async def test_a_change_of_documents_is_seen_at_once(make_search, world, organization):
    _, client = make_search()
    await world.drop(organization, "a.txt", "The first quokka.")
    await search(client, organization)
    await world.drop(organization, "b.txt", "The second quokka.")
    found = await search(client, organization)
    assert (found["cached"], len(found["results"])) == (False, 2)
    document = (await world.listed(organization))["a.txt"]
    await world.documents.delete(organization, document.id)
    found = await search(client, organization)
    assert (found["cached"], len(found["results"])) == (False, 1)


async def test_what_a_search_depends_on_is_in_its_key(make_search, world, organization, module_database):
    _, client = make_search()
    await world.drop(organization, "quokka.txt", "The quokka lives on Rottnest Island.")
    await search(client, organization)
    for change in (
        {"limit": 3},
        {"strategy": "lexical"},
        {"filters": {"source": "s3"}},
        {"query": "quokkas"},
    ):
        assert not (await search(client, organization, **change))["cached"]
    viewer = replace(organization, role="viewer")
    assert not (await search(client, viewer))["cached"]
    stranger = new_organization(module_database)
    found = await search(client, stranger)
    assert (found["cached"], found["results"]) == (False, [])


async def test_a_request_can_refuse_caches(make_search, world, organization):
    services, client = make_search()
    await world.drop(organization, "quokka.txt", "The quokka lives on Rottnest Island.")
    for _ in range(2):
        assert not (await search(client, organization, cache=False))["cached"]
    assert services.cache.statistics.snapshot() == {}


@pytest.mark.parametrize(
    "caches", [{"enabled": False}, {"search": False}, {"search": False, "embedding": False}]
)
async def test_it_can_be_switched_off(make_search, world, organization, caches):
    _, client = make_search(**caches)
    await world.drop(organization, "quokka.txt", "The quokka lives on Rottnest Island.")
    for _ in range(2):
        found = await search(client, organization)
        assert not found["cached"]
        assert found["results"]


async def test_a_query_is_embedded_once(make_search, world, organization):
    services, client = make_search(search=False)
    await world.drop(organization, "quokka.txt", "The quokka lives on Rottnest Island.")
    first, again = [await search(client, organization, strategy="vector") for _ in range(2)]
    assert results(again) == results(first)
    assert services.cache.statistics.snapshot()["embedding"]["redis"]["hits"] == 1


async def test_without_redis_results_come_from_the_store(make_search, world, organization, redis_server):
    _, client = make_search()
    await world.drop(organization, "quokka.txt", "The quokka lives on Rottnest Island.")
    redis_server.stop()
    try:
        first, again = [await search(client, organization) for _ in range(2)]
    finally:
        redis_server.start()
    assert (first["cached"], again["cached"]) == (False, True)
    assert results(again) == results(first)
