"""What every `DocumentStore` promises."""

import hashlib

import pytest

from footnote.knowledge.documents import Announcement
from footnote.knowledge.models import DocumentStatus, Stage
from footnote.platform.errors import InvalidRequest, NotFound
from footnote.platform.ids import new_id


async def announce(world, organization, name="a.txt", **described):
    return await world.documents.announce(organization, Announcement(name, **described))


async def test_an_announced_document_waits_for_its_bytes(world, organization):
    document, ticket = await announce(
        world,
        organization,
        "Report 1.pdf",
        title="The report",
        category="law",
        tags=("a", "b"),
        size_bytes=12,
    )
    assert (document.status, document.stage) == (DocumentStatus.PENDING, Stage.RECEIVED)
    assert (document.title, document.filename, document.format, document.source) == (
        "The report", "Report 1.pdf", "pdf", "upload",
    )  # fmt: skip
    assert (document.category, document.tags, document.size_bytes) == ("law", ("a", "b"), 12)
    assert (document.version, document.created_by) == (None, organization.user_id)
    key = f"organizations/{organization.organization_id}/uploads/{document.id}/Report 1.pdf"
    assert ticket.url == f"memory://{key}"
    assert ticket.headers == {"content-type": "application/pdf"}
    assert await world.documents.get(organization, document.id) == document


async def test_the_content_type_of_the_client_is_signed(world, organization):
    _, ticket = await announce(world, organization, content_type="application/octet-stream")
    assert ticket.headers == {"content-type": "application/octet-stream"}


async def test_a_name_too_long_for_a_key_is_refused(world, organization):
    with pytest.raises(InvalidRequest):
        await announce(world, organization, "ä" * 450 + ".txt")


async def test_another_organizations_document_does_not_exist(world, organization, stranger):
    document, _ = await announce(world, organization)
    unknown = new_id()
    messages = set()
    for document_id in (document.id, unknown):
        for operation in (world.documents.get, world.documents.delete):
            with pytest.raises(NotFound) as caught:
                await operation(stranger, document_id)
            messages.add(caught.value.message)
    assert len(messages) == 1
    assert (await world.documents.get(organization, document.id)).id == document.id
    assert await world.documents.page(stranger) == ([], False)


async def test_the_same_digest_in_another_organization_is_another_document(world, organization, stranger):
    await world.drop(organization, "a.txt", "Shared words.")
    digest = hashlib.sha256(b"Shared words.").hexdigest()
    document, ticket = await announce(world, stranger, sha256=digest)
    assert ticket is not None
    assert document.status is DocumentStatus.PENDING


async def test_pages_are_newest_first_and_complete(world, organization):
    made = [(await announce(world, organization, f"{number}.txt"))[0].id for number in range(7)]
    seen, before, more = [], None, True
    while more:
        page, more = await world.documents.page(organization, before=before, limit=3)
        assert len(page) <= 3
        before = (page[-1].created_at, page[-1].id)
        seen += [document.id for document in page]
    assert seen == made[::-1]


async def test_a_page_that_is_exactly_full_is_the_last(world, organization):
    for number in range(3):
        await announce(world, organization, f"{number}.txt")
    page, more = await world.documents.page(organization, limit=3)
    assert (len(page), more) == (3, False)


async def test_pages_of_one_status(world, organization):
    await announce(world, organization, "pending.txt")
    await world.drop(organization, "done.txt", "Done.")
    await world.drop(organization, "same.txt", "Done.")
    await world.drop(organization, "empty.txt", "")

    async def names(status):
        return set(await world.listed(organization, status=status))

    assert await names(DocumentStatus.PENDING) == {"pending.txt"}
    assert await names(DocumentStatus.COMPLETED) == {"done.txt"}
    assert await names(DocumentStatus.FAILED) == {"empty.txt"}
    assert await names(DocumentStatus.DUPLICATE) == {"same.txt"}
    assert await names(DocumentStatus.QUARANTINED) == set()
    assert set(await world.listed(organization)) == {"pending.txt", "done.txt", "empty.txt"}


async def test_a_duplicate_goes_with_its_original(world, organization):
    await world.drop(organization, "first.txt", "One text.")
    await world.drop(organization, "second.txt", "One text.")
    original = (await world.listed(organization))["first.txt"]
    duplicate = (await world.listed(organization, status=DocumentStatus.DUPLICATE))["second.txt"]
    await world.documents.delete(organization, original.id)
    with pytest.raises(NotFound):
        await world.documents.get(organization, duplicate.id)


async def test_deleting_a_duplicate_leaves_the_original(world, organization):
    await world.drop(organization, "first.txt", "One text.")
    second = await world.drop(organization, "second.txt", "One text.")
    duplicate = (await world.listed(organization, status=DocumentStatus.DUPLICATE))["second.txt"]
    await world.documents.delete(organization, duplicate.id)
    assert (second.key, second.version_id) not in world.bucket.objects
    await world.ingestion.ingest(world.bucket.remove(second.key))
    assert await world.found(organization, "text") == ["One text."]
