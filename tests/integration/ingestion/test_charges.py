"""What reading a document costs, and what happens where that is not allowed."""

import json

import pytest

from footnote.knowledge.documents import Announcement
from footnote.knowledge.models import DocumentStatus
from footnote.knowledge.tokens import count_tokens
from footnote.platform.errors import ModelUnavailable, ServiceUnavailable
from footnote.quota import Meter, QuotaUnavailable
from tests.support.ingestion import MODEL
from tests.support.kill_points import Killed, expire_leases
from tests.support.metering import PRICES, assert_metering_is_exact, committed_of, end_holds, entitle

LONG = "\n\n".join(f"Station {number} lies at kilometre {number * 7}. " * 12 for number in range(330))


@pytest.fixture
def used(module_database, organization):
    """What the organization has used by now, which is what its ledgers say."""

    def read(*, at_rest=True):
        dsn, organization_id = module_database.superuser_dsn, organization.organization_id
        assert_metering_is_exact(dsn, organization_id, at_rest=at_rest)
        return committed_of(dsn, organization_id)

    return read


@pytest.fixture
def limit(module_database, organization):
    """Gives the organization limits, or a budget."""

    def give(limits, **terms):
        entitle(module_database.superuser_dsn, organization.organization_id, json.dumps(limits), **terms)

    return give


@pytest.fixture
def rows(superuser, organization):
    """Rows of a query about the organization."""

    def select(statement):
        return superuser.execute(statement, {"id": organization.organization_id}).fetchall()

    return select


async def only(world, organization):
    (document,) = (await world.listed(organization)).values()
    return document


def cost_of(tokens):
    return PRICES.cost(Meter.EMBEDDING_TOKENS, MODEL.name, tokens)


async def test_a_document_is_charged_with_the_switch(world, organization, used, rows):
    await world.drop(organization, "owls.txt", "Owls see at night.")
    (embedded,) = world.embedder.embedded
    tokens = count_tokens(embedded) + 2
    cost = cost_of(tokens)
    assert used() == {"documents": 1, "storage_bytes": 18, "embedding_tokens": tokens, "cost": cost}
    assert rows(
        "SELECT meter, model, units, cost_micro_usd, price_version, feature FROM quota.usage_ledger"
        " WHERE organization_id = %(id)s ORDER BY meter"
    ) == [
        ("documents", "", 1, 0, 1, "ingestion"),
        ("embedding_tokens", MODEL.name, tokens, cost, 1, "ingestion"),
        ("storage_bytes", "", 18, 0, 1, "ingestion"),
    ]


@pytest.mark.parametrize("text", ["Owls.", "Owls see at night, and hear even better than that."])
async def test_a_new_version_changes_what_is_stored_by_the_difference(world, organization, used, text):
    await world.drop(organization, "owls.txt", "Owls see at night.")
    await world.drop(organization, "owls.txt", text)
    assert (used()["documents"], used()["storage_bytes"]) == (1, len(text))


async def test_the_same_bytes_are_stored_once(world, organization, used):
    await world.drop(organization, "owls.txt", "Owls see at night.")
    before = used()
    await world.drop(organization, "copy.txt", "Owls see at night.")
    assert used() == before
    # Only the removal of the last object with the bytes gives them back.
    await world.ingestion.ingest(world.bucket.remove(world.key(organization, "owls.txt")))
    assert used() == before
    await world.ingestion.ingest(world.bucket.remove(world.key(organization, "copy.txt")))
    assert used() == {name: before[name] for name in ("embedding_tokens", "cost")}


async def test_a_document_that_turns_into_a_duplicate_is_given_back(world, organization, used):
    await world.drop(organization, "owls.txt", "Owls see at night.")
    await world.drop(organization, "newts.txt", "Newts swim.")
    await world.drop(organization, "newts.txt", "Owls see at night.")
    assert (used()["documents"], used()["storage_bytes"]) == (1, 18)


async def test_deleting_gives_back_once(world, organization, used):
    event = await world.drop(organization, "owls.txt", "Owls see at night.")
    document = await only(world, organization)
    await world.documents.delete(organization, document.id)
    assert set(used()) == {"embedding_tokens", "cost"}
    # Neither the event of the removal nor the old one delivered again gives back once more.
    await world.ingestion.ingest(world.bucket.remove(event.key))
    await world.ingestion.ingest(event)
    assert set(used()) == {"embedding_tokens", "cost"}


async def test_a_full_storage_refuses_and_says_how_to_go_on(world, organization, limit, used):
    limit({"storage_bytes": 20})
    await world.drop(organization, "owls.txt", "Owls see at night.")
    before = used()
    event = await world.drop(organization, "newts.txt", "Newts swim.")
    document = (await world.listed(organization))["newts.txt"]
    assert (document.status, document.failure_code) == (DocumentStatus.FAILED, "quota_exceeded")
    assert document.failure_retryable
    assert document.failure_reason == (
        "The plan tight holds 20 bytes of documents; 18 bytes are in use and this file needs 11 bytes more."
        " Delete documents or choose a larger plan, then upload it again."
    )
    assert used() == before
    assert len(world.embedder.embedded) == 1, "a model was asked before it was allowed"
    # Room is made, and the same event delivered again is read.
    await world.documents.delete(organization, (await world.listed(organization))["owls.txt"].id)
    await world.ingestion.ingest(event)
    document = await only(world, organization)
    assert (document.status, document.failure_code) == (DocumentStatus.COMPLETED, None)
    assert used()["storage_bytes"] == 11


async def test_a_version_that_is_refused_leaves_the_old_one(world, organization, limit, used):
    limit({"storage_bytes": 20})
    await world.drop(organization, "owls.txt", "Owls see at night.")
    await world.drop(organization, "owls.txt", "Owls see at night, and hear.")
    document = await only(world, organization)
    assert (document.status, document.version) == (DocumentStatus.FAILED, 1)
    assert await world.found(organization, "owls") == ["Owls see at night."]
    assert used()["storage_bytes"] == 18
    # A smaller one fits, whatever the plan holds.
    limit({"storage_bytes": 1})
    await world.drop(organization, "owls.txt", "Owls see.")
    assert (await only(world, organization)).version == 3
    assert used()["storage_bytes"] == 9


async def test_a_larger_plan_reads_what_was_refused(world, organization, limit, used):
    limit({"storage_bytes": 10})
    event = await world.drop(organization, "owls.txt", "Owls see at night.")
    assert (await only(world, organization)).failure_code == "quota_exceeded"
    limit({"storage_bytes": 18})
    # Uploaded again, as the reason says; the event that was refused comes once more and changes nothing.
    await world.drop(organization, "owls.txt", "Owls see at night.")
    before = used()
    await world.ingestion.ingest(event)
    document = await only(world, organization)
    assert (document.status, document.failure_code) == (DocumentStatus.COMPLETED, None)
    assert used() == before
    assert (before["documents"], before["storage_bytes"]) == (1, 18)


async def test_the_number_of_documents_is_limited_where_a_plan_says_so(world, organization, limit, used):
    limit({"documents": 1})
    await world.drop(organization, "owls.txt", "Owls see at night.")
    await world.drop(organization, "newts.txt", "Newts swim.")
    document = (await world.listed(organization))["newts.txt"]
    assert document.failure_code == "quota_exceeded"
    assert "holds 1 documents, and 1 are there" in document.failure_reason
    await world.drop(organization, "copy.txt", "Owls see at night.")  # is no document more
    assert used()["documents"] == 1


@pytest.mark.parametrize("budget", [{"stage": "emergency"}, {"cost_limit": 0}])
async def test_a_spent_budget_refuses_documents(world, organization, limit, used, budget):
    limit({}, **budget)
    event = await world.drop(organization, "owls.txt", "Owls see at night.")
    document = await only(world, organization)
    assert (document.status, document.failure_code) == (DocumentStatus.FAILED, "budget_exceeded")
    assert document.failure_retryable
    assert "An owner of the organization can raise it" in document.failure_reason
    assert used() == {}
    limit({}, cost_limit=1_000_000)
    await world.ingestion.ingest(event)
    assert (await only(world, organization)).status is DocumentStatus.COMPLETED


async def test_the_platforms_budget_is_no_fault_of_the_organization(world, organization, superuser, used):
    superuser.execute("UPDATE quota.platform_budget SET stage = 'emergency'")
    try:
        await world.drop(organization, "owls.txt", "Owls see at night.")
    finally:
        superuser.execute("UPDATE quota.platform_budget SET stage = 'normal'")
    document = await only(world, organization)
    assert (document.failure_code, document.failure_retryable) == ("platform_budget_exceeded", True)
    assert used() == {}


async def test_a_failure_is_paid_by_nobody_but_the_platform(world, organization, used, rows):
    class FailsInTheSecondBatch:
        calls = 0

        async def model(self):
            return MODEL

        async def embed_passages_with_sentences(self, texts, spans):
            self.calls += 1
            if self.calls == 2:
                raise ModelUnavailable("down")
            return await world.embedder.embed_passages_with_sentences(texts, spans)

    event = world.bucket.put(world.key(organization, "long.txt"), LONG.encode())
    with pytest.raises(ModelUnavailable):
        await world.make_ingestion(embedder=FailsInTheSecondBatch()).ingest(event)
    first = sum(count_tokens(text) + 2 for text in world.embedder.embedded)
    assert used() == {"cost": cost_of(first)}
    await world.ingestion.ingest(event)
    every = sum(count_tokens(text) + 2 for text in world.embedder.embedded)
    # Each chunk was embedded once; the customer pays for those of the attempt that came to an end.
    assert used()["embedding_tokens"] == every - first
    assert used()["cost"] == cost_of(first) + cost_of(every - first)
    assert rows("SELECT source, attempt FROM quota.cost_ledger WHERE organization_id = %(id)s") == [
        ("released", 1)
    ]


@pytest.mark.parametrize("swept", [False, True], ids=["taken over", "ended by itself"])
async def test_a_worker_that_dies_costs_the_customer_nothing(
    world, organization, module_database, used, rows, swept
):
    class DiesInTheSecondBatch:
        calls = 0

        async def model(self):
            return MODEL

        async def embed_passages_with_sentences(self, texts, spans):
            self.calls += 1
            if self.calls == 2:
                raise Killed
            return await world.embedder.embed_passages_with_sentences(texts, spans)

    event = world.bucket.put(world.key(organization, "long.txt"), LONG.encode())
    with pytest.raises(Killed):
        await world.make_ingestion(embedder=DiesInTheSecondBatch()).ingest(event)
    assert used(at_rest=False) == {}
    expire_leases(module_database)
    if swept:
        end_holds(module_database.superuser_dsn)
    first = sum(count_tokens(text) + 2 for text in world.embedder.embedded)
    await world.ingestion.ingest(event)
    every = sum(count_tokens(text) + 2 for text in world.embedder.embedded)
    # The estimate of the first attempt, all of the document, stands in the internal ledger.
    assert used()["embedding_tokens"] == every - first
    assert used()["cost"] == cost_of(every) + cost_of(every - first)
    assert rows("SELECT source, attempt FROM quota.cost_ledger WHERE organization_id = %(id)s") == [
        ("expired", 1)
    ]
    assert rows("SELECT DISTINCT attempt FROM quota.usage_ledger WHERE organization_id = %(id)s") == [(2,)]


async def test_what_is_not_known_to_be_allowed_is_not_begun(world, organization, used):
    class Down:
        release = world.quota.release

        @staticmethod
        async def reserve(*_):
            raise QuotaUnavailable("down")

    event = world.bucket.put(world.key(organization, "owls.txt"), b"Owls see at night.")
    with pytest.raises(ServiceUnavailable):
        await world.make_ingestion(quota=Down).ingest(event)
    assert world.embedder.embedded == []
    assert used() == {}
    await world.ingestion.ingest(event)
    assert (await only(world, organization)).status is DocumentStatus.COMPLETED


async def test_usage_is_that_of_the_member_who_uploaded(world, organization, used, rows):
    announced, _ = await world.documents.announce(organization, Announcement("owls.txt"))
    key = f"organizations/{organization.organization_id}/uploads/{announced.id}/owls.txt"
    await world.ingestion.ingest(world.bucket.put(key, b"Owls see at night."))
    assert used()["documents"] == 1
    assert set(rows("SELECT user_id FROM quota.usage_ledger WHERE organization_id = %(id)s")) == {
        (organization.user_id,)
    }
