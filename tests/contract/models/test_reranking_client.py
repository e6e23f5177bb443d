"""The client of the reranking endpoint, against a server that checks and misbehaves."""

import asyncio
import json
import time

import pytest

from footnote.models.providers.http import HttpReranker
from footnote.models.providers.reranking import OPEN_S, ContainerReranker, batches
from footnote.models.providers.sagemaker import SageMakerReranker
from footnote.platform.errors import ModelUnavailable
from footnote.platform.settings import RerankingSettings
from tests.support.clock import ManualClock
from tests.support.endpoint import REGION, answering, check_signature, cutting, model_error, silent
from tests.support.wire import serving

pytestmark = pytest.mark.usefixtures("credentials")


def settings(**changes):
    return RerankingSettings(**({"endpoint_name": "reranker", "batch_size": 3, "timeout_s": 2.0} | changes))


def score_of(text):
    """Stands for a passage: its length."""
    return len(text) / 100


def reranking(revision="r1", **changes):
    async def script(received, reply):
        passages = received.json()["passages"]
        answer = {
            "model": f"model {revision}",
            "revision": revision,
            "scores": [score_of(text) for text in passages],
            "tokens": [3] * len(passages),
            "truncated": [],
        }
        await reply.whole(200, json.dumps(answer | changes).encode())

    return script


async def slow(received, reply):
    await asyncio.sleep(0.3)
    await reranking()(received, reply)


@pytest.fixture
def reranker_at():
    """The contract is the same with and without SageMaker in between; most tests use the plain address."""
    return lambda url, **changes: HttpReranker(url, settings(**changes))


async def test_the_request_is_invoke_endpoint_rightly_signed():
    async with serving(reranking()) as wire:
        reranker = SageMakerReranker(settings(runtime_url=wire.url), REGION)
        assert reranker.name == "reranker"
        assert await reranker.score("Zürich?", ["a", "bb"]) == [0.01, 0.02]
        assert reranker.name == "model r1"
        await reranker.close()
    sent = wire.requests[0]
    assert (sent.method, sent.path) == ("POST", "/endpoints/reranker/invocations")
    assert sent.headers["content-type"] == "application/json"
    assert sent.json() == {"query": "Zürich?", "passages": ["a", "bb"]}
    assert check_signature(sent).service == "sagemaker"


async def test_without_credentials_nothing_is_sent(monkeypatch):
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    async with serving(reranking()) as wire:
        with pytest.raises(ModelUnavailable, match="credentials"):
            await SageMakerReranker(settings(runtime_url=wire.url), REGION).score("a", ["b"])
    assert wire.requests == []


async def test_passages_go_in_batches_and_scores_come_back_in_order(reranker_at):
    passages = ["a" * (number + 1) for number in range(8)]
    async with serving(reranking()) as wire:
        scores = await reranker_at(wire.url).score("why", passages)
    assert scores == [score_of(passage) for passage in passages]
    assert [len(sent.json()["passages"]) for sent in wire.requests] == [3, 3, 2]
    assert {sent.json()["query"] for sent in wire.requests} == {"why"}
    assert wire.connections == 1


async def test_no_passages_need_no_request(reranker_at):
    async with serving(reranking()) as wire:
        assert await reranker_at(wire.url).score("why", []) == []
    assert wire.requests == []


async def test_a_model_that_changes_between_batches_is_refused(reranker_at):
    async with serving(reranking("r1"), reranking("r2")) as wire:
        with pytest.raises(ModelUnavailable):
            await reranker_at(wire.url).score("why", ["a"] * 4)


def test_bodies_keep_to_the_limits_of_a_request():
    limits = settings(batch_size=10, max_characters=50, max_body_bytes=400)
    texts = ["x" * length for length in (1, 60, 49, 10, 0, 50, 50, 50, 50, 50, 50, 3)] + ['"\n\\ü🚀' * 20] * 3
    sent = list(batches("why " * 100, texts, limits))
    bodies = [json.loads(body) for body, _ in sent]
    assert [passage for body in bodies for passage in body["passages"]] == [text[:50] for text in texts]
    assert [count for _, count in sent] == [len(body["passages"]) for body in bodies]
    assert {body["query"] for body in bodies} == {("why " * 100)[:50]}
    assert max(len(body) for body, count in sent if count > 1) <= 400
    assert len(sent) < len(texts)


def test_a_passage_too_large_for_any_request_goes_alone():
    sent = list(batches("why", ["a", "b" * 500, "c"], settings(max_body_bytes=300)))
    assert [count for _, count in sent] == [1, 1, 1]


@pytest.mark.parametrize("first", [cutting, answering(503), answering(429), answering(502), model_error(503)])
async def test_a_passing_failure_is_tried_once_more(first, reranker_at):
    async with serving(first, reranking()) as wire:
        assert await reranker_at(wire.url).score("why", ["ab"]) == [0.02]
    assert len(wire.requests) == 2


@pytest.mark.parametrize("script", [cutting, answering(503), model_error(503)])
async def test_not_more_than_once_more(script, reranker_at):
    async with serving(script, script, reranking()) as wire:
        with pytest.raises(ModelUnavailable):
            await reranker_at(wire.url).score("why", ["ab"])
    assert len(wire.requests) == 2


@pytest.mark.parametrize(
    "script", [answering(400), answering(500), model_error(400), model_error(500), answering(424, b"text")]
)
async def test_a_refusal_is_not_repeated(script, reranker_at):
    async with serving(script, reranking()) as wire:
        with pytest.raises(ModelUnavailable):
            await reranker_at(wire.url).score("why", ["ab"])
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    "script",
    [
        reranking(scores=[0.1]),
        reranking(scores=[0.1, 0.2, 0.3]),
        reranking(scores=[0.1, None]),
        reranking(scores=[0.1, "0.2"]),
        reranking(scores=[0.1, True]),
        reranking(scores=[0.1, [0.2]]),
        reranking(scores=[0.1, 1.01]),
        reranking(scores=[-3.2, 0.4]),
        reranking(scores=[0.1, float("nan")]),
        reranking(scores={"0": 0.1, "1": 0.2}),
        reranking(scores=None),
        reranking(model=None),
        reranking(revision=7),
        answering(200, b"not json"),
        answering(200, b"[]"),
        answering(200, b'{"model": "m", "revision": "r", "scores": [0.1, 0.2}'),
        answering(200, b"[" * 100_000),
        answering(200),
        answering(200, b"\xff"),
    ],
)
async def test_an_answer_that_breaks_the_contract_is_refused(script, reranker_at):
    async with serving(script) as wire:
        reranker = reranker_at(wire.url)
        with pytest.raises(ModelUnavailable) as raised:
            await reranker.score("why", ["a", "b"])
    assert raised.value.details == {"model": "reranking"}
    assert reranker.name == "reranker"


async def test_whole_numbers_are_scores(reranker_at):
    async with serving(reranking(scores=[0, 1])) as wire:
        assert await reranker_at(wire.url).score("why", ["a", "b"]) == [0.0, 1.0]


async def test_the_time_limit_is_for_all_batches(reranker_at):
    async with serving(slow) as wire:
        reranker = reranker_at(wire.url, timeout_s=1.5)
        assert len(await reranker.score("why", ["a"] * 6)) == 6
        started = time.monotonic()
        with pytest.raises(ModelUnavailable):
            await reranker.score("why", ["a"] * 30)
        assert 1.4 < time.monotonic() - started < 3
    assert len(wire.requests) < 2 + 10


async def test_a_client_that_gave_up_hangs_up(reranker_at):
    async with serving(silent) as wire:
        with pytest.raises(ModelUnavailable):
            await reranker_at(wire.url, timeout_s=0.2).score("why", ["a"])
        await asyncio.wait_for(wire.hung_up.wait(), 2)


async def test_nobody_listens(reranker_at):
    async with serving(reranking()) as wire:
        pass
    started = time.monotonic()
    with pytest.raises(ModelUnavailable):
        await reranker_at(wire.url).score("why", ["a"])
    assert time.monotonic() - started < 1.0


async def test_an_endpoint_that_keeps_failing_is_left_alone_for_a_while():
    clock = ManualClock()
    async with serving(answering(500), answering(500), answering(500), reranking()) as wire:
        exchange = HttpReranker(wire.url, settings())._endpoint._exchange
        reranker = ContainerReranker(settings(), exchange, clock)
        for _ in range(6):
            with pytest.raises(ModelUnavailable):
                await reranker.score("why", ["a"])
        assert len(wire.requests) == 3
        clock.advance(OPEN_S + 0.1)
        assert await reranker.score("why", ["a"]) == [0.01]
        assert await reranker.score("why", ["a"]) == [0.01]
    assert len(wire.requests) == 5
