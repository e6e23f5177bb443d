"""Requests to the embedding endpoint that several documents share."""

import asyncio
import contextlib

import pytest

from footnote.knowledge.joining import JoiningEmbedder
from footnote.knowledge.tokens import count_many
from footnote.models import PassageVectors, collecting_usage, report_usage
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


class Counting(Endpoint):
    """Reports `surplus` tokens a request beside those of the texts."""

    surplus = 0

    async def embed_passages_with_sentences(self, texts, spans):
        answer = await super().embed_passages_with_sentences(texts, spans)
        report_usage("embedding_tokens", "model", self.surplus + sum(count_many(texts)) + 2 * len(texts))
        return answer


@pytest.mark.parametrize("surplus", [0, 1, 5])
async def test_what_a_joined_request_used_is_told_to_each_by_its_share(surplus):
    endpoint = Counting()
    endpoint.surplus = surplus
    embedder = JoiningEmbedder(endpoint, most=4)

    async def embed(*texts):
        with collecting_usage() as usage:
            await embedder.embed_passages(texts)
        return usage.units()["embedding_tokens", "model"]

    shares = await asyncio.gather(embed("1"), embed("2", "3333"), embed("4"), embed("5"))
    own = [3, 3 + 2 + sum(count_many(["3333"])), 3, 3]
    assert endpoint.requests == [["1", "2", "3333", "4"], ["5"]]
    assert sum(shares) == sum(own) + 2 * surplus
    if not surplus:
        assert shares == own


async def test_a_caller_that_fails_alone_is_told_no_others_usage():
    embedder = JoiningEmbedder(Counting(), most=4)

    async def embed(text):
        with collecting_usage() as usage, contextlib.suppress(ModelUnavailable):
            await embedder.embed_passages([text])
        return sum(usage.units().values())

    assert await asyncio.gather(embed("1"), embed("bad"), embed("2")) == [3, 0, 3]
