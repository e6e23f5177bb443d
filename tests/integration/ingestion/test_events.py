"""Events in any order, delivered more than once: the state is that of each key's newest event."""

import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footnote.knowledge.models import DocumentStatus, SearchFilters
from tests.support.ingestion import World
from tests.support.metering import assert_metering_is_exact
from tests.support.organizations import new_organization, open_database
from tests.support.recount import assert_statistics_are_exact

KEYS = ("a.txt", "b.txt", "c.txt")
TEXTS = ("The first text is about owls.", "The second text is about badgers.", "The third text: newts.")

operation = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(KEYS), st.sampled_from(TEXTS)),
    st.tuples(st.just("remove"), st.sampled_from(KEYS), st.just("")),
)


@st.composite
def histories(draw):
    """Operations in their true order, and an order of delivery in which some events come twice."""
    operations = draw(st.lists(operation, min_size=1, max_size=7))
    repeated = draw(st.lists(st.integers(0, len(operations) - 1), max_size=4))
    deliveries = draw(st.permutations([*range(len(operations)), *repeated]))
    return operations, deliveries


def perform(world, organization, operations):
    """The events of the operations, and what the bucket holds at the end."""
    events, held = [], {}
    for kind, name, text in operations:
        key = world.key(organization, name)
        if kind == "put":
            events.append(world.bucket.put(key, text.encode()))
            held[name] = text
        else:
            events.append(world.bucket.remove(key))
            held.pop(name, None)
    return events, held


async def visible(world, organization):
    """Texts that are searched, by the dense leg and by the lexical one."""
    dense = await world.found(organization, "text", strategy="vector", limit=50)
    lexical = await world.found(organization, "text", strategy="lexical", limit=50)
    assert sorted(dense) == sorted(lexical)
    assert len(set(dense)) == len(dense), "the same text twice"
    return set(dense)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(history=histories())
def test_any_order_of_delivery_ends_in_the_state_of_the_bucket(module_database, history):
    operations, deliveries = history

    async def run():
        database = open_database(module_database)
        world, organization = World(database), new_organization(module_database)
        events, held = perform(world, organization, operations)
        for number in deliveries:
            await world.ingestion.ingest(events[number])
        assert await visible(world, organization) == set(held.values())
        assert_statistics_are_exact(module_database.superuser_dsn, organization.organization_id)
        listed, _ = await world.documents.page(organization)
        assert all(document.status is DocumentStatus.COMPLETED for document in listed)
        assert len(listed) == len(set(held.values()))
        for document in listed:
            (text,) = await world.found(
                organization, "text", filters=SearchFilters(document_ids=(document.id,)), strategy="vector"
            )
            assert held[document.filename] == text, "a source would name the wrong file"
        await database.close()

    asyncio.run(run())


async def test_the_same_bytes_at_the_same_time_are_one_document(module_database):
    databases = [open_database(module_database) for _ in range(4)]
    workers = [World(database) for database in databases]
    organization = new_organization(module_database)
    for round_number in range(12):
        events = []
        for number, worker in enumerate(workers):
            worker.bucket = workers[0].bucket
            key = worker.key(organization, f"{round_number}-{number}.txt")
            events.append(workers[0].bucket.put(key, f"Round {round_number} of the race.".encode()))
        runs = [
            worker.make_ingestion(objects=workers[0].bucket).ingest(event)
            for worker, event in zip(workers, events, strict=True)
        ]
        await asyncio.gather(*runs)
    listed, _ = await workers[0].documents.page(organization, limit=200)
    assert len(listed) == 12
    assert {document.status for document in listed} == {DocumentStatus.COMPLETED}
    duplicates, _ = await workers[0].documents.page(organization, status=DocumentStatus.DUPLICATE, limit=200)
    assert len(duplicates) == 36
    assert_statistics_are_exact(module_database.superuser_dsn, organization.organization_id)
    assert_metering_is_exact(module_database.superuser_dsn, organization.organization_id, at_rest=True)
    for database in databases:
        await database.close()


async def test_many_documents_at_once_neither_deadlock_nor_miscount(module_database):
    databases = [open_database(module_database) for _ in range(4)]
    bucket = World(databases[0]).bucket
    workers = [World(database, bucket=bucket) for database in databases]
    organization = new_organization(module_database)

    async def churn(worker, name):
        key = worker.key(organization, name)
        for number in range(8):
            await worker.ingestion.ingest(
                bucket.put(key, f"{name} says {number}: shared words here.".encode())
            )
            if number % 3 == 2:
                await worker.ingestion.ingest(bucket.remove(key))
        listed = {document.filename: document for document in (await worker.documents.page(organization))[0]}
        if number % 2:
            await worker.documents.delete(organization, listed[name].id)

    await asyncio.gather(*(churn(worker, f"{number}.txt") for number, worker in enumerate(workers)))
    assert_statistics_are_exact(module_database.superuser_dsn, organization.organization_id)
    assert_metering_is_exact(module_database.superuser_dsn, organization.organization_id, at_rest=True)
    for database in databases:
        await database.close()


async def test_no_answer_ever_mixes_two_versions(module_database):
    writing, reading = open_database(module_database), open_database(module_database)
    writer, reader = World(writing), World(reading)
    organization = new_organization(module_database)
    name, chunks = "flipped.txt", 6
    flips = 40

    def content(version):
        return "\n\n".join(f"Paragraph {n} of version{version}. " * 40 for n in range(chunks))

    await writer.drop(organization, name, content(0))
    done = asyncio.Event()

    async def flip():
        for version in range(1, flips + 1):
            await writer.drop(organization, name, content(version))
        done.set()

    async def read():
        seen, reads = set(), 0
        while not done.is_set():
            retrieval = await reader.retriever.retrieve(organization, "paragraph of version", limit=50)
            versions = {found.passage.version for found in retrieval.passages}
            words = {
                word
                for found in retrieval.passages
                for word in found.passage.text.split()
                if "version" in word
            }
            assert len(versions) == len(words) == 1
            assert len(retrieval.passages) >= chunks
            seen |= versions
            reads += 1
        return seen, reads

    _, (seen, reads) = await asyncio.gather(flip(), read())
    assert len(seen) > 3
    assert reads > 20
    for database in (writing, reading):
        await database.close()
