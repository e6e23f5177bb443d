"""What every `IngestionStore` promises of claims, leases and fences."""

import asyncio
from dataclasses import replace

import psycopg
import pytest

from footnote.knowledge import ChunkDraft, Stage, StagedVersion
from footnote.knowledge.models import DocumentStatus
from footnote.knowledge.ports import Failure, Progress, Superseded
from footnote.models import PassageVectors
from footnote.platform.errors import Conflict
from tests.support.ingestion import MODEL, word_vector
from tests.support.recount import assert_statistics_are_exact

TEXT = "The ferry leaves at nine."
CHUNK = ChunkDraft(0, 0, len(TEXT), TEXT, TEXT, 6, sentences=((0, len(TEXT)),))
VECTORS = PassageVectors(word_vector(TEXT), [word_vector(TEXT)])
VERSION = StagedVersion("Ferry", "en", "0" * 64, "txt", len(TEXT), None, 0, 0, len(TEXT), 1, (), MODEL)
FAILURE = Failure(DocumentStatus.FAILED, "broken", "It is broken.")


@pytest.fixture
def prefix(organization):
    return f"organizations/{organization.organization_id}/"


@pytest.fixture
def event(world, prefix):
    return world.bucket.put(f"{prefix}ferry.txt", TEXT.encode())


@pytest.fixture
def end_leases(module_database):
    def end():
        with psycopg.connect(module_database.superuser_dsn, autocommit=True) as connection:
            connection.execute("UPDATE knowledge.document_versions SET leased_until = now() - interval '1 s'")

    return end


def activate(world, organization, job):
    return world.store.activate(organization, job, VERSION, [CHUNK], [VECTORS])


async def test_a_key_belongs_to_whoever_registered_its_prefix(world, organization, prefix):
    owner = await world.store.owner_of(f"{prefix}folder/a.txt")
    assert (owner.organization_id, owner.prefix) == (organization.organization_id, prefix)
    for key in ("organizations/unknown/a.txt", prefix[:-1], f"/{prefix}a.txt", "a.txt", ""):
        assert await world.store.owner_of(key) is None, key


async def test_a_claim_counts_its_attempts_and_raises_its_fence(
    world, organization, prefix, event, end_leases
):
    first = await world.store.claim(organization, event, prefix)
    assert (first.version, first.attempt, first.fence, first.filename) == (1, 1, 1, "ferry.txt")
    with pytest.raises(Conflict) as caught:
        await world.store.claim(organization, event, prefix)
    assert caught.value.retry_after_s >= 1
    end_leases()
    second = await world.store.claim(organization, event, prefix)
    assert second == replace(first, attempt=2, fence=2)


async def test_a_lease_that_is_given_back_can_be_taken_at_once(world, organization, prefix, event):
    job = await world.store.claim(organization, event, prefix)
    await world.store.release(organization, job)
    assert (await world.store.claim(organization, event, prefix)).attempt == 2


async def test_progress_renews_the_lease(world, organization, prefix, event, end_leases):
    job = await world.store.claim(organization, event, prefix)
    end_leases()
    await world.store.progress(organization, job, Progress(Stage.PARSED, 10, 7, 0))
    with pytest.raises(Conflict):
        await world.store.claim(organization, event, prefix)
    document = (await world.listed(organization))["ferry.txt"]
    assert (document.stage, document.units_total, document.units_read) == (Stage.PARSED, 10, 7)


async def test_a_lost_fence_stops_every_write(
    world, organization, prefix, event, end_leases, module_database
):
    lost = await world.store.claim(organization, event, prefix)
    end_leases()
    job = await world.store.claim(organization, event, prefix)
    writes = {
        "progress": world.store.progress(organization, lost, Progress(Stage.EMBEDDED, 1, 1, 1)),
        "stage": world.store.stage(organization, lost, VERSION, [CHUNK], [VECTORS]),
        "activate": activate(world, organization, lost),
        "activate what is staged": world.store.activate(
            organization, lost, replace(VERSION, chunk_count=0), [], []
        ),
    }
    for name, write in writes.items():
        (outcome,) = await asyncio.gather(write, return_exceptions=True)
        assert isinstance(outcome, Superseded), name
    # To fail or to give back what is another's is no error, and changes nothing.
    await world.store.fail(organization, lost, FAILURE)
    await world.store.release(organization, lost)
    document = (await world.listed(organization))["ferry.txt"]
    assert (document.status, document.stage) == (DocumentStatus.PROCESSING, Stage.RECEIVED)
    with pytest.raises(Conflict):
        await world.store.claim(organization, event, prefix)
    await activate(world, organization, job)
    assert await world.found(organization, "ferry") == [TEXT]
    assert_statistics_are_exact(module_database.superuser_dsn, organization.organization_id)


async def test_staging_twice_stores_once(world, organization, prefix, event):
    job = await world.store.claim(organization, event, prefix)
    for _ in range(2):
        await world.store.stage(organization, job, VERSION, [CHUNK], [VECTORS])
    assert await world.found(organization, "ferry") == []
    await world.store.activate(organization, job, VERSION, [], [])
    assert await world.found(organization, "ferry") == [TEXT]


async def test_what_differs_from_an_earlier_attempt_is_staged_anew(world, organization, prefix, event):
    job = await world.store.claim(organization, event, prefix)
    await world.store.stage(organization, job, VERSION, [CHUNK], [VECTORS])
    assert await world.store.stored_ordinals(organization, job, [CHUNK], MODEL) == {0}
    recut = replace(CHUNK, embedding_text="Ferry. " + TEXT)
    assert await world.store.stored_ordinals(organization, job, [recut], MODEL) == set()
    await world.store.stage(organization, job, VERSION, [CHUNK], [VECTORS])
    other = replace(MODEL, revision="2")
    assert await world.store.stored_ordinals(organization, job, [CHUNK], other) == set()


async def test_nothing_is_activated_before_all_of_it_is_there(world, organization, prefix, event):
    job = await world.store.claim(organization, event, prefix)
    await world.store.stage(organization, job, VERSION, [CHUNK], [VECTORS])
    with pytest.raises(RuntimeError, match="before all of its chunks"):
        await world.store.activate(organization, job, replace(VERSION, chunk_count=2), [], [])
    other = replace(VERSION, model=replace(MODEL, revision="2"))
    with pytest.raises(RuntimeError, match="before all of its chunks"):
        await world.store.activate(organization, job, other, [], [])
    assert await world.found(organization, "ferry") == []


async def test_what_failed_for_good_is_not_claimed_again(world, organization, prefix, event):
    job = await world.store.claim(organization, event, prefix)
    await world.store.stage(organization, job, VERSION, [CHUNK], [VECTORS])
    await world.store.fail(organization, job, FAILURE)
    assert await world.store.claim(organization, event, prefix) is None
    document = (await world.listed(organization))["ferry.txt"]
    assert (document.status, document.failure_code, document.failure_reason) == (
        DocumentStatus.FAILED, "broken", "It is broken.",
    )  # fmt: skip


async def test_what_failed_for_want_of_something_starts_afresh(world, organization, prefix, event):
    job = await world.store.claim(organization, event, prefix)
    await world.store.fail(organization, job, replace(FAILURE, retryable=True))
    again = await world.store.claim(organization, event, prefix)
    assert (again.attempt, again.fence) == (1, 2)
    document = (await world.listed(organization))["ferry.txt"]
    assert (document.status, document.failure_code) == (DocumentStatus.PROCESSING, None)


async def test_sequencers_compare_as_s3_means_them(world, organization, prefix):
    """Of different length, filled up on the right, whatever the case of their digits."""
    event = world.bucket.put(f"{prefix}a.txt", b"x")
    newest = replace(event, sequencer="0055AED6DCD90281E6")
    assert await world.store.claim(organization, newest, prefix)
    for older in ("0055aed6dcd90281e5ff", "0055AED6DCD90281E5", "0055"):
        assert await world.store.claim(organization, replace(event, sequencer=older), prefix) is None
    assert await world.store.claim(organization, replace(event, sequencer="0055aed6dcd90281e601"), prefix)


async def test_jobs_of_another_organization_do_not_exist(world, organization, stranger, prefix, event):
    job = await world.store.claim(organization, event, prefix)
    with pytest.raises(Superseded):
        await world.store.progress(stranger, job, Progress(Stage.PARSED, 1, 1, 0))
    with pytest.raises(Superseded):
        await activate(world, stranger, job)
    await world.store.fail(stranger, job, FAILURE)
    await activate(world, organization, job)
    assert await world.found(organization, "ferry") == [TEXT]
