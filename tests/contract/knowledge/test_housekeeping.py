"""What every `Housekeeping` promises. The process signs in as the role that may do nothing else."""

import psycopg
import pytest

from footnote.knowledge.documents import Announcement
from footnote.knowledge.models import DocumentStatus
from footnote.knowledge.ports import Failure, StoredObject
from footnote.knowledge.sweeping import Sweeper
from footnote.platform.settings import IngestionSettings
from footnote.stores.postgres.housekeeping import PostgresHousekeeping
from tests.support.organizations import open_database
from tests.support.recount import assert_statistics_are_exact


@pytest.fixture
async def jobs(module_database):
    database = open_database(module_database, role="footnote_jobs")
    yield PostgresHousekeeping(database)
    await database.close()


@pytest.fixture
def rows(module_database):
    connection = psycopg.connect(module_database.superuser_dsn, autocommit=True)
    yield lambda statement, *values: connection.execute(statement, values or None).fetchall()
    connection.close()


def count(rows, table, document_id):
    return rows(f"SELECT count(*) FROM knowledge.{table} WHERE document_id = %s", document_id)[0][0]


async def test_old_versions_go_after_their_grace_and_only_then(
    world, organization, jobs, rows, module_database
):
    await world.drop(organization, "a.txt", "The first text.")
    await world.drop(organization, "a.txt", "The second text.")
    document = (await world.listed(organization))["a.txt"]
    assert count(rows, "chunks", document.id) == 2
    assert await jobs.purge_versions(900, 100) == 0
    assert await jobs.purge_versions(-1, 100) == 1
    assert count(rows, "chunks", document.id) == count(rows, "chunk_vectors", document.id) == 1
    assert await world.found(organization, "text") == ["The second text."]
    assert_statistics_are_exact(module_database.superuser_dsn, organization.organization_id)
    assert await jobs.purge_versions(-1, 100) == 0


async def test_an_active_version_is_never_purged(world, organization, jobs, rows):
    await world.drop(organization, "a.txt", "Still here.")
    rows(
        "UPDATE knowledge.document_versions SET stage = 'superseded', superseded_at = '2000-01-01'"
        " RETURNING document_id"
    )
    await jobs.purge_versions(0, 100)
    assert await world.found(organization, "here") == ["Still here."]


async def test_of_a_deleted_document_remains_only_that_it_was_there(world, organization, jobs, rows):
    event = await world.drop(organization, "secret.txt", "Private matters.")
    document = (await world.listed(organization))["secret.txt"]
    await world.documents.delete(organization, document.id)
    await jobs.purge_documents(900, 100)
    assert count(rows, "chunks", document.id) == 1
    await jobs.purge_documents(-1, 100)
    assert [
        count(rows, table, document.id) for table in ("chunks", "chunk_vectors", "document_versions")
    ] == [0, 0, 0]
    left = rows(
        "SELECT title, filename, content_sha256, created_by FROM knowledge.documents WHERE document_id = %s",
        document.id,
    )
    assert left == [("", "", None, None)]
    await world.ingestion.ingest(event)
    assert await world.listed(organization) == {}


async def test_uploads_that_never_came_end_visibly_and_may_still_come(world, organization, jobs, rows):
    document, ticket = await world.documents.announce(organization, Announcement("late.txt"))
    assert await jobs.expire_uploads(24 * 3600, 100) == 0
    assert await jobs.expire_uploads(-1, 100) == 1
    expired = await world.documents.get(organization, document.id)
    assert (expired.status, expired.failure_code) == (DocumentStatus.FAILED, "never_uploaded")
    await world.ingestion.ingest(world.bucket.put(ticket.url.removeprefix("memory://"), b"Here it is."))
    arrived = await world.documents.get(organization, document.id)
    assert (arrived.status, arrived.failure_code) == (DocumentStatus.COMPLETED, None)


@pytest.mark.parametrize(
    ("attempts", "status"), [(1, DocumentStatus.FAILED), (3, DocumentStatus.QUARANTINED)]
)
async def test_what_nobody_reads_any_more_ends_visibly(world, organization, jobs, rows, attempts, status):
    event = world.bucket.put(world.key(organization, "stuck.txt"), b"Stuck.")
    job = await world.store.claim(organization, event, f"organizations/{organization.organization_id}/")
    rows(
        "UPDATE knowledge.document_versions SET attempts = %s WHERE document_id = %s RETURNING document_id",
        attempts,
        job.document_id,
    )
    assert await jobs.end_stuck(600, 3, 100) == 0
    rows(
        "UPDATE knowledge.document_versions SET leased_until = now() - interval '1 hour'"
        " WHERE document_id = %s RETURNING document_id",
        job.document_id,
    )
    assert await jobs.end_stuck(600, 3, 100) == 1
    document = (await world.listed(organization))["stuck.txt"]
    assert (document.status, document.failure_retryable) == (status, attempts < 3)
    # A worker that comes back to life is too late; a new delivery is not.
    await world.store.fail(organization, job, Failure(DocumentStatus.FAILED, "zombie", "From the grave."))
    assert (await world.listed(organization))["stuck.txt"].failure_code == document.failure_code
    await world.ingestion.ingest(event)
    after = (await world.listed(organization))["stuck.txt"].status
    assert after is (DocumentStatus.COMPLETED if attempts < 3 else DocumentStatus.QUARANTINED)


async def test_removals_are_tried_again_until_they_are_confirmed(world, organization, jobs, rows):
    event = await world.drop(organization, "a.txt", "To be removed.")
    world.bucket.is_down = True
    await world.documents.delete(organization, (await world.listed(organization))["a.txt"].id)
    # The one who deleted has a minute for himself.
    assert await jobs.due_removals(100) == []
    rows("UPDATE knowledge.object_deletions SET due_at = now() RETURNING 1")
    sweeper = Sweeper(jobs, world.bucket, IngestionSettings())
    assert (await sweeper.sweep())["objects_removed"] == 0
    assert rows("SELECT attempts, due_at > now() FROM knowledge.object_deletions") == [(1, True)]
    world.bucket.is_down = False
    assert (await sweeper.sweep())["objects_removed"] == 0  # not due yet
    rows("UPDATE knowledge.object_deletions SET due_at = now() RETURNING 1")
    assert (await sweeper.sweep())["objects_removed"] == 1
    assert (event.key, event.version_id) not in world.bucket.objects
    assert rows("SELECT count(*) FROM knowledge.object_deletions") == [(0,)]


async def test_confirming_is_precise(world, organization, jobs, rows):
    rows(
        "INSERT INTO knowledge.object_deletions (organization_id, bucket, key, object_version) VALUES"
        " (%s, 'b', 'k', '1'), (%s, 'b', 'k', '2') RETURNING 1",
        organization.organization_id,
        organization.organization_id,
    )
    due = await jobs.due_removals(100)
    assert sorted(item.version_id for _, item in due) == ["1", "2"]
    await jobs.confirm_removal(organization.organization_id, StoredObject("b", "k", "1"))
    assert rows("SELECT object_version FROM knowledge.object_deletions") == [("2",)]
