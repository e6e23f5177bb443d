"""Requests to the embedding endpoint that several documents share."""

import asyncio

import pytest

from footnote.knowledge.joining import JoiningEmbedder
from footnote.models import PassageVectors
from footnote.platform.errors import ModelUnavailable


class Endpoint:
    """Answers each text with its number; a text `bad` spoils the whole request."""

    def __init__(self):
        self.requests = []

    async def embed_passages_with_sentences(self, texts, spans):
        self.requests.append(list(texts))
        await asyncio.sleep(0.01)
        if "bad" in texts:
            raise ModelUnavailable("spoiled")
        if "defect" in texts:
            raise ZeroDivisionError
        return [
            PassageVectors([float(text)], [[float(end - start)] for start, end in of_text])
            for text, of_text in zip(texts, spans, strict=True)
        ]


@pytest.fixture
def endpoint():
    return Endpoint()


@pytest.fixture
def embedder(endpoint):
    return JoiningEmbedder(endpoint, most=4)


async def test_alone_nothing_is_waited_for(endpoint, embedder):
    assert await embedder.embed_passages(["1", "2"]) == [[1.0], [2.0]]
    assert endpoint.requests == [["1", "2"]]


async def test_what_arrives_meanwhile_is_joined_and_each_gets_its_own(endpoint, embedder):
    calls = [embedder.embed_passages([str(number)]) for number in range(6)]
    assert await asyncio.gather(*calls) == [[[float(number)]] for number in range(6)]
    assert [len(request) for request in endpoint.requests] == [4, 2]


async def test_sentences_come_back_to_their_own_passage(endpoint, embedder):
    calls = [
        embedder.embed_passages_with_sentences(["10", "11"], [[(0, 1), (0, 2)], []]),
        embedder.embed_passages_with_sentences(["12"], [[(1, 2)]]),
        embedder.embed_passages(["13"]),
    ]
    both, one, plain = await asyncio.gather(*calls)
    assert both == [PassageVectors([10.0], [[1.0], [2.0]]), PassageVectors([11.0], [])]
    assert one == [PassageVectors([12.0], [[1.0]])]
    assert plain == [[13.0]]
    assert endpoint.requests == [["10", "11", "12", "13"]]


async def test_a_long_list_goes_alone_and_at_once(endpoint, embedder):
    long = [str(number) for number in range(4)]
    await asyncio.gather(embedder.embed_passages(["7"]), embedder.embed_passages(long))
    assert sorted(map(len, endpoint.requests)) == [1, 4]


async def test_one_bad_text_fails_its_own_document_only(endpoint, embedder):
    calls = [embedder.embed_passages([text]) for text in ("1", "bad", "2")]
    first, spoiled, second = await asyncio.gather(*calls, return_exceptions=True)
    assert (first, second) == ([[1.0]], [[2.0]])
    assert isinstance(spoiled, ModelUnavailable)


async def test_a_defect_reaches_everybody_and_ends_nothing(endpoint, embedder):
    calls = [embedder.embed_passages([text]) for text in ("1", "defect")]
    assert all(
        isinstance(one, ZeroDivisionError) for one in await asyncio.gather(*calls, return_exceptions=True)
    )
    assert await embedder.embed_passages(["3"]) == [[3.0]]


async def test_who_gave_up_is_left_out(endpoint, embedder):
    first = asyncio.create_task(embedder.embed_passages(["1"]))
    await asyncio.sleep(0)
    second = asyncio.create_task(embedder.embed_passages(["2"]))
    third = asyncio.create_task(embedder.embed_passages(["3"]))
    await asyncio.sleep(0.005)
    second.cancel()
    assert await first == [[1.0]]
    assert await third == [[3.0]]
    assert all("2" not in request for request in endpoint.requests)
