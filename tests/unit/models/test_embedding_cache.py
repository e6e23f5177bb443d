"""Vectors of questions: kept bit by bit, under the model's revision, for one organization."""

from uuid import uuid4

import pytest

from footnote.models import EmbeddingCache, EmbeddingModel
from footnote.models.caching import VectorCodec
from footnote.platform.caching import EMBEDDING, CacheStates, Undecodable
from footnote.platform.context import OrganizationContext
from tests.support.caching import CountingGenerations, DictTier, make_cache
from tests.support.chat import WordEmbedder
from tests.support.clock import ManualClock


class Revisable(WordEmbedder):
    """An endpoint whose model may be replaced; as with the real one, its answers say so."""

    def __init__(self):
        super().__init__()
        self.revision = self.seen = "1"

    async def model(self):
        return EmbeddingModel("words", self.seen, 64)

    async def embed_queries(self, texts):
        self.seen = self.revision
        return await super().embed_queries(texts)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def tier():
    return DictTier()


@pytest.fixture
def embedder():
    return Revisable()


@pytest.fixture
def generations():
    return CountingGenerations()


@pytest.fixture
def embeddings(clock, tier, embedder, generations):
    cache = make_cache(clock, tier)
    return EmbeddingCache(embedder, cache, CacheStates(generations, cache, clock, keep_s=0), clock)


@pytest.fixture
def context():
    return OrganizationContext(uuid4())


async def test_the_same_question_is_embedded_once(embeddings, embedder, context, tier):
    first = await embeddings.of(context).embed_queries(["one question"])
    again = await embeddings.of(context).embed_queries(["one question"])
    assert again[0] == pytest.approx(first[0], abs=1e-7)
    assert embedder.calls == 1
    assert [ttl for _, ttl in tier.entries.values()] == [EMBEDDING.ttl_s]


async def test_organizations_do_not_share(embeddings, embedder, context):
    await embeddings.vector(context, "one question")
    await embeddings.vector(OrganizationContext(uuid4()), "one question")
    assert embedder.calls == 2


async def test_a_new_revision_is_another_key_and_is_noticed_in_time(embeddings, embedder, context, clock):
    await embeddings.vector(context, "one question")
    embedder.revision = "2"
    await embeddings.vector(context, "one question")
    assert embedder.calls == 1
    clock.advance(300)
    await embeddings.vector(context, "one question")
    assert embedder.calls == 2
    await embeddings.vector(context, "one question")
    assert (embedder.calls, embedder.seen) == (2, "2")


async def test_many_texts_at_once_go_straight_through(embeddings, embedder, context, tier):
    await embeddings.of(context).embed_queries(["a sentence", "another one"])
    await embeddings.of(context).embed_passages(["a passage"])
    assert embedder.calls == 2
    assert tier.entries == {}


async def test_without_a_state_nothing_is_taken_from_the_cache(embeddings, embedder, context, generations):
    await embeddings.vector(context, "one question")
    generations.down = True
    await embeddings.vector(context, "one question")
    assert embedder.calls == 2


def test_vectors_survive_bit_by_bit():
    codec = VectorCodec()
    vector = [0.1, -0.25, 1e-8]
    written = codec.encode(vector)
    assert codec.encode(codec.decode(written)) == written
    assert codec.decode(written) == pytest.approx(vector, rel=1e-7)
    for damaged in ("", "AAA", "!!!!", "AAAA"):
        with pytest.raises(Undecodable):
            codec.decode(damaged)
