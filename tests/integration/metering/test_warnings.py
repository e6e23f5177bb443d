"""Warnings at 50, 80, 90 and 100 %: from the settlement to mail and webhook, each once per window."""

import asyncio
import email
import email.policy
import json
import random
from collections import Counter
from datetime import UTC, datetime

import psycopg
import pytest

from footnote.billing.notifications import NewEndpoint
from footnote.platform.ids import new_id
from footnote.platform.settings import PostgresSettings, Settings
from footnote.quota import HoldRequest, Meter, Settlement, Used
from footnote.quota.events import Event
from footnote.stores.postgres.quota import PostgresQuotaStore
from functions.notifier.batch import dispatch_batch
from tests.support.edge import running_edge
from tests.support.event_worker import event_container
from tests.support.events import put
from tests.support.organizations import new_member, new_organization, open_database
from tests.support.receiver import running_receiver

SENDER = "Footnote <no-reply@footnote.example>"
LIMIT = 40


@pytest.fixture
async def edge():
    async with running_edge() as edge:
        yield edge


@pytest.fixture
def receiver():
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
async def process(migrated_database, edge, monkeypatch):
    """Containers of further processes, by the role they sign in with."""
    opened = []

    def process(role, function):
        for name, value in edge.credentials(function).items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("FOOTNOTE_TEST_PASSWORD", migrated_database.passwords[role])
        postgres = PostgresSettings(
            host=migrated_database.host,
            port=migrated_database.port,
            database=migrated_database.name,
            user=role,
            password_secret="password",
        )
        events = edge.events(mail_from=SENDER, webhook_loopback=True, lease_s=1)
        opened.append(event_container(Settings(environment="test", postgres=postgres, events=events)))
        return opened[-1]

    yield process
    for container in opened:
        await container.database.close()


@pytest.fixture
def organization(migrated_database):
    context = new_organization(migrated_database)
    with psycopg.connect(migrated_database.superuser_dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO quota.entitlements (organization_id, plan, plan_version, limits)"
            " VALUES (%s, 'small', 1, %s)",
            (context.organization_id, json.dumps({"messages": LIMIT})),
        )
    return context


async def use_up(database, organization, count):
    """So many messages, eight at a time, over connections of their own."""
    databases = [open_database(database) for _ in range(8)]

    async def work(one, number):
        store = PostgresQuotaStore(one, "enterprise")
        for _ in range(count // 8):
            reserved = await store.reserve(
                organization, HoldRequest(new_id(), b"", "chat", {Meter.MESSAGES: 1}, 60)
            )
            await store.settle(
                organization, Settlement(reserved.hold_id, reserved.attempt, (Used(Meter.MESSAGES, 1),))
            )

    await asyncio.gather(*(work(one, number) for number, one in enumerate(databases)))
    for one in databases:
        await one.close()


async def relay(container):
    await container.metering_sweep.sweep(5)


async def consume(edge, containers):
    """What lies in the queue, by several notifiers at once; what fails comes back."""

    async def work(container):
        for _ in range(12):
            messages = await edge.queues.receive("events", 10, 30)
            if not messages:
                return
            records = [{"messageId": one.message_id, "body": one.body, "attributes": {}} for one in messages]
            failed = set(await dispatch_batch(records, container.dispatcher, 20))
            for one in messages:
                if one.message_id in failed:
                    await edge.queues.hide("events", one.receipt, 0.8)
                else:
                    await edge.queues.delete("events", [one.receipt])

    for _ in range(5):
        await asyncio.gather(*map(work, containers))
        await asyncio.sleep(0.4)


def mails(edge):
    """(recipient, subject, event id) of each mail."""
    read = [
        email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        for file in edge.mail.glob("*.eml")
    ]
    return [(one["To"], one["Subject"], one["X-Footnote-Event"].strip()) for one in read]


async def send_again(edge, database, choice):
    """Every event so far, several times and in another order."""
    with psycopg.connect(database.superuser_dsn) as connection:
        rows = connection.execute(
            "SELECT organization_id, event_id, topic, payload, created_at FROM quota.outbox"
        ).fetchall()
    bodies = [(Event(*row).to_message(), {}) for row in rows] * 3
    choice.shuffle(bodies)
    for start in range(0, len(bodies), 50):
        await edge.queues.send("events", bodies[start : start + 50])


@pytest.mark.slow
async def test_each_threshold_is_told_once_by_mail_and_webhook(
    migrated_database, edge, receiver, process, organization
):
    admin = new_member(migrated_database, organization, "admin")
    new_member(migrated_database, organization)
    relays = [process("footnote_jobs", "metering") for _ in range(2)]
    notifiers = [process("footnote_app", "notifier") for _ in range(4)]
    _, secret = await notifiers[0].webhook_endpoints.add(
        organization, NewEndpoint(receiver.url(), ("quota.warning",))
    )
    monkey = random.Random(3)
    await use_up(migrated_database, organization, LIMIT)
    # The relay signs as `metering`, the notifiers as `notifier`: set what the next calls sign with.
    process("footnote_jobs", "metering")
    await asyncio.gather(*map(relay, relays))
    process("footnote_app", "notifier")
    await send_again(edge, migrated_database, monkey)
    await consume(edge, notifiers)
    await send_again(edge, migrated_database, monkey)
    await consume(edge, notifiers)
    assert edge.queues.counts("events") == (0, 0)

    events = [one.event_id for one in receiver.received]
    thresholds = Counter(int(event_id.rsplit(":", 1)[1]) for event_id in events)
    assert thresholds == {50: 1, 80: 1, 90: 1, 100: 1}
    assert all(one.is_signed_with(secret) for one in receiver.received)
    bodies = [json.loads(one.body) for one in receiver.received]
    assert all(body["type"] == "quota.warning" for body in bodies)
    assert {body["data"]["threshold"] for body in bodies} == {50, 80, 90, 100}

    people = {f"{one.user_id}@example.com" for one in (organization, admin)}
    sent = Counter((to, event_id) for to, _, event_id in mails(edge))
    assert sent == {(to, event_id): 1 for to in people for event_id in events}


async def test_what_concerns_a_member_is_told_that_member(
    migrated_database, edge, receiver, process, organization
):
    member = new_member(migrated_database, organization)
    with psycopg.connect(migrated_database.superuser_dsn, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO quota.member_caps VALUES (%s, %s, 'messages', 8)",
            (organization.organization_id, member.user_id),
        )
    relays, notifiers = [process("footnote_jobs", "metering")], []
    await use_up(migrated_database, member, 8)
    await relay(relays[0])
    notifiers.append(process("footnote_app", "notifier"))
    await consume(edge, notifiers)
    told = mails(edge)
    assert {to for to, _, _ in told} == {f"{member.user_id}@example.com"}
    assert len(told) == 4
    assert any("100 % of your own messages" in subject for _, subject, _ in told)


async def test_what_is_owed_is_told_owners_and_admins(migrated_database, edge, process, organization):
    admin = new_member(migrated_database, organization, "admin")
    new_member(migrated_database, organization)
    invoice = {"number": "FN-2026-000001", "total_cents": 2900, "currency": "USD", "provider": "manual"}
    payloads = {
        "invoice.issued": invoice | {"due_at": "2026-05-16T00:00:00+00:00"},
        "subscription.past_due": {"since": "2026-05-16T00:00:00+00:00"},
        "subscription.ended_unpaid": {"plan": "free"},
        "subscription.renewed": {},
    }
    with psycopg.connect(migrated_database.superuser_dsn, autocommit=True) as connection:
        for topic, payload in payloads.items():
            put(connection, Event(organization.organization_id, topic, topic, payload, datetime.now(UTC)))
    await relay(process("footnote_jobs", "metering"))
    await consume(edge, [process("footnote_app", "notifier") for _ in range(2)])
    people = {f"{one.user_id}@example.com" for one in (organization, admin)}
    assert Counter((to, event_id) for to, _, event_id in mails(edge)) == {
        (to, topic): 1 for to in people for topic in payloads if topic != "subscription.renewed"
    }


async def test_a_receiver_that_fails_keeps_nobody_else_from_being_told(
    migrated_database, edge, receiver, process, organization
):
    notifier = process("footnote_app", "notifier")
    with running_receiver() as broken:
        broken.status = 500
        for url in (broken.url(), receiver.url()):
            await notifier.webhook_endpoints.add(organization, NewEndpoint(url, ("*",)))
        await use_up(migrated_database, organization, 24)
        await relay(process("footnote_jobs", "metering"))
        process("footnote_app", "notifier")
        await consume(edge, [notifier])
        usage = [one.event_id for one in receiver.received]
        assert len(usage) == len(set(usage)) == 24 + 1
        assert edge.queues.counts("events") != (0, 0)
        assert len(mails(edge)) == 1
        broken.status = 200
        await consume(edge, [notifier])
    assert edge.queues.counts("events") == (0, 0)
    assert Counter(one.event_id for one in receiver.received) == dict.fromkeys(usage, 1)
    assert {one.event_id for one in broken.received} == set(usage)
    [_, endpoint] = sorted(
        await notifier.webhook_endpoints.list(organization), key=lambda one: one.url == broken.url()
    )
    assert (endpoint.failures, endpoint.last_error, endpoint.disabled_at) == (0, None, None)


async def test_the_last_delivery_gives_a_receiver_up(edge, receiver, process, organization):
    notifier = process("footnote_app", "notifier")
    receiver.status = 503
    await notifier.webhook_endpoints.add(organization, NewEndpoint(receiver.url(), ("quota.*",)))
    event = Event(organization.organization_id, "warning:x", "quota.later", {}, notifier.clock.now())
    record = {"messageId": "m", "body": event.to_message(), "attributes": {"ApproximateReceiveCount": "7"}}
    assert await dispatch_batch([record], notifier.dispatcher, 10) == ["m"]
    record["attributes"]["ApproximateReceiveCount"] = "8"
    assert await dispatch_batch([record], notifier.dispatcher, 10) == []
    [endpoint] = await notifier.webhook_endpoints.list(organization)
    assert (endpoint.failures, endpoint.last_error) == (2, "The receiver answered 503.")


async def test_a_receiver_that_is_gone_is_switched_off_and_a_test_switches_it_on(
    migrated_database, edge, receiver, process, organization
):
    notifier = process("footnote_app", "notifier")
    endpoint, _ = await notifier.webhook_endpoints.add(organization, NewEndpoint(receiver.url(), ("*",)))
    receiver.status = 410
    await use_up(migrated_database, organization, 8)
    await relay(process("footnote_jobs", "metering"))
    process("footnote_app", "notifier")
    await consume(edge, [notifier])
    [found] = await notifier.webhook_endpoints.list(organization)
    assert "410" in found.disabled_reason
    await relay(process("footnote_jobs", "metering"))
    process("footnote_app", "notifier")
    await consume(edge, [notifier])
    [(_, subject, _)] = mails(edge)
    assert "switched off" in subject
    response = await notifier.webhook_endpoints.test(organization, endpoint.endpoint_id)
    assert response.error is not None
    receiver.status = 200
    assert (await notifier.webhook_endpoints.test(organization, endpoint.endpoint_id)).error is None
    assert (await notifier.webhook_endpoints.list(organization))[0].disabled_at is None
