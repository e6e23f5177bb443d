"""The signed client of the embedding endpoint, against a server that checks and misbehaves."""

import asyncio
import base64
import json
import struct
import sys
import time
from subprocess import run
from urllib.parse import unquote

import pytest

from footnote.models import EmbeddingModel
from footnote.models.providers.container import ContainerEmbedder
from footnote.models.providers.http import HttpEmbedder, HttpExchange
from footnote.models.providers.sagemaker import SageMakerEmbedder
from footnote.platform.errors import ModelUnavailable
from footnote.platform.settings import EmbeddingSettings
from local.aws.errors import AwsError
from tests.support.endpoint import REGION, answering, check_signature, cutting, model_error, silent
from tests.support.wire import serving

pytestmark = pytest.mark.usefixtures("credentials")


def settings(**changes):
    limits = {"dimension": 2, "batch_size": 3, "timeout_s": 2.0, "ingestion_timeout_s": 4.0}
    return EmbeddingSettings(**(limits | changes))


def vector(text):
    """Stands for a text: its length and its first letter."""
    return [float(len(text)), float(ord(text[0]))]


def embedding(revision="r1", **changes):
    async def script(received, reply):
        texts = received.json()["inputs"]
        numbers = [number for text in texts for number in vector(text)]
        answer = {
            "model": "m",
            "revision": revision,
            "dimension": 2,
            "count": len(texts),
            "vectors": base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode(),
            "tokens": [3] * len(texts),
            "truncated": [],
        }
        await reply.whole(200, json.dumps(answer | changes).encode())

    return script


async def test_the_request_is_invoke_endpoint_rightly_signed():
    async with serving(embedding()) as wire:
        embedder = SageMakerEmbedder(
            settings(runtime_url=wire.url, endpoint_name="footnote-embedding"), REGION
        )
        assert await embedder.embed_queries(["Zürich?", "b"]) == [vector("Zürich?"), vector("b")]
        await embedder.close()
    sent = wire.requests[0]
    assert (sent.method, sent.path) == ("POST", "/endpoints/footnote-embedding/invocations")
    assert sent.headers["content-type"] == "application/json"
    assert sent.json() == {"inputs": ["Zürich?", "b"], "kind": "query"}
    assert check_signature(sent).service == "sagemaker"


async def test_the_signature_covers_the_body():
    async with serving(embedding()) as wire:
        embedder = SageMakerEmbedder(settings(runtime_url=wire.url), REGION)
        await embedder.embed_queries(["a"])
        await embedder.close()
    sent = wire.requests[0]
    with pytest.raises(AwsError, match="signature"):
        check_signature(sent, body=sent.body + b" ")


async def test_the_address_of_the_region_is_the_default():
    embedder = SageMakerEmbedder(settings(endpoint_name="a b"), REGION)
    url = embedder._endpoint._exchange.url
    assert url == f"https://runtime.sagemaker.{REGION}.amazonaws.com/endpoints/a%20b/invocations"
    assert unquote(url).endswith("/endpoints/a b/invocations")


async def test_without_credentials_nothing_is_sent(monkeypatch):
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    async with serving(embedding()) as wire:
        with pytest.raises(ModelUnavailable, match="credentials"):
            await SageMakerEmbedder(settings(runtime_url=wire.url), REGION).embed_queries(["a"])
    assert wire.requests == []


def test_the_import_is_light():
    heavy = ("boto3", "botocore.session", "botocore.client", "numpy", "onnxruntime")
    code = (
        "import sys; import footnote.models.providers.sagemaker; "
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    assert run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.fixture
def embedder_at():
    """The contract is the same with and without SageMaker in between; most tests use the plain address."""
    made = []

    def make(url, **changes):
        made.append(HttpEmbedder(url, settings(**changes)))
        return made[-1]

    return make


async def test_passages_go_in_batches_and_come_back_in_order(embedder_at):
    texts = [chr(97 + number) * (number + 1) for number in range(8)]
    async with serving(embedding()) as wire:
        vectors = await embedder_at(wire.url).embed_passages(texts)
    assert vectors == [vector(text) for text in texts]
    assert [len(sent.json()["inputs"]) for sent in wire.requests] == [3, 3, 2]
    assert {sent.json()["kind"] for sent in wire.requests} == {"passage"}
    assert {sent.path for sent in wire.requests} == {"/invocations"}
    assert wire.connections == 1


async def test_no_texts_need_no_request(embedder_at):
    async with serving(embedding()) as wire:
        assert await embedder_at(wire.url).embed_queries([]) == []
    assert wire.requests == []


async def test_the_model_is_asked_once_and_follows_the_answers(embedder_at):
    async with serving(embedding("r1"), embedding("r2")) as wire:
        embedder = embedder_at(wire.url)
        assert await embedder.model() == EmbeddingModel("m", "r1", 2)
        assert await embedder.model() == EmbeddingModel("m", "r1", 2)
        assert len(wire.requests) == 1
        await embedder.embed_queries(["a"])
        assert (await embedder.model()).revision == "r2"


async def test_a_model_that_changes_between_batches_is_refused(embedder_at):
    async with serving(embedding("r1"), embedding("r2")) as wire:
        with pytest.raises(ModelUnavailable):
            await embedder_at(wire.url).embed_passages(["a"] * 4)


@pytest.mark.parametrize("first", [cutting, answering(503), answering(429), answering(502), model_error(503)])
async def test_a_passing_failure_is_tried_once_more(first, embedder_at):
    async with serving(first, embedding()) as wire:
        assert await embedder_at(wire.url).embed_queries(["ab"]) == [vector("ab")]
    assert len(wire.requests) == 2


@pytest.mark.parametrize("script", [cutting, answering(503), model_error(503)])
async def test_not_more_than_once_more(script, embedder_at):
    async with serving(script, script, embedding()) as wire:
        with pytest.raises(ModelUnavailable):
            await embedder_at(wire.url).embed_queries(["ab"])
    assert len(wire.requests) == 2


@pytest.mark.parametrize(
    "script", [answering(400), answering(500), model_error(400), answering(424, b"text")]
)
async def test_a_refusal_is_not_repeated(script, embedder_at):
    async with serving(script, embedding()) as wire:
        with pytest.raises(ModelUnavailable):
            await embedder_at(wire.url).embed_queries(["ab"])
    assert len(wire.requests) == 1


@pytest.mark.parametrize(
    "script",
    [
        embedding(vectors="!!"),
        embedding(vectors="AAAA"),
        embedding(vectors=base64.b64encode(b"\0" * 12).decode()),
        embedding(vectors=None),
        embedding(dimension=3),
        embedding(dimension="two"),
        answering(200, b"not json"),
        answering(200, b"[]"),
        answering(200),
    ],
)
async def test_an_answer_that_breaks_the_contract_is_refused(script, embedder_at):
    async with serving(script) as wire:
        with pytest.raises(ModelUnavailable):
            await embedder_at(wire.url).embed_queries(["ab"])


async def test_queries_wait_less_long_than_passages(embedder_at):
    async with serving(silent) as wire:
        embedder = embedder_at(wire.url, timeout_s=0.2, ingestion_timeout_s=0.6)
        for embed, limit in ((embedder.embed_queries, 0.2), (embedder.embed_passages, 0.6)):
            started = time.monotonic()
            with pytest.raises(ModelUnavailable):
                await embed(["a"])
            assert limit - 0.05 < time.monotonic() - started < limit + 0.35


async def test_nobody_listens(embedder_at):
    async with serving(embedding()) as wire:
        pass
    started = time.monotonic()
    with pytest.raises(ModelUnavailable):
        await embedder_at(wire.url).embed_queries(["a"])
    assert time.monotonic() - started < 1.0


def test_another_event_loop_gets_connections_of_its_own():
    """Some hosts run each invocation in a loop of its own; a connection of a closed one would fail."""

    async def main():
        async with serving(embedding()) as wire:
            exchange.url = f"{wire.url}/invocations"
            return await embedder.embed_queries(["ab"])

    exchange = HttpExchange("http://127.0.0.1", connect_timeout_s=1.0)
    embedder = ContainerEmbedder(settings(), exchange)
    assert [asyncio.run(main()) for _ in range(2)] == [[vector("ab")]] * 2
