"""What a `StandingStore` promises: exactly the scores and ranks of a search without bounds."""

import random

import pytest

from footnote.knowledge import SearchFilters
from footnote.knowledge.filters import TextConstraints
from footnote.knowledge.ports import DenseQuery, LexicalQuery
from footnote.models import EmbeddingModel
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.settings import RetrievalSettings
from footnote.stores.postgres import standing as adapter
from footnote.stores.postgres.search import PostgresSearchStore
from footnote.stores.postgres.standing import PostgresStandingStore
from tests.support.ingestion import MODEL, word_vector

WORDS = ("otter", "heron", "newt", "badger", "vole", "marten", "stoat", "lynx")
QUERY = "otter lynx heron"
LEXICAL, DENSE = LexicalQuery(QUERY, "en"), DenseQuery(word_vector(QUERY), MODEL)
# Heads of lists so short that a search finds its candidates only by looking further.
SETTINGS = RetrievalSettings(champions_per_term=5, rescored=5)


@pytest.fixture
def store(world):
    return PostgresStandingStore(world.database, SETTINGS)


@pytest.fixture
async def corpus(world, organization):
    """Thirty documents of few words, an old version, a deleted document; ids by file name."""
    rng = random.Random(5)
    for number in range(30):
        text = " ".join(rng.choices(WORDS, weights=range(1, 9), k=rng.randint(3, 25)))
        await world.drop(organization, f"{number}.txt", f"{text}.")
    await world.drop(organization, "3.txt", "Otter otter otter, a new version.")
    await world.documents.delete(organization, (await world.listed(organization))["4.txt"].id)
    return {name: one.id for name, one in (await world.listed(organization)).items()}


async def standing(store, organization, document_id, *, filters=None, constraints=None, limit=5, **legs):
    legs = {"lexical": LEXICAL, "dense": DENSE, **legs}
    return await store.standing(
        organization,
        document_id,
        legs["lexical"],
        legs["dense"],
        filters=filters or SearchFilters(),
        constraints=constraints or TextConstraints(),
        limit=limit,
    )


async def test_scores_and_ranks_are_those_of_a_search_without_bounds(world, organization, corpus, store):
    everything = PostgresSearchStore(world.database, RetrievalSettings())
    constraints = TextConstraints(excluded=("badger",))
    for chosen in (TextConstraints(), constraints):
        async with everything.snapshot(organization) as snapshot:
            found = await snapshot.candidates(LEXICAL, DENSE, SearchFilters(), 1000, constraints=chosen)
        expected = {one.chunk_id: one for one in found}
        seen = 0
        for document_id in corpus.values():
            told = await standing(store, organization, document_id, constraints=chosen)
            (chunk,) = told.chunks
            if chunk.chunk_id not in expected:
                assert told.allowed == 0
                assert (chunk.lexical_rank, chunk.dense_rank) == (None, None)
                assert chunk.cosine is not None
                continue
            one = expected[chunk.chunk_id]
            assert (chunk.lexical_rank, chunk.dense_rank) == (one.lexical_rank, one.dense_rank)
            assert chunk.bm25 == pytest.approx(one.bm25)
            assert chunk.cosine == pytest.approx(one.cosine)
            seen += 1
        assert seen == len(expected) > 5


async def test_only_the_active_version_stands(organization, corpus, store):
    told = await standing(store, organization, corpus["3.txt"])
    assert told.document.active_version == 2
    assert [chunk.text for chunk in told.chunks] == ["Otter otter otter, a new version."]
    assert (told.corpus_chunks, told.chunks[0].lexical_rank) == (29, 1)


async def test_each_condition_is_held_against_the_document(organization, corpus, store):
    told = await standing(
        store,
        organization,
        corpus["3.txt"],
        filters=SearchFilters(category="x", source="s3", document_ids=(corpus["3.txt"],)),
        constraints=TextConstraints(
            phrases=("new version",), excluded=("lynx", "otter"), filename=("3.txt",), title=("unknown",)
        ),
    )
    assert [(check.name, check.value, check.chunks) for check in told.checks] == [
        ("category", "x", 0),
        ("source", "s3", 1),
        ("document_ids", str(corpus["3.txt"]), 1),
        ("phrase", "new version", 1),
        ("excluded", "lynx", 1),
        ("excluded", "otter", 0),
        ("title", "unknown", 0),
        ("filename", "3.txt", 1),
    ]
    assert told.allowed == 0


async def test_a_leg_that_does_not_run_has_no_figures(organization, corpus, store):
    by_words = await standing(store, organization, corpus["3.txt"], dense=None)
    assert (by_words.chunks[0].cosine, by_words.chunks[0].dense_rank) == (None, None)
    by_meaning = await standing(store, organization, corpus["3.txt"], lexical=None)
    assert (by_meaning.chunks[0].bm25, by_meaning.chunks[0].lexical_rank) == (None, None)
    assert by_meaning.chunks[0].dense_rank is not None
    other = DenseQuery(word_vector(QUERY), EmbeddingModel("another", "1", MODEL.dimension))
    without_vectors = await standing(store, organization, corpus["3.txt"], dense=other)
    assert (without_vectors.chunks[0].cosine, without_vectors.chunks[0].dense_rank) == (None, None)


async def test_other_organizations_have_no_such_document(stranger, organization, corpus, store):
    told = await standing(store, stranger, corpus["3.txt"])
    assert (told.document, told.chunks, told.corpus_chunks) == (None, (), 0)


async def test_what_takes_too_long_ends_with_an_error_that_says_so(organization, corpus, store, monkeypatch):
    monkeypatch.setattr(adapter, "_LIMIT", "SET LOCAL statement_timeout = 1")
    monkeypatch.setattr(adapter, "_DOCUMENT", "SELECT pg_sleep(5)")
    with pytest.raises(ServiceUnavailable):
        await standing(store, organization, corpus["3.txt"])
