"""A worker that dies between any two steps: the next delivery goes on, and nothing is ever half visible."""

import asyncio
import itertools

import psycopg
import pytest

from footnote.knowledge.models import DocumentStatus
from footnote.platform.errors import Conflict, ModelUnavailable, ServiceUnavailable
from tests.support.kill_points import Cancelling, Deadly, Killed, expire_leases
from tests.support.metering import assert_metering_is_exact
from tests.support.recount import assert_statistics_are_exact

LONG = "\n\n".join(f"Station {number} lies at kilometre {number * 7}. " * 12 for number in range(330))
OLD = "Before the railway there was a road."


@pytest.mark.parametrize("content", [LONG, "A short one about the railway station."], ids=["long", "short"])
async def test_every_kill_point(world, organization, module_database, content):
    await world.drop(organization, "railway.txt", OLD)
    event = world.bucket.put(world.key(organization, "railway.txt"), content.encode())
    for fatal in itertools.count():
        deadly = Deadly(fatal)
        ingestion = world.make_ingestion(
            store=deadly.wrap(world.store),
            objects=deadly.wrap(world.bucket),
            embedder=deadly.wrap(world.embedder),
            parse=deadly.function(world.parse),
            quota=deadly.wrap(world.quota),
        )
        try:
            await ingestion.ingest(event)
        except Killed:
            assert await world.found(organization, "road") == [OLD]
            assert_statistics_are_exact(module_database.superuser_dsn, organization.organization_id)
            assert_metering_is_exact(module_database.superuser_dsn, organization.organization_id)
            expire_leases(module_database)
            with psycopg.connect(module_database.superuser_dsn, autocommit=True) as connection:
                # Each point is tried by itself; that too many attempts end is tested below.
                connection.execute("UPDATE knowledge.document_versions SET attempts = 1 WHERE attempts > 1")
        else:
            break
    assert fatal > (10 if content is LONG else 7)
    document = (await world.listed(organization))["railway.txt"]
    assert (document.status, document.version) == (DocumentStatus.COMPLETED, 2)
    assert OLD not in await world.found(organization, "road")
    assert_statistics_are_exact(module_database.superuser_dsn, organization.organization_id)
    assert_metering_is_exact(module_database.superuser_dsn, organization.organization_id, at_rest=True)
    with psycopg.connect(module_database.superuser_dsn) as connection:
        stored = connection.execute(
            "SELECT count(*), count(DISTINCT ordinal) FROM knowledge.chunks"
            " WHERE document_id = %s AND version = 2",
            (document.id,),
        ).fetchone()
    assert stored == (document.chunk_count, document.chunk_count)


@pytest.mark.parametrize("again", [False, True], ids=["once", "again and again"])
async def test_a_reader_that_is_cancelled_anywhere_leaves_no_hold(
    world, organization, module_database, superuser, again
):
    """As Lambda's time limit nears: what was reserved is free at once, and the next delivery reads it."""
    await world.drop(organization, "railway.txt", OLD)
    event = world.bucket.put(
        world.key(organization, "railway.txt"), b"A short one about the railway station."
    )
    for moment in itertools.count():
        cancelling = Cancelling(moment, again=again)
        ingestion = world.make_ingestion(
            store=cancelling.wrap(world.store),
            embedder=cancelling.wrap(world.embedder),
            quota=cancelling.wrap(world.quota),
        )
        await cancelling.run(ingestion.ingest(event))
        assert_metering_is_exact(module_database.superuser_dsn, organization.organization_id, at_rest=True)
        (document,) = (await world.listed(organization)).values()
        assert (await world.found(organization, "road") == [OLD]) == (document.version == 1)
        if document.version == 2:
            break
        expire_leases(module_database)
        superuser.execute("UPDATE knowledge.document_versions SET attempts = 1 WHERE attempts > 1")
    assert moment > 12
    await world.ingestion.ingest(event)
    (document,) = (await world.listed(organization)).values()
    assert (document.status, document.version) == (DocumentStatus.COMPLETED, 2)
    states = superuser.execute(
        "SELECT state FROM quota.holds WHERE organization_id = %s", (organization.organization_id,)
    ).fetchall()
    assert states == [("committed",), ("committed",)]


async def test_what_was_stored_is_not_embedded_again(world, organization, module_database):
    event = world.bucket.put(world.key(organization, "resumed.txt"), LONG.encode())
    embedded = 0

    class DiesInTheThirdBatch:
        async def model(self):
            return await world.embedder.model()

        async def embed_passages_with_sentences(self, texts, spans):
            nonlocal embedded
            embedded += 1
            if embedded == 3:
                raise Killed
            return await world.embedder.embed_passages_with_sentences(texts, spans)

    with pytest.raises(Killed):
        await world.make_ingestion(embedder=DiesInTheThirdBatch()).ingest(event)
    before = len(world.embedder.embedded)
    assert before == 128
    expire_leases(module_database)
    await world.ingestion.ingest(event)
    document = (await world.listed(organization))["resumed.txt"]
    assert document.status is DocumentStatus.COMPLETED
    assert len(world.embedder.embedded) == document.chunk_count


async def test_progress_of_a_long_document_is_visible(world, organization):
    seen = []

    class Watching:
        async def model(self):
            return await world.embedder.model()

        async def embed_passages_with_sentences(self, texts, spans):
            document = (await world.listed(organization))["watched.txt"]
            seen.append((document.status, document.stage.value, document.chunk_count))
            return await world.embedder.embed_passages_with_sentences(texts, spans)

    event = world.bucket.put(world.key(organization, "watched.txt"), LONG.encode())
    await world.make_ingestion(embedder=Watching()).ingest(event)
    assert seen[0] == (DocumentStatus.PROCESSING, "chunked", 0)
    assert seen[1] == (DocumentStatus.PROCESSING, "embedded", 64)


async def test_a_file_that_kills_its_readers_is_quarantined(world, organization, module_database):
    event = world.bucket.put(world.key(organization, "killer.txt"), b"Nobody survives this.")

    async def die(*_):
        raise Killed

    for _ in range(3):
        with pytest.raises(Killed):
            await world.make_ingestion(parse=die).ingest(event)
        expire_leases(module_database)
    await world.ingestion.ingest(event)
    document = (await world.listed(organization))["killer.txt"]
    assert document.status is DocumentStatus.QUARANTINED
    assert "several times" in document.failure_reason
    # It stays so, however often it is delivered.
    await world.ingestion.ingest(event)
    assert (await world.listed(organization))["killer.txt"].status is DocumentStatus.QUARANTINED


async def test_a_dependency_that_is_down_is_retried_and_then_said(world, organization):
    event = world.bucket.put(world.key(organization, "patient.txt"), b"Waits for the model.")
    world.embedder.is_down = True
    for attempt in range(3):
        with pytest.raises(ModelUnavailable):
            await world.ingestion.ingest(event)
        document = (await world.listed(organization))["patient.txt"]
        expected = DocumentStatus.FAILED if attempt == 2 else DocumentStatus.PROCESSING
        assert document.status is expected
    assert document.failure_retryable
    # Redriven from the dead-letter queue once the model is back.
    world.embedder.is_down = False
    await world.ingestion.ingest(event)
    document = (await world.listed(organization))["patient.txt"]
    assert (document.status, document.failure_code) == (DocumentStatus.COMPLETED, None)


async def test_a_bucket_that_is_down_is_retried(world, organization):
    event = world.bucket.put(world.key(organization, "later.txt"), b"Read later.")
    world.bucket.is_down = True
    with pytest.raises(ServiceUnavailable):
        await world.ingestion.ingest(event)
    world.bucket.is_down = False
    await world.ingestion.ingest(event)
    assert await world.found(organization, "later") == ["Read later."]


async def test_a_defect_of_ours_is_no_fault_of_the_file(world, organization):
    event = world.bucket.put(world.key(organization, "victim.txt"), b"Innocent.")

    async def fail(*_):
        raise ZeroDivisionError

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await world.make_ingestion(parse=fail).ingest(event)
    document = (await world.listed(organization))["victim.txt"]
    assert (document.status, document.failure_code) == (DocumentStatus.FAILED, "internal_error")
    assert "ZeroDivision" not in document.failure_reason


async def test_a_second_worker_waits_for_the_lease_and_takes_over(world, organization):
    event = world.bucket.put(world.key(organization, "handover.txt"), b"From one to the other.")

    async def die(*_):
        raise Killed

    with pytest.raises(Killed):
        await world.make_ingestion(parse=die).ingest(event)
    await world.ingestion.ingest(event)  # the lease of a second runs out meanwhile
    assert await world.found(organization, "other") == ["From one to the other."]


async def test_a_lease_that_is_renewed_keeps_others_out(world, organization):
    event = world.bucket.put(world.key(organization, "slow.txt"), b"Read at leisure.")
    release = asyncio.Event()

    async def slowly(*arguments):
        await release.wait()
        return await world.parse(*arguments)

    first = asyncio.create_task(world.make_ingestion(parse=slowly).ingest(event))
    await asyncio.sleep(0.2)
    with pytest.raises(Conflict):
        await world.ingestion.ingest(event)
    release.set()
    await first
    assert await world.found(organization, "leisure") == ["Read at leisure."]


async def test_a_worker_that_lost_its_lease_changes_nothing(world, organization, module_database):
    event = world.bucket.put(world.key(organization, "zombie.txt"), b"The living and the dead.")

    async def overtaken(*arguments):
        expire_leases(module_database)
        await world.ingestion.ingest(event)
        return await world.parse(*arguments)

    await world.make_ingestion(parse=overtaken).ingest(event)
    document = (await world.listed(organization))["zombie.txt"]
    assert (document.status, document.version) == (DocumentStatus.COMPLETED, 1)
    assert_statistics_are_exact(module_database.superuser_dsn, organization.organization_id)


async def test_a_newer_event_stops_the_older_one(world, organization):
    key = world.key(organization, "fast.txt")
    older = world.bucket.put(key, b"Old news.")

    async def overtaken(*arguments):
        await world.ingestion.ingest(world.bucket.put(key, b"Breaking news."))
        return await world.parse(*arguments)

    await world.make_ingestion(parse=overtaken).ingest(older)
    assert await world.found(organization, "news") == ["Breaking news."]


async def test_deleting_while_it_is_read_wins(world, organization):
    event = world.bucket.put(world.key(organization, "unwanted.txt"), b"Nobody wants this.")

    async def unwanted(*arguments):
        document = (await world.listed(organization))["unwanted.txt"]
        await world.documents.delete(organization, document.id)
        return await world.parse(*arguments)

    await world.make_ingestion(parse=unwanted).ingest(event)
    assert await world.listed(organization) == {}
    assert await world.found(organization, "wants") == []
