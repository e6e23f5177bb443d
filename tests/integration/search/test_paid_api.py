"""Charges and idempotency of search, its explanations, and announcements, over HTTP on a real database."""

import asyncio
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from footnote.models import report_usage
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.ids import new_id
from tests.support.charging import books_of
from tests.support.ingestion import HashingEmbedder, World
from tests.support.metering import entitle
from tests.support.organizations import new_member

QUERY = {"query": "lighthouse of the harbour"}
TOKENS = 7


class CountingEmbedder(HashingEmbedder):
    """Each text has seven tokens; `gate` holds questions back."""

    def __init__(self):
        super().__init__()
        self.questions = 0
        self.gate = None

    async def embed_queries(self, texts):
        if self.gate is not None:
            await self.gate()
        vectors = await super().embed_queries(texts)
        self.questions += len(texts)
        report_usage("embedding_tokens", "hashing", TOKENS * len(texts))
        return vectors


@pytest.fixture
def world(database):
    return World(database, embedder=CountingEmbedder())


@pytest.fixture(autouse=True)
def no_rate_limits(monkeypatch):
    """Many requests at once are what these tests are about."""

    class Unlimited:
        async def allow(self, context, rate_class):
            return None

    monkeypatch.setattr(
        "footnote.composition.admission_edge.container", lambda: SimpleNamespace(rates=Unlimited())
    )


@pytest.fixture
def books(module_database, organization):
    return lambda: books_of(module_database.superuser_dsn, organization.organization_id)


@pytest.fixture
async def document_id(world, api, organization):
    await world.drop(organization, "harbour.txt", "The lighthouse of the harbour was built in 1912.")
    (document,) = (await api.documents.call(organization, "GET", "/documents")).json()["documents"]
    world.embedder.questions = 0
    return document["id"]


@pytest.fixture
def call(api, organization):
    """Sends one of the three requests."""

    async def call(path, body, key=None, context=organization, **options):
        client = api.documents if path == "/documents" else api.search
        headers = {"Idempotency-Key": key} if key is not None else {}
        more = options.pop("more_headers", {})
        return await client.call(context, "POST", path, body, more_headers=headers | more, **options)

    return call


@pytest.fixture
def requests(document_id):
    """`{path: (body, another body)}`"""
    return {
        "/search": (QUERY, {"query": "bakery"}),
        "/search/explain": ({**QUERY, "document_id": document_id}, {**QUERY, "document_id": str(new_id())}),
        "/documents": ({"filename": "b.txt"}, {"filename": "c.txt"}),
    }


PATHS = ("/search", "/search/explain", "/documents")


@pytest.mark.parametrize("path", PATHS)
async def test_a_request_is_charged_once_however_often_it_is_sent(call, requests, books, path):
    before = books().units.get("embedding_tokens", 0)
    body, other = requests[path]
    first = await call(path, body, "k-1")
    again = await call(path, body, "k-1")
    assert first.status_code == again.status_code == (201 if path == "/documents" else 200)
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    found = books()
    assert found.units["api_calls"] == 1
    assert "messages" not in found.units
    if path != "/documents":
        assert found.units["embedding_tokens"] > before
    refused = await call(path, other, "k-1")
    assert (refused.status_code, refused.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    for key in ("", "a b", "x" * 256):
        assert (await call(path, body, key)).status_code == 422
    assert books().units["api_calls"] == 1


@pytest.mark.parametrize("path", PATHS)
async def test_a_full_day_is_refused_as_section_7_says(
    call, requests, world, organization, module_database, path
):
    entitle(module_database.superuser_dsn, organization.organization_id, '{"api_calls": 2}')
    body, _ = requests[path]
    assert [(await call(path, body)).status_code < 300 for _ in range(2)] == [True, True]
    asked = world.embedder.questions
    response = await call(path, body)
    assert (response.status_code, response.json()["code"]) == (429, "QUOTA_EXCEEDED")
    details = response.json()["details"]
    assert (details["meter"], details["current_usage"], details["limit"]) == ("api_calls", 2, 2)
    assert details["reset_at"].endswith("T00:00:00Z")
    assert int(response.headers["retry-after"]) > 0
    assert world.embedder.questions == asked


async def test_the_same_search_at_the_same_time_is_served_once(call, requests, world, books):
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def gate():
        entered.set()
        await go_on.wait()

    world.embedder.gate = gate
    body = {**QUERY, "cache": False}
    first = asyncio.create_task(call("/search", body, "k-1"))
    await asyncio.wait_for(entered.wait(), 10)
    others = await asyncio.gather(*(call("/search", body, "k-1") for _ in range(10)))
    assert {one.status_code for one in others} == {409}
    assert {one.headers["retry-after"] for one in others} == {"1"}
    go_on.set()
    served = await first
    again = await asyncio.gather(*(call("/search", body, "k-1") for _ in range(10)))
    assert {one.content for one in again} == {served.content}
    assert books().units["api_calls"] == 1


async def test_too_many_searches_at_once_are_told_to_come_again(
    call, requests, world, organization, module_database, books
):
    entitle(module_database.superuser_dsn, organization.organization_id, '{"concurrent_requests": 1}')
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def gate():
        entered.set()
        await go_on.wait()

    world.embedder.gate = gate
    first = asyncio.create_task(call("/search", {**QUERY, "cache": False}))
    await asyncio.wait_for(entered.wait(), 10)
    refused = await call("/search", {**QUERY, "cache": False})
    assert (refused.status_code, refused.json()["code"]) == (429, "TOO_MANY_CONCURRENT_REQUESTS")
    go_on.set()
    assert (await first).status_code == 200
    assert (await call("/search", QUERY)).status_code == 200
    assert books().units["api_calls"] == 2


async def test_what_is_found_in_the_cache_costs_a_call_alone(call, requests, books):
    await call("/search", QUERY)
    before = books()
    assert (await call("/search", QUERY)).json()["cached"]
    after = books()
    assert after.units["api_calls"] == before.units["api_calls"] + 1
    assert after.cost == before.cost


async def test_what_fails_is_not_charged_but_known(call, requests, books, monkeypatch):
    async def broken(self, *arguments, **options):
        report_usage("rerank_calls", "cross", 3)
        raise ServiceUnavailable("The database cannot be reached right now.")

    before = books()
    with monkeypatch.context() as patch:
        patch.setattr("footnote.knowledge.retrieval.Retriever.retrieve", broken)
        assert (await call("/search", {**QUERY, "cache": False}, "k-1")).status_code == 503
    found = books()
    assert found.units == before.units
    assert found.cost["total_micro_usd"] == before.cost["total_micro_usd"]
    assert found.holds["released"] == 1
    assert found.internal["released"] > 0
    assert (await call("/search", {**QUERY, "cache": False}, "k-1")).status_code == 200


async def test_a_search_that_cannot_be_charged_gives_nothing_away(
    call, requests, world, api, organization, monkeypatch
):
    async def down(self, context, settlement):
        raise ServiceUnavailable("The database cannot be reached right now.")

    monkeypatch.setattr("footnote.stores.postgres.quota.PostgresQuotaStore.settle", down)
    response = await call("/search", QUERY)
    assert (response.status_code, response.json()["code"]) == (503, "QUOTA_UNAVAILABLE")
    assert "results" not in response.json()


async def test_keys_are_each_members_own(call, requests, module_database, organization):
    colleague = new_member(module_database, organization)
    first = await call("/search", QUERY, "k-1")
    own = await call("/search", {"query": "bakery"}, "k-1", colleague)
    assert (first.status_code, own.status_code) == (200, 200)


@pytest.mark.parametrize("path", PATHS)
async def test_who_may_no_longer_ask_is_not_given_an_answer_of_before(call, requests, organization, path):
    body, _ = requests[path]
    assert (await call(path, body, "k-1")).status_code < 300
    barred = replace(organization, role="viewer", permissions=frozenset({"organization:read"}))
    response = await call(path, body, "k-1", barred)
    assert (response.status_code, response.json()["code"]) == (403, "NOT_PERMITTED")


async def test_a_key_serves_one_route(call, requests):
    await call("/search", QUERY, "k-1")
    other = await call("/search/explain", requests["/search/explain"][0], "k-1")
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")


async def test_an_explanation_is_a_page_again(call, requests):
    body, _ = requests["/search/explain"]
    first = await call("/search/explain", body, "k-1")
    page = await call("/search/explain", body, "k-1", params={"format": "html"})
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["idempotency-replayed"] == "true"
    assert json.loads(first.content)["document"]["title"] in page.text


@pytest.mark.parametrize(
    ("limits", "meter", "limit"),
    [({"documents": 1}, "documents", 1), ({"storage_bytes": 60}, "storage_bytes", 60)],
)
async def test_where_there_is_no_room_it_is_said_before_the_upload(
    call, requests, organization, module_database, books, limits, meter, limit
):
    entitle(module_database.superuser_dsn, organization.organization_id, json.dumps(limits))
    before = books()
    response = await call("/documents", {"filename": "b.txt", "size_bytes": 100})
    assert (response.status_code, response.json()["code"]) == (429, "QUOTA_EXCEEDED")
    assert (response.json()["details"]["meter"], response.json()["details"]["limit"]) == (meter, limit)
    assert response.json()["details"]["reset_at"] is None
    assert books() == before
    entitle(module_database.superuser_dsn, organization.organization_id, "{}")
    assert (await call("/documents", {"filename": "b.txt", "size_bytes": 100})).status_code == 201


async def test_an_announcement_takes_no_room(call, requests, organization, module_database, books):
    entitle(module_database.superuser_dsn, organization.organization_id, '{"documents": 2}')
    for number in range(3):
        response = await call("/documents", {"filename": f"{number}.txt", "size_bytes": 100})
        assert response.status_code == 201
    assert books().units["api_calls"] == 3
