"""The reranking container over HTTP: SageMaker's contract, limits, errors."""

import asyncio
import json
import math
import shutil
import signal
from pathlib import Path

import httpx
import numpy as np
import onnx
import pytest

from footnote.models.providers.http import HttpReranker
from footnote.platform.errors import ModelUnavailable
from footnote.platform.settings import RerankingSettings
from functions.reranking.backends import load_backend
from functions.reranking.settings import RerankingServerSettings
from tests.support.container import check_refusal, check_routes, running_container

REFERENCE = Path(__file__).resolve().parents[2] / "fixtures" / "reranking" / "reference.json"
CASES = json.loads(REFERENCE.read_text())["cases"]
QUERY = CASES[0]["query"]
PASSAGES = [case["passage"] for case in CASES if case["query"] == QUERY]
SCORES = [1 / (1 + math.exp(-case["logit"])) for case in CASES if case["query"] == QUERY]


@pytest.fixture
async def client(reranking_container):
    async with httpx.AsyncClient(base_url=reranking_container.url, timeout=60, trust_env=False) as opened:
        yield opened


async def rerank(client, query, *passages):
    response = await client.post("/invocations", json={"query": query, "passages": list(passages)})
    assert response.status_code == 200, response.text
    return response.json()


async def test_ping_names_the_model(client, cross_encoder):
    response = await client.get("/ping")
    settings = RerankingServerSettings(model_directory=cross_encoder)
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "model": "our/reranker",
        "revision": load_backend(settings).description.revision,
        "window": 64,
    }


async def test_scores_are_those_of_the_reference_in_order(client):
    answer = await rerank(client, QUERY, *PASSAGES)
    assert set(answer) == {"model", "revision", "scores", "tokens", "truncated"}
    np.testing.assert_allclose(answer["scores"], SCORES, atol=1e-5)
    backwards = await rerank(client, QUERY, *reversed(PASSAGES))
    assert backwards["scores"] == answer["scores"][::-1]


async def test_the_answer_names_its_model_and_counts(client):
    ping = (await client.get("/ping")).json()
    answer = await rerank(client, "why", "because", "", "sky " * 61)
    assert (answer["model"], answer["revision"]) == (ping["model"], ping["revision"])
    assert answer["tokens"] == [5, 4, 65]
    assert answer["truncated"] == [2]


async def test_equal_pairs_have_equal_scores_whoever_else_asks(client):
    alone = (await rerank(client, QUERY, PASSAGES[0]))["scores"][0]
    several = await asyncio.gather(
        *(rerank(client, QUERY, *PASSAGES[:number], PASSAGES[0]) for number in range(5))
    )
    assert {answer["scores"][-1] for answer in several} == {alone}


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "body"),
        (b"{", 400, "body"),
        (b"[]", 400, "body"),
        (b'{"query": "a"}', 400, "passages"),
        (b'{"passages": ["a"]}', 400, "query"),
        (b'{"query": "a", "passages": []}', 400, "passages"),
        (b'{"query": "a", "passages": "b"}', 400, "passages"),
        (b'{"query": 1, "passages": ["b"]}', 400, "query"),
        (b'{"query": null, "passages": ["b"]}', 400, "query"),
        (b'{"query": "a", "passages": ["b", null]}', 400, "passages.1"),
        (b'{"query": "a", "passages": ["b"], "top": 3}', 400, "top"),
        (b'{"query": "\\ud800", "passages": ["b"]}', 400, ""),
        (b'{"query": "a", "passages": ["\xff"]}', 400, ""),
        (json.dumps({"query": "a", "passages": ["b"] * 17}).encode(), 400, "17 texts; a request may have 16"),
        (json.dumps({"query": "a", "passages": ["b", "c" * 5001]}).encode(), 400, "passages.1: 5001"),
        (json.dumps({"query": "a" * 5001, "passages": ["b"]}).encode(), 400, "query: 5001 characters"),
        (json.dumps({"query": "a", "passages": ["b" * 70_000]}).encode(), 413, "65536 bytes"),
    ],
)  # fmt: skip
async def test_wrong_requests_are_told_what_is_wrong(client, body, status, says):
    response = await client.post("/invocations", content=body, headers={"Content-Type": "application/json"})
    check_refusal(response, status, says)


async def test_other_media_types_methods_and_paths(client):
    await check_routes(client)


async def test_a_wrong_request_never_repeats_the_text(client):
    secret = "the merger is called Nightingale"
    response = await client.post("/invocations", json={"query": [secret], "passages": [secret, 1]})
    assert response.status_code == 400
    assert secret not in response.text


async def test_a_text_may_hold_anything(client):
    texts = ["", " ", "\x00", "a\x00b", "\u200b", "🚀" * 50, "\n" * 100, "x" * 5000]
    for query in texts:
        scores = (await rerank(client, query, *texts))["scores"]
        assert len(scores) == len(texts)
        assert all(0 < score < 1 for score in scores)


async def test_more_than_may_wait_is_turned_away(client):
    answers = await asyncio.gather(
        *(client.post("/invocations", json={"query": "a", "passages": ["sky " * 60] * 16}) for _ in range(20))
    )
    refused = [answer for answer in answers if answer.status_code == 503]
    assert {answer.status_code for answer in answers} == {200, 503}
    assert {(one.json()["type"], one.headers["retry-after"]) for one in refused} == {
        ("ThrottlingException", "1")
    }
    await rerank(client, QUERY, *PASSAGES)


def poison(directory, word):
    """Makes the embedding of a word no number."""
    model = onnx.load(directory / "model.onnx")
    words = model.graph.initializer[0]
    table = onnx.numpy_helper.to_array(words).copy()
    table[json.loads((directory / "tokenizer.json").read_text())["model"]["vocab"][word]] = np.nan
    words.CopyFrom(onnx.numpy_helper.from_array(table, words.name))
    onnx.save_model(model, directory / "model.onnx")


async def test_a_model_that_gives_no_number_is_an_error_and_goes_on(cross_encoder, tmp_path):
    directory = shutil.copytree(cross_encoder, tmp_path / "model")
    poison(directory, "nightingale")
    with running_container(directory, tmp_path / "log", "reranking") as running:
        async with httpx.AsyncClient(base_url=running.url, timeout=60, trust_env=False) as client:
            body = {"query": "which bird?", "passages": ["the lark", "the nightingale"]}
            response = await client.post("/invocations", json=body)
            assert (response.status_code, response.json()["type"]) == (500, "InternalServerException")
            assert "nan" not in response.text
            await rerank(client, "which bird?", "the lark")
        assert "the model gives nan for a pair" in (tmp_path / "log").read_text()


async def test_the_products_client_understands_the_container(reranking_container):
    reranker = HttpReranker(reranking_container.url, RerankingSettings(batch_size=3, timeout_s=30))
    scores = await reranker.score(QUERY, PASSAGES)
    np.testing.assert_allclose(scores, SCORES, atol=1e-5)
    assert reranker.name == "our/reranker"
    one_by_one = [(await reranker.score(QUERY, [passage]))[0] for passage in PASSAGES]
    assert one_by_one == scores
    await reranker.close()


async def test_the_products_client_stays_within_the_containers_limits(reranking_container):
    """Limits that fit, and some that do not."""
    passages = ["sky " * 4000, *PASSAGES * 5]
    fitting = RerankingSettings(batch_size=16, max_characters=5000, max_body_bytes=65_536, timeout_s=30)
    reranker = HttpReranker(reranking_container.url, fitting)
    assert len(await reranker.score("why " * 4000, passages)) == len(passages)
    await reranker.close()
    careless = HttpReranker(reranking_container.url, RerankingSettings(timeout_s=30))
    with pytest.raises(ModelUnavailable):
        await careless.score(QUERY, passages)
    await careless.close()


async def test_it_stops_when_it_is_told_to(cross_encoder, tmp_path):
    with running_container(cross_encoder, tmp_path / "log", "reranking") as running:
        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(timeout=30) in (0, -signal.SIGTERM)


def test_without_a_model_it_says_what_belongs_there(tmp_path):
    with (
        pytest.raises(RuntimeError, match="export the cross-encoder to ONNX"),
        running_container(tmp_path / "nothing", tmp_path / "log", "reranking"),
    ):
        pass
