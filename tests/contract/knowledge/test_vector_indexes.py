"""What every `VectorIndexes` promises, and what searches promise that go through such an index."""

import asyncio
import random
from contextlib import asynccontextmanager

import psycopg
import pytest

from footnote.knowledge import SearchFilters
from footnote.knowledge.ports import DenseQuery, IndexRound, LexicalQuery
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.settings import RetrievalSettings
from footnote.stores.postgres.search import PostgresSearchStore
from footnote.stores.postgres.vector_indexes import PostgresVectorIndexes
from tests.support.ingestion import MODEL, World
from tests.support.organizations import new_organization, open_database
from tests.support.vectors import fill, random_vector

ANYTHING = SearchFilters()
SMALL = RetrievalSettings(vector_index_from=200, vector_index_until=100, hnsw_build_workers=0)
EXISTING = """
    SELECT c.relname, i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE c.relname ~ 'hnsw'
"""


@pytest.fixture
async def world(migrated_database):
    database = open_database(migrated_database)
    world = World(database)
    world.search = PostgresSearchStore(database, SMALL)
    yield world
    await database.close()


@pytest.fixture
async def indexes(migrated_database):
    database = open_database(migrated_database, "footnote_indexer")
    yield PostgresVectorIndexes(database, SMALL)
    await database.close()


@pytest.fixture
def organization(migrated_database):
    return new_organization(migrated_database)


@pytest.fixture
def superuser(migrated_database):
    with psycopg.connect(migrated_database.superuser_dsn, autocommit=True) as connection:
        yield connection


def existing(superuser):
    return [is_valid for _, is_valid in superuser.execute(EXISTING).fetchall()]


def ready(superuser):
    return [row[0] for row in superuser.execute("SELECT is_ready FROM knowledge.vector_indexes").fetchall()]


class Spied(PostgresSearchStore):
    """Remembers the plans of the searches it runs."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.plans = []

    @asynccontextmanager
    async def snapshot(self, context):
        async with super().snapshot(context) as snapshot:
            genuine = snapshot._rows

            async def rows(statement, values):
                if statement.startswith("WITH"):
                    plan = await genuine(f"EXPLAIN {statement}", values)
                    self.plans.append("\n".join(next(iter(row.values())) for row in plan))
                return await genuine(statement, values)

            snapshot._rows = rows
            yield snapshot


async def dense(store, organization, vector, *, limit=10, filters=ANYTHING):
    async with store.snapshot(organization) as snapshot:
        found = await snapshot.candidates(None, DenseQuery(vector, MODEL), filters, limit)
        passages = await snapshot.passages([candidate.chunk_id for candidate in found])
    found.sort(key=lambda candidate: candidate.dense_rank)
    assert [candidate.dense_rank for candidate in found] == list(range(1, len(found) + 1))
    return [(passages[candidate.chunk_id], candidate.cosine) for candidate in found]


def exact(filled, vector, limit):
    """(document, ordinal) of the nearest vectors, computed here."""
    products = [
        (-sum(a * b for a, b in zip(one, vector, strict=True)), str(document_id), ordinal)
        for document_id, vectors in filled.items()
        for ordinal, one in enumerate(vectors)
    ]
    return [(document_id, ordinal) for _, document_id, ordinal in sorted(products)[:limit]]


def places(found):
    return [(str(passage.document_id), passage.ordinal) for passage, _ in found]


async def test_an_index_comes_with_the_vectors_and_goes_long_after_them(
    world, organization, indexes, superuser
):
    filled = await fill(world.database, organization, documents=39)
    assert await indexes.maintain(60) == IndexRound()
    filled |= await fill(world.database, organization, documents=1, seed=2)
    assert await indexes.maintain(60) == IndexRound(built=1)
    assert (existing(superuser), ready(superuser)) == ([True], [True])
    assert await indexes.maintain(60) == IndexRound()
    for document_id in list(filled)[:20]:
        await world.documents.delete(organization, document_id)
    assert await indexes.maintain(60) == IndexRound()
    await world.documents.delete(organization, list(filled)[20])
    assert await indexes.maintain(60) == IndexRound(dropped=1)
    assert (existing(superuser), ready(superuser)) == ([], [])


CATEGORIES = {"tenth": 0.1, "half": 0.5}


@pytest.mark.parametrize("documents", [60, 200])
async def test_the_index_finds_what_the_exact_comparison_finds(
    world, organization, indexes, superuser, documents
):
    filled = await fill(world.database, organization, documents=documents)
    rng = random.Random(3)
    chosen = {name: [one for one in filled if rng.random() < share] for name, share in CATEGORIES.items()}
    for name, ids in chosen.items():
        superuser.execute(
            "UPDATE knowledge.documents SET category = %s WHERE document_id = ANY(%s)", (name, ids)
        )
    chosen["tenth"] = [one for one in chosen["tenth"] if one not in chosen["half"]]
    await indexes.maintain(60)
    store = Spied(world.database, SMALL)
    for category, ids in {None: list(filled), **chosen}.items():
        allowed = {document_id: filled[document_id] for document_id in ids}
        hits = wanted = 0
        for limit in (1, 10, 40):
            for _ in range(10):
                vector = random_vector(rng)
                found = await dense(
                    store, organization, vector, limit=limit, filters=SearchFilters(category=category)
                )
                expected = exact(allowed, vector, limit)
                assert len(found) == len(expected)
                hits += len(set(places(found)) & set(expected))
                wanted += len(expected)
        assert hits / wanted >= 0.98, category
        if category is None:
            assert "hnsw" in store.plans[-1]


async def test_what_is_replaced_or_deleted_is_gone_at_once_and_nothing_else(world, organization, indexes):
    filled = await fill(world.database, organization, documents=60)
    for number in range(8):
        await world.drop(organization, f"{number}.txt", f"The first text of file {number}.")
    await indexes.maintain(60)
    for number in range(8):
        await world.drop(organization, f"{number}.txt", f"The second text of file {number}.")
    for document_id in list(filled)[::3]:
        await world.documents.delete(organization, document_id)
        del filled[document_id]
    store = Spied(world.database, SMALL)
    vector = (await world.embedder.embed_queries(["The first text of file 3"]))[0]
    everything = await dense(store, organization, vector, limit=1000)
    assert len(everything) == 8 + 5 * len(filled)
    texts = {passage.text for passage, _ in everything if passage.document_id not in filled}
    assert texts == {f"The second text of file {number}." for number in range(8)}
    nearest = await dense(store, organization, vector, limit=20)
    assert "hnsw" in store.plans[-1]
    assert len(nearest) == 20
    assert {passage.chunk_id for passage, _ in nearest} <= {passage.chunk_id for passage, _ in everything}
    assert nearest[0][0].text == "The second text of file 3."


async def test_a_scan_that_ends_early_is_made_up_for(world, organization, indexes):
    filled = await fill(world.database, organization, documents=100)
    await indexes.maintain(60)
    short = PostgresSearchStore(
        world.database, SMALL.model_copy(update={"hnsw_ef_search": 1, "hnsw_max_scan_tuples": 1})
    )
    vector = random_vector(random.Random(5))
    for limit in (50, 400, 500, 1000):
        found = await dense(short, organization, vector, limit=limit)
        assert len(found) == min(limit, 500)
        if limit >= 500:
            assert set(places(found)) == {(str(one), n) for one in filled for n in range(5)}
            assert places(found)[0] == exact(filled, vector, 1)[0]


async def test_a_scan_with_a_filter_that_ends_early_is_made_up_for(world, organization, indexes, superuser):
    filled = await fill(world.database, organization, documents=100)
    half = list(filled)[::2]
    superuser.execute("UPDATE knowledge.documents SET category = 'half' WHERE document_id = ANY(%s)", (half,))
    await indexes.maintain(60)
    short = Spied(world.database, SMALL.model_copy(update={"hnsw_ef_search": 1, "hnsw_max_scan_tuples": 1}))
    vector = random_vector(random.Random(11))
    found = await dense(short, organization, vector, limit=100, filters=SearchFilters(category="half"))
    expected = exact({one: filled[one] for one in half}, vector, 100)
    assert len(found) == 100
    assert len(set(places(found)) & set(expected)) >= 98  # half precision swaps neighbours
    assert ["hnsw" in plan for plan in short.plans] == [True, False]


async def test_both_legs_go_through_an_index_as_without(world, organization, indexes):
    await fill(world.database, organization, documents=60)
    words, vector = LexicalQuery("otter page 3", "en"), random_vector(random.Random(6))

    async def both():
        async with world.search.snapshot(organization) as snapshot:
            found = await snapshot.candidates(words, DenseQuery(vector, MODEL), ANYTHING, 300)
        return {candidate.chunk_id: candidate for candidate in found}

    before = await both()
    await indexes.maintain(60)
    assert await both() == before


async def test_nothing_of_others_is_in_an_organizations_index(
    world, organization, indexes, migrated_database, superuser
):
    stranger = new_organization(migrated_database)
    mine = await fill(world.database, organization, documents=60, seed=1)
    theirs = await fill(world.database, stranger, documents=60, seed=1)  # the very same vectors
    assert await indexes.maintain(60) == IndexRound(built=2)
    store = Spied(world.database, SMALL)
    for context, own in ((organization, mine), (stranger, theirs)):
        vector = next(iter(own.values()))[0]
        found = await dense(store, context, vector, limit=100)
        assert {passage.document_id for passage, _ in found} <= own.keys()
        assert found[0][1] == pytest.approx(1, abs=1e-3)
        assert context.organization_id.hex in store.plans[-1]
    async with world.database.tenant_tx(stranger) as cursor:
        await cursor.execute("SELECT organization_id FROM knowledge.vector_indexes")
        assert [row["organization_id"] for row in await cursor.fetchall()] == [stranger.organization_id]
    superuser.execute(
        "DELETE FROM core.organizations WHERE organization_id = %s", (stranger.organization_id,)
    )
    assert await indexes.maintain(60) == IndexRound(dropped=1)


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


async def test_an_interrupted_build_is_begun_anew(world, organization, indexes, superuser, migrated_database):
    filled = await fill(world.database, organization, documents=60)
    with psycopg.connect(migrated_database.superuser_dsn) as writer:
        # A build waits for those who were writing when it began.
        writer.execute("UPDATE knowledge.chunk_vectors SET version = version WHERE chunk_id < 0")
        building = asyncio.create_task(indexes.maintain(60))
        await until(lambda: existing(superuser) == [False])
        other = open_database(migrated_database, "footnote_indexer")
        assert await PostgresVectorIndexes(other, SMALL).maintain(60) == IndexRound(is_busy=True)
        await other.close()
        superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE usename = 'footnote_indexer' AND datname = current_database()"
        )
        with pytest.raises(ServiceUnavailable):
            await building
    assert (existing(superuser), ready(superuser)) == ([False], [False])
    vector = random_vector(random.Random(8))
    assert places(await dense(world.search, organization, vector))[:3] == exact(filled, vector, 3)
    assert await indexes.maintain(60) == IndexRound(built=1, dropped=1)
    assert (existing(superuser), ready(superuser)) == ([True], [True])


async def test_an_index_that_nobody_announced_is_announced(world, organization, indexes, superuser):
    """The process may end between building an index and saying so."""
    await fill(world.database, organization, documents=60)
    await indexes.maintain(60)
    superuser.execute("UPDATE knowledge.vector_indexes SET is_ready = false")
    assert await indexes.maintain(60) == IndexRound()
    assert ready(superuser) == [True]


async def test_an_index_that_is_gone_is_not_counted_on(world, organization, indexes, superuser):
    filled = await fill(world.database, organization, documents=60)
    await indexes.maintain(60)
    ((name, _),) = superuser.execute(EXISTING).fetchall()
    superuser.execute(f"DROP INDEX knowledge.{name}")
    vector = random_vector(random.Random(9))
    assert places(await dense(world.search, organization, vector))[:3] == exact(filled, vector, 3)
    assert await indexes.maintain(60) == IndexRound(built=1)


async def test_time_that_is_over_begins_nothing(world, organization, indexes):
    await fill(world.database, organization, documents=60)
    assert await indexes.maintain(-1) == IndexRound(waiting=1)
    assert await indexes.maintain(60) == IndexRound(built=1)


async def test_vectors_that_are_too_long_for_an_index_have_none(world, organization, indexes, superuser):
    await fill(world.database, organization, documents=60)
    superuser.execute("UPDATE knowledge.embedding_models SET dimension = 4096")
    assert await indexes.maintain(60) == IndexRound()


async def test_the_indexer_reads_no_vector(world, organization, migrated_database):
    await fill(world.database, organization, documents=2)
    with psycopg.connect(migrated_database.dsn("footnote_indexer"), autocommit=True) as connection:
        assert connection.execute("SELECT count(*) FROM knowledge.chunk_vectors").fetchone() == (0,)
        for table in ("chunks", "documents", "corpora", "vector_indexes"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT FROM knowledge.{table}")
