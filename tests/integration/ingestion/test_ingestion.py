"""What becomes of files that are dropped, uploaded, replaced, repeated and removed."""

import hashlib
from dataclasses import replace

import pytest

from footnote.knowledge.documents import Announcement
from footnote.knowledge.models import DocumentStatus
from footnote.platform.errors import NotFound, PayloadTooLarge, UnsupportedMedia


async def test_a_drop_becomes_searchable(world, organization):
    await world.drop(organization, "notes/lighthouse.txt", "The lighthouse of Farol was built in 1912.")
    document = (await world.listed(organization))["lighthouse.txt"]
    assert document.status is DocumentStatus.COMPLETED
    assert (document.source, document.version, document.chunk_count) == ("s3", 1, 1)
    assert await world.found(organization, "Farol lighthouse") == [
        "The lighthouse of Farol was built in 1912."
    ]


async def test_an_announced_upload_keeps_its_id_and_title(world, organization):
    announcement = Announcement("report.txt", title="Yearly report", category="finance", tags=("2026",))
    document, ticket = await world.documents.announce(organization, announcement)
    assert document.status is DocumentStatus.PENDING
    event = world.bucket.put(ticket.url.removeprefix("memory://"), b"Revenue grew by nine percent.")
    await world.ingestion.ingest(event)
    document = await world.documents.get(organization, document.id)
    assert document.status is DocumentStatus.COMPLETED
    assert (document.title, document.category, document.tags) == ("Yearly report", "finance", ("2026",))
    # The given title is searched, too.
    assert await world.found(organization, "yearly", strategy="lexical")


async def test_known_bytes_need_no_upload(world, organization):
    content = "Wombats dig burrows."
    await world.drop(organization, "wombat.txt", content)
    digest = hashlib.sha256(content.encode()).hexdigest()
    document, ticket = await world.documents.announce(organization, Announcement("copy.txt", sha256=digest))
    assert ticket is None
    assert document.filename == "wombat.txt"


async def test_the_same_event_twice_changes_nothing(world, organization):
    event = await world.drop(organization, "once.txt", "Delivered more than once.")
    before = (await world.listed(organization))["once.txt"]
    world.embedder.embedded.clear()
    await world.ingestion.ingest(event)
    assert (await world.listed(organization))["once.txt"] == before
    assert world.embedder.embedded == []


async def test_changed_bytes_are_a_new_version(world, organization):
    await world.drop(organization, "price.txt", "The ticket costs four crowns.")
    await world.drop(organization, "price.txt", "The ticket costs seven crowns.")
    document = (await world.listed(organization))["price.txt"]
    assert document.version == 2
    assert await world.found(organization, "ticket crowns") == ["The ticket costs seven crowns."]


async def test_identical_bytes_again_are_not_embedded_again(world, organization):
    await world.drop(organization, "same.txt", "Nothing has changed here.")
    world.embedder.embedded.clear()
    await world.drop(organization, "same.txt", "Nothing has changed here.")
    document = (await world.listed(organization))["same.txt"]
    assert (document.status, document.version) == (DocumentStatus.COMPLETED, 1)
    assert world.embedder.embedded == []


async def test_the_same_bytes_under_two_keys_are_one_document(world, organization):
    await world.drop(organization, "first.txt", "One text, two places.")
    second = await world.drop(organization, "second.txt", "One text, two places.")
    assert set(await world.listed(organization)) == {"first.txt"}
    duplicate = (await world.listed(organization, status=DocumentStatus.DUPLICATE))["second.txt"]
    first = (await world.listed(organization))["first.txt"]
    assert duplicate.duplicate_of == first.id
    assert len(await world.found(organization, "one text two places")) == 1
    # The document stays as long as one of its objects does, and is called after it.
    await world.ingestion.ingest(world.bucket.remove(world.key(organization, "first.txt")))
    assert (await world.listed(organization))["second.txt"].id == first.id
    await world.ingestion.ingest(world.bucket.remove(second.key))
    assert await world.listed(organization) == {}
    assert await world.found(organization, "one text two places") == []


async def test_a_shared_object_that_changes_leaves_the_others_alone(world, organization):
    await world.drop(organization, "a.txt", "Common text of two files.")
    await world.drop(organization, "b.txt", "Common text of two files.")
    await world.drop(organization, "a.txt", "Only the first file says this.")
    texts = {"Common text of two files.", "Only the first file says this."}
    assert set(await world.found(organization, "text file says")) == texts
    await world.drop(organization, "a.txt", "Common text of two files.")
    assert await world.found(organization, "text file says") == ["Common text of two files."]


async def test_a_document_whose_bytes_become_those_of_another_joins_it(world, organization):
    await world.drop(organization, "a.txt", "The text of the first.")
    await world.drop(organization, "b.txt", "Something else entirely.")
    await world.drop(organization, "b.txt", "The text of the first.")
    assert set(await world.listed(organization)) == {"a.txt"}
    assert await world.found(organization, "something else entirely", strategy="lexical") == []


async def test_a_removed_object_takes_its_document_along(world, organization):
    event = await world.drop(organization, "gone.txt", "Here today.")
    await world.ingestion.ingest(world.bucket.remove(event.key))
    assert await world.listed(organization) == {}
    # A late delivery does not bring it back.
    await world.ingestion.ingest(event)
    assert await world.listed(organization) == {}


async def test_a_late_put_does_not_resurrect_what_was_removed_before_it_was_seen(world, organization):
    late = world.bucket.put(world.key(organization, "late.txt"), b"Too late.")
    await world.ingestion.ingest(world.bucket.remove(late.key))
    await world.ingestion.ingest(late)
    assert await world.listed(organization) == {}
    again = world.bucket.put(late.key, b"On time.")
    await world.ingestion.ingest(again)
    assert await world.found(organization, "time") == ["On time."]


async def test_an_older_version_that_is_expired_in_the_bucket_changes_nothing(world, organization):
    first = await world.drop(organization, "kept.txt", "First version.")
    await world.drop(organization, "kept.txt", "Second version.")
    expired = world.bucket.remove("another-key")
    await world.ingestion.ingest(
        replace(expired, key=first.key, version_id=first.version_id, delete_marker=False)
    )
    assert await world.found(organization, "version") == ["Second version."]


async def test_deleting_is_immediate_and_removes_every_object(world, organization):
    await world.drop(organization, "a.txt", "Delete me from everywhere.")
    await world.drop(organization, "b.txt", "Delete me from everywhere.")
    document = (await world.listed(organization))["a.txt"]
    await world.documents.delete(organization, document.id)
    assert await world.listed(organization) == {}
    assert await world.found(organization, "delete everywhere") == []
    assert not [
        key
        for key in world.bucket.objects
        if key[0].startswith(f"organizations/{organization.organization_id}")
    ]
    with pytest.raises(NotFound):
        await world.documents.get(organization, document.id)
    with pytest.raises(NotFound):
        await world.documents.delete(organization, document.id)


async def test_a_second_file_beside_an_announced_upload_is_a_document_of_its_own(world, organization):
    document, ticket = await world.documents.announce(organization, Announcement("first.txt"))
    key = ticket.url.removeprefix("memory://")
    await world.ingestion.ingest(world.bucket.put(key, b"What was announced."))
    await world.ingestion.ingest(
        world.bucket.put(key.replace("first.txt", "second.txt"), b"What came along.")
    )
    listed = await world.listed(organization)
    assert set(listed) == {"first.txt", "second.txt"}
    assert listed["first.txt"].id == document.id
    texts = {"What was announced.", "What came along."}
    assert set(await world.found(organization, "what was came")) == texts


async def test_removing_a_file_beside_an_announced_upload_leaves_it_alone(world, organization):
    document, ticket = await world.documents.announce(organization, Announcement("first.txt"))
    key = ticket.url.removeprefix("memory://")
    await world.ingestion.ingest(world.bucket.remove(key.replace("first.txt", "second.txt")))
    await world.ingestion.ingest(world.bucket.put(key, b"What was announced."))
    await world.ingestion.ingest(world.bucket.remove(key.replace("first.txt", "third.txt")))
    assert (await world.listed(organization))["first.txt"].id == document.id


async def test_removing_an_announced_upload_before_it_was_seen_ends_it(world, organization):
    document, ticket = await world.documents.announce(organization, Announcement("first.txt"))
    late = world.bucket.put(ticket.url.removeprefix("memory://"), b"Too late.")
    await world.ingestion.ingest(world.bucket.remove(late.key))
    await world.ingestion.ingest(late)
    assert await world.listed(organization) == {}
    with pytest.raises(NotFound):
        await world.documents.get(organization, document.id)


async def test_another_documents_id_in_a_key_means_nothing(world, organization):
    await world.drop(organization, "dropped.txt", "Dropped before.")
    dropped = (await world.listed(organization))["dropped.txt"]
    await world.drop(organization, f"uploads/{dropped.id}/intruder.txt", "Somebody else's words.")
    assert set(await world.found(organization, "words dropped before")) == {
        "Dropped before.",
        "Somebody else's words.",
    }


async def test_a_deletion_survives_a_failing_bucket(world, organization):
    event = await world.drop(organization, "stubborn.txt", "The bucket does not answer.")
    document = (await world.listed(organization))["stubborn.txt"]
    world.bucket.is_down = True
    await world.documents.delete(organization, document.id)
    assert await world.found(organization, "bucket answer") == []
    world.bucket.is_down = False
    await world.ingestion.ingest(event)
    assert await world.listed(organization) == {}


async def test_bytes_for_a_deleted_announcement_are_removed_not_read(world, organization):
    document, ticket = await world.documents.announce(organization, Announcement("draft.txt"))
    await world.documents.delete(organization, document.id)
    await world.ingestion.ingest(world.bucket.put(ticket.url.removeprefix("memory://"), b"Too late."))
    assert await world.listed(organization) == {}
    assert await world.found(organization, "late") == []


@pytest.mark.parametrize(
    ("name", "content", "status", "word"),
    [
        ("empty.txt", b"", DocumentStatus.FAILED, "empty"),
        ("broken.pdf", b"%PDF-1.7 nothing follows", DocumentStatus.FAILED, "pdf"),
        ("mistyped.docx", b"just text", DocumentStatus.FAILED, "word"),
        ("program.exe", b"MZ", DocumentStatus.FAILED, ".exe"),
    ],
)
async def test_an_unreadable_file_ends_with_a_reason(world, organization, name, content, status, word):
    await world.ingestion.ingest(world.bucket.put(world.key(organization, name), content))
    document = (await world.listed(organization))[name]
    assert document.status is status
    assert word in document.failure_reason.lower()
    assert document.version is None


async def test_a_broken_new_version_leaves_the_old_one_searchable(world, organization):
    await world.drop(organization, "manual.txt", "Turn the handle to the left.")
    await world.ingestion.ingest(world.bucket.put(world.key(organization, "manual.txt"), b""))
    document = (await world.listed(organization))["manual.txt"]
    assert (document.status, document.version) == (DocumentStatus.FAILED, 1)
    for strategy in ("lexical", "vector"):
        assert await world.found(organization, "handle", strategy=strategy) == [
            "Turn the handle to the left."
        ]


async def test_oversized_files_are_refused(world, organization):
    world.settings = world.settings.model_copy(update={"max_bytes": 10})
    await world.make_ingestion(settings=world.settings).ingest(
        world.bucket.put(world.key(organization, "big.txt"), b"more than ten bytes")
    )
    assert (await world.listed(organization))["big.txt"].failure_code == "oversized"
    with pytest.raises(PayloadTooLarge):
        await world.documents.announce(organization, Announcement("huge.txt", size_bytes=51 * 2**20))
    with pytest.raises(UnsupportedMedia):
        await world.documents.announce(organization, Announcement("movie.mp4"))


async def test_events_of_nobody_are_ignored(world, organization):
    await world.ingestion.ingest(world.bucket.put("elsewhere/file.txt", b"whose is this?"))
    await world.ingestion.ingest(world.bucket.put(world.key(organization, "folder/"), b""))
    assert await world.listed(organization) == {}


async def test_a_long_document_is_stored_batch_by_batch(world, organization):
    paragraphs = [f"Station {number} lies at kilometre {number * 7}. " * 12 for number in range(150)]
    await world.drop(organization, "railway.txt", "\n\n".join(paragraphs))
    document = (await world.listed(organization))["railway.txt"]
    assert document.status is DocumentStatus.COMPLETED
    assert document.chunk_count == len(world.embedder.embedded) > 64
