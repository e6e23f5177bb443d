"""The lexical index: exact after any history, and exact in its scores."""

import math
import random
from dataclasses import dataclass, field

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footnote.knowledge import SearchFilters
from footnote.knowledge.ports import LexicalQuery
from footnote.platform.settings import IngestionSettings, RetrievalSettings
from footnote.stores.postgres.documents import PostgresDocumentStore
from footnote.stores.postgres.ingestion import PostgresIngestionStore
from footnote.stores.postgres.lexical_index import lock_corpus
from footnote.stores.postgres.search import PostgresSearchStore
from tests.support.corpus import activate
from tests.support.ingestion import DIMENSION, MODEL
from tests.support.organizations import new_organization, open_database
from tests.support.recount import assert_statistics_are_exact
from tests.support.vectors import chunked

WORDS = [f"w{number}" for number in range(40)]
VECTOR = [1.0] + [0.0] * (DIMENSION - 1)
ANYTHING = SearchFilters()


@dataclass
class Corpus:
    """One organization whose documents are made and deleted at random."""

    context: object
    database: object
    rng: random.Random
    documents: dict = field(default_factory=dict)

    async def add(self, chunks):
        """A document; few words are in nearly every chunk, most in few of them."""
        weights = [1 / (place + 1) for place in range(len(WORDS))]
        texts = [" ".join(self.rng.choices(WORDS, weights, k=self.rng.randint(1, 25))) for _ in range(chunks)]
        store = PostgresIngestionStore(self.database, IngestionSettings(), RetrievalSettings())
        document = chunked("Title", texts, [VECTOR] * chunks)
        document_id = await activate(store, MODEL, self.context, document)
        self.documents[document_id] = texts

    async def remove(self):
        document_id = self.rng.choice(list(self.documents))
        await PostgresDocumentStore(self.database).delete(self.context, document_id)
        del self.documents[document_id]

    async def search(self, words, **options):
        store = PostgresSearchStore(self.database, RetrievalSettings(**options))
        async with store.snapshot(self.context) as snapshot:
            found = await snapshot.candidates(words, None, ANYTHING, 10_000)
            passages = await snapshot.passages([candidate.chunk_id for candidate in found])
        return sorted((passages[one.chunk_id].text, round(one.bm25, 6)) for one in found)


def bm25(texts, weights, k1=1.2, b=0.75):
    """BM25 as in the textbook, over title and text, with a weight for each word."""
    words = [["title", *text.split()] for text in texts]
    average = sum(map(len, words)) / len(words)
    scores = []
    for text, document in zip(texts, words, strict=True):
        score = 0.0
        for term, weight in weights.items():
            df = sum(term in other for other in words)
            tf = document.count(term)
            part = tf * (k1 + 1) / (tf + k1 * (1 - b + b * len(document) / average))
            score += weight * math.log(1 + (len(words) - df + 0.5) / (df + 0.5)) * part
        if score > 0:
            scores.append((text, round(score, 6)))
    return sorted(scores)


def same(found, expected):
    assert [text for text, _ in found] == [text for text, _ in expected]
    assert [score for _, score in found] == pytest.approx([score for _, score in expected], rel=1e-4)


@pytest.fixture
async def database(module_database):
    database = open_database(module_database)
    yield database
    await database.close()


@pytest.fixture
def corpus(database, module_database):
    return Corpus(new_organization(module_database), database, random.Random(4))


# Positive: a document of so many chunks; 0: one is deleted. A block holds 128 postings.
HISTORIES = st.lists(st.one_of(st.integers(1, 8), st.just(0), st.just(0), st.just(150)), max_size=10)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=HISTORIES, seed=st.integers(0, 1000))
async def test_statistics_and_scores_are_exact_after_any_history(module_database, history, seed):
    database = open_database(module_database)
    corpus = Corpus(new_organization(module_database), database, random.Random(seed))
    for chunks in history:
        if chunks:
            await corpus.add(chunks)
        elif corpus.documents:
            await corpus.remove()
    assert_statistics_are_exact(module_database.superuser_dsn, corpus.context.organization_id)
    texts = [text for document in corpus.documents.values() for text in document]
    if texts:
        found = await corpus.search(LexicalQuery("w0 w7 w30", "en"))
        same(found, bm25(texts, {"w0": 1, "w7": 1, "w30": 1}))
    await database.close()


async def test_blocks_are_filled_emptied_and_filled_again(corpus, module_database):
    for _ in range(6):
        await corpus.add(150)
    dsn, organization_id = module_database.superuser_dsn, corpus.context.organization_id
    assert_statistics_are_exact(dsn, organization_id)
    with psycopg.connect(dsn) as connection:
        (levels,) = connection.execute(
            "SELECT count(DISTINCT level) FROM knowledge.postings WHERE organization_id = %s",
            (organization_id,),
        ).fetchone()
    assert levels > 5
    while corpus.documents:
        await corpus.remove()
        assert_statistics_are_exact(dsn, organization_id)
    with psycopg.connect(dsn) as connection:
        for table in ("postings", "lexicon", "indexed_chunks"):
            assert connection.execute(
                f"SELECT count(*) FROM knowledge.{table} WHERE organization_id = %s", (organization_id,)
            ).fetchone() == (0,)
    await corpus.add(150)
    assert_statistics_are_exact(dsn, organization_id)


async def test_the_best_of_long_lists_are_found_without_reading_them(corpus):
    """Blocks are read from the highest level on: of one word, the best chunks come first."""
    for _ in range(8):
        await corpus.add(150)
    store = PostgresSearchStore(corpus.database, RetrievalSettings(champions_per_term=150, rescored=20))
    async with store.snapshot(corpus.context) as snapshot:
        found = await snapshot.candidates(LexicalQuery("w0", "en"), None, ANYTHING, 10)
    best = sorted(score for _, score in await corpus.search(LexicalQuery("w0", "en")))[-10:]
    assert sorted(one.bm25 for one in found) == pytest.approx(best, rel=0.02)


async def test_expansions_count_with_their_weight_and_once(corpus):
    await corpus.add(60)
    (texts,) = corpus.documents.values()
    expanded = LexicalQuery("w1 w9", "en", (("w3", 0.5), ("w1", 0.4), ("w3 w5", 0.25)))
    same(await corpus.search(expanded), bm25(texts, {"w1": 1, "w9": 1, "w3": 0.5, "w5": 0.25}))
    same(await corpus.search(LexicalQuery("", "en", (("w3", 2.0),))), bm25(texts, {"w3": 2}))


async def test_expansions_are_analysed_as_the_query(world, organization):
    await world.drop(organization, "a.txt", "Die Häuser am Hafen wurden von den Fischern gebaut.")
    async with world.search.snapshot(organization) as snapshot:
        found = await snapshot.candidates(LexicalQuery("Winter", "de", (("Haus", 0.5),)), None, ANYTHING, 10)
    assert len(found) == 1


async def test_an_index_that_is_built_anew_finds_the_same(corpus, module_database):
    for chunks in (150, 3, 150, 20):
        await corpus.add(chunks)
    await corpus.remove()
    query = LexicalQuery("w0 w2 w33", "en")
    before = await corpus.search(query)
    organization_id = corpus.context.organization_id
    async with corpus.database.tenant_tx(corpus.context, background=True) as cursor:
        await lock_corpus(cursor, organization_id)
        await cursor.execute("SELECT knowledge.reindex_organization(%s, 1.2, .75)", (organization_id,))
    assert_statistics_are_exact(module_database.superuser_dsn, organization_id)
    assert await corpus.search(query) == before
    await corpus.add(5)
    assert_statistics_are_exact(module_database.superuser_dsn, organization_id)
