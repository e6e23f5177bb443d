"""Recipients, claims and webhook endpoints on a real database."""

import asyncio
from dataclasses import replace

import pytest

from footnote.billing.notifications import NewEndpoint
from footnote.platform.errors import Conflict, NotFound
from footnote.platform.ids import new_id
from footnote.platform.settings import EventSettings
from footnote.quota import EventMismatch, StillDelivering
from footnote.stores.postgres.notifications import PostgresClaims, PostgresEndpointStore, PostgresRecipients
from tests.support.events import warning
from tests.support.organizations import new_member, new_organization, open_database

CONSUMER = "webhook:one"
HOOK = NewEndpoint("https://customer.example/hook", ("quota.*",), "ours")


@pytest.fixture
def organization(module_database):
    return new_organization(module_database)


@pytest.fixture
def claims(database):
    return PostgresClaims(database)


def store(database, **settings):
    return PostgresEndpointStore(database, EventSettings(**settings))


async def test_owners_and_admins_are_told(database, module_database, organization, superuser):
    admin = new_member(module_database, organization, "admin")
    gone = new_member(module_database, organization, "admin")
    member = new_member(module_database, organization)
    new_organization(module_database)
    superuser.execute("UPDATE core.users SET is_active = false WHERE user_id = %s", (gone.user_id,))
    recipients = PostgresRecipients(database)
    told = await recipients.managers(organization)
    assert {one.user_id for one in told} == {organization.user_id, admin.user_id}
    assert {one.email for one in told} == {
        f"{organization.user_id}@example.com",
        f"{admin.user_id}@example.com",
    }
    assert {one.organization for one in told} == {f"Organization {organization.organization_id}"}
    assert (await recipients.member(organization, member.user_id)).user_id == member.user_id
    assert await recipients.member(organization, gone.user_id) is None
    assert await recipients.member(organization, new_id()) is None


async def test_a_member_of_another_organization_is_nobody(database, module_database, organization):
    stranger = new_organization(module_database)
    assert await PostgresRecipients(database).member(organization, stranger.user_id) is None


async def test_one_tells_at_a_time_and_once(claims, organization):
    event = warning(organization)
    assert await claims.claim(CONSUMER, event, 60)
    with pytest.raises(StillDelivering):
        await claims.claim(CONSUMER, event, 60)
    await claims.done(CONSUMER, event)
    assert not await claims.claim(CONSUMER, event, 60)
    assert await claims.claim("webhook:another", event, 60)


async def test_what_failed_or_was_abandoned_can_be_claimed_again(claims, organization, superuser):
    event = warning(organization)
    await claims.claim(CONSUMER, event, 60)
    await claims.failed(CONSUMER, event, "no answer")
    assert await claims.claim(CONSUMER, event, 0)
    assert await claims.claim(CONSUMER, event, 60)
    rows = superuser.execute(
        "SELECT attempts, last_error FROM quota.deliveries WHERE organization_id = %s",
        (organization.organization_id,),
    ).fetchall()
    assert rows == [(3, "no answer")]


async def test_an_id_with_another_content_is_refused(claims, organization):
    event = warning(organization)
    await claims.claim(CONSUMER, event, 60)
    await claims.done(CONSUMER, event)
    with pytest.raises(EventMismatch):
        await claims.claim(CONSUMER, replace(event, payload={**event.payload, "used": 81}), 60)


async def test_of_many_at_once_one_tells(module_database, organization):
    """Also when the first is done just while the others ask."""
    databases = [open_database(module_database) for _ in range(4)]
    told = []

    async def tell(claims, event):
        try:
            if await claims.claim(CONSUMER, event, 60):
                told.append(event.event_id)
                await claims.done(CONSUMER, event)
        except StillDelivering:
            return

    events = [warning(organization, number) for number in range(1, 31)]
    all_claims = [PostgresClaims(database) for database in databases]
    await asyncio.gather(*(tell(claims, event) for event in events for claims in all_claims))
    assert sorted(told) == sorted(event.event_id for event in events)
    for database in databases:
        await database.close()


async def test_endpoints_are_the_organizations_own(database, module_database, organization):
    endpoints, stranger = store(database), new_organization(module_database)
    added = await endpoints.add(organization, HOOK, 10)
    assert (added.url, added.topics, added.description) == (HOOK.url, HOOK.topics, HOOK.description)
    assert await endpoints.list(organization) == [added]
    assert await endpoints.get(organization, added.endpoint_id) == added
    assert await endpoints.list(stranger) == []
    for forbidden in (endpoints.get, endpoints.delete):
        with pytest.raises(NotFound):
            await forbidden(stranger, added.endpoint_id)
    await endpoints.delete(organization, added.endpoint_id)
    with pytest.raises(NotFound):
        await endpoints.delete(organization, added.endpoint_id)


async def test_there_are_never_more_than_allowed(module_database, organization):
    databases = [open_database(module_database) for _ in range(4)]
    outcomes = await asyncio.gather(
        *(store(database).add(organization, HOOK, 3) for database in databases for _ in range(2)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 5
    assert len(await store(databases[0]).list(organization)) == 3
    for database in databases:
        await database.close()


async def test_an_endpoint_is_switched_off_after_lasting_failure_and_says_so(
    database, organization, superuser
):
    endpoints = store(database, webhook_failures=3, webhook_failing_s=3600)
    endpoint = await endpoints.add(organization, HOOK, 10)
    for _ in range(5):
        assert not await endpoints.failed(organization, endpoint, "no answer", is_gone=False)
    superuser.execute("UPDATE quota.webhook_endpoints SET failing_since = now() - interval '2 hours'")
    assert await endpoints.failed(organization, endpoint, "no answer", is_gone=False)
    [found] = await endpoints.list(organization)
    assert found.disabled_at is not None
    assert found.disabled_reason == "6 deliveries in a row failed; the last: no answer"
    assert await endpoints.failed(organization, endpoint, "late", is_gone=False)
    told = superuser.execute(
        "SELECT payload ->> 'reason' FROM quota.outbox"
        " WHERE organization_id = %s AND topic = 'webhook.disabled'",
        (organization.organization_id,),
    ).fetchall()
    assert told == [(found.disabled_reason,)]
    await endpoints.succeeded(organization, endpoint.endpoint_id)
    [found] = await endpoints.list(organization)
    assert (found.failures, found.last_error, found.disabled_at, found.disabled_reason) == (
        0,
        None,
        None,
        None,
    )


async def test_a_few_failures_in_a_long_time_or_many_in_a_short_one_are_none(
    database, organization, superuser
):
    endpoints = store(database, webhook_failures=3, webhook_failing_s=3600)
    endpoint = await endpoints.add(organization, HOOK, 10)
    assert not await endpoints.failed(organization, endpoint, "x", is_gone=False)
    superuser.execute("UPDATE quota.webhook_endpoints SET failing_since = now() - interval '2 hours'")
    assert not await endpoints.failed(organization, endpoint, "x", is_gone=False)
    await endpoints.succeeded(organization, endpoint.endpoint_id)
    for _ in range(5):
        assert not await endpoints.failed(organization, endpoint, "x", is_gone=False)


async def test_who_is_gone_is_asked_no_more(database, organization):
    endpoints = store(database)
    endpoint = await endpoints.add(organization, HOOK, 10)
    assert await endpoints.failed(organization, endpoint, "410", is_gone=True)
    assert "410" in (await endpoints.list(organization))[0].disabled_reason
