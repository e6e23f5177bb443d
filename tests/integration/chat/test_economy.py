"""An organization whose budget is nearly spent is answered at less cost, and told so."""

import html
import json

import pytest

from footnote.composition import Container
from footnote.composition.economy import NOTICE
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.settings import CacheSettings, GenerationSettings, RerankingSettings, Settings
from footnote.quota import KeptStages
from functions.chat.handler import app
from functions.search.handler import app as search_app
from tests.support.clock import ManualClock
from tests.support.functions import FunctionClient
from tests.support.metering import FixedPrices, entitle
from tests.support.wire import serving

QUESTION = "When was the lighthouse of Farol built?"


async def speaks(received, reply):
    """A server of both models: each answers in its own words."""
    model = received.json()["model"]
    said = {"large": "The lighthouse was built in 1912 [1].", "small": "It was built in 1912 [1]."}[model]
    usage = {"choices": [], "usage": {"prompt_tokens": 200, "completion_tokens": 9}}
    await reply.head(200, content_type="text/event-stream")
    for delta, reason in ((said, None), (None, "stop")):
        choice = {"index": 0, "delta": {"content": delta} if delta else {}, "finish_reason": reason}
        await reply.chunk(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
    await reply.chunk(f"data: {json.dumps(usage)}\n\ndata: [DONE]\n\n".encode())
    await reply.end()


@pytest.fixture
async def models():
    async with serving(speaks) as wire:
        yield wire


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def make_services(database, embedder, models, clock, monkeypatch):
    """The container of one process, and what members meet of it."""

    def make(economy_model="small", caches=None):
        generation = GenerationSettings(
            base_url=f"{models.url}/v1", model="large", economy_model=economy_model
        )
        settings = Settings(
            environment="test",
            generation=generation,
            caches=caches or CacheSettings(enabled=False),
            reranking=RerankingSettings(endpoint_name=""),
        )
        container = Container(settings, clock)
        container.__dict__ |= {"database": database, "embedder": embedder, "prices": FixedPrices()}
        monkeypatch.setattr("functions.chat.routes.container", lambda: container)
        return container

    return make


@pytest.fixture
def stage(module_database, knowing, clock):
    """Sets the stage of the organization's budget, and lets what is remembered of it pass."""

    def give(name):
        entitle(module_database.superuser_dsn, knowing.organization_id, "{}", stage=name)
        clock.advance(11)

    return give


@pytest.fixture
def ask(knowing):
    client = FunctionClient(app)

    async def ask(**options):
        response = await client.call(knowing, "POST", "/chat", {"message": QUESTION} | options)
        assert response.status_code == 200, response.text
        return response

    return ask


async def test_the_stage_decides_which_model_answers(make_services, stage, ask):
    make_services()
    for name, model, degraded in (
        ("normal", "large", None),
        ("soft", "large", None),
        ("hard", "small", NOTICE),
        ("normal", "large", None),
    ):
        stage(name)
        metadata = (await ask()).json()["metadata"]
        assert (metadata["model_used"], metadata["degraded"]) == (model, degraded), name
    assert "budget" in NOTICE


async def test_a_search_says_so_as_well(make_services, stage, knowing, monkeypatch):
    services = make_services()
    monkeypatch.setattr("functions.search.routes.container", lambda: services)
    client = FunctionClient(search_app)
    for name, degraded in (("normal", None), ("hard", NOTICE)):
        stage(name)
        response = await client.call(knowing, "POST", "/search", {"query": QUESTION})
        assert response.json()["degraded"] == degraded
        asked = {"query": QUESTION, "document_id": response.json()["results"][0]["document_id"]}
        response = await client.call(knowing, "POST", "/search/explain", asked)
        assert response.json()["searched"]["degraded"] == degraded
        page = await client.call(knowing, "POST", "/search/explain?format=html", asked)
        assert (NOTICE in html.unescape(page.text)) == (degraded is not None)


async def test_a_stream_says_so_as_well(make_services, stage, ask, models):
    make_services()
    stage("hard")
    text = (await ask(stream=True)).text
    done = json.loads(text.rsplit("event: done\ndata: ", 1)[1])
    assert (done["metadata"]["model_used"], done["metadata"]["degraded"]) == ("small", NOTICE)
    assert [request.json()["model"] for request in models.requests] == ["small"]


async def test_without_a_cheaper_model_the_documents_own_sentences_answer(make_services, stage, ask, models):
    make_services(economy_model="")
    stage("hard")
    metadata = (await ask()).json()["metadata"]
    assert (metadata["model_used"], metadata["degraded"]) == ("extractive", NOTICE)
    assert models.requests == []


async def test_the_platforms_stage_counts_as_well(make_services, stage, ask, superuser):
    make_services()
    superuser.execute("UPDATE quota.platform_budget SET stage = 'hard'")
    try:
        stage("normal")
        assert (await ask()).json()["metadata"]["model_used"] == "small"
    finally:
        superuser.execute("UPDATE quota.platform_budget SET stage = 'normal'")


async def test_cheap_answers_are_kept_longer_and_marked_when_given_again(
    make_services, stage, ask, models, knowing
):
    services = make_services(caches=CacheSettings(redis=False))
    stage("hard")
    economical = await services.of_organization(knowing)
    for term in ("answer_ttl_s", "search_ttl_s", "embedding_ttl_s"):
        assert getattr(economical.settings.caches, term) == 2 * getattr(services.settings.caches, term)
    first = (await ask()).json()["metadata"]
    again = (await ask()).json()["metadata"]
    assert (first["cached"], again["cached"]) == (False, True)
    assert again["degraded"] == NOTICE
    assert len(models.requests) == 1
    # A cheap answer is not given when there is money again.
    stage("normal")
    assert (await ask()).json()["metadata"]["model_used"] == "large"


async def test_where_nothing_is_left_out_nothing_is_told(make_services, stage, ask):
    services = make_services()
    services.settings = services.settings.model_copy(update={"generation": GenerationSettings()})
    stage("hard")
    metadata = (await ask()).json()["metadata"]
    assert (metadata["model_used"], metadata["degraded"]) == ("extractive", None)


async def test_nothing_that_costs_more_is_asked(make_services, stage, knowing):
    services = make_services()
    economical = await services.of_organization(knowing, economy=True)
    assert economical.query_rewriter is None
    assert services.query_rewriter is not None
    assert economical.reranker is None
    assert economical is await services.of_organization(knowing, economy=True)
    # Who knows the stage from admission says so: what is remembered does not matter then.
    stage("hard")
    assert await services.of_organization(knowing, economy=False) is services


async def test_a_stage_that_cannot_be_read_changes_nothing(make_services, knowing, clock):
    class Down:
        @staticmethod
        async def terms(_):
            raise ServiceUnavailable("down")

    assert await KeptStages(Down, clock).saves(knowing) is False
