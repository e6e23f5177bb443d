"""C15: relays and consumers killed at any moment, events twice and in no order: consumer effects = ledger."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from footnote.billing.notifications import NewEndpoint
from footnote.platform.ids import new_id
from footnote.platform.settings import EventSettings
from footnote.quota import HoldRequest, Meter, Settlement, Used
from footnote.quota.events import Event
from footnote.stores.postgres.notifications import PostgresEndpointStore
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.edge import running_edge
from tests.support.organizations import new_organization, open_database
from tests.support.receiver import running_receiver

ROOT = Path(__file__).resolve().parents[3]
EVENTS = 10_000 if os.environ.get("FOOTNOTE_NIGHTLY") else 1_000
SEED = int(os.environ.get("FOOTNOTE_SEED", "15"))
WORKERS = ("relay", "relay", "consume", "consume", "consume")
LEDGER = """
    SELECT organization_id, (at AT TIME ZONE 'UTC')::date, meter, model, feature, sum(units)::bigint,
           sum(cost_micro_usd)::bigint FROM quota.usage_ledger GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""
ROLLUP = "SELECT * FROM quota.usage_daily ORDER BY 1, 2, 3, 4, 5"


@pytest.fixture
async def edge():
    async with running_edge() as edge:
        yield edge


@pytest.fixture
def receiver():
    with running_receiver() as receiver:
        yield receiver


@pytest.fixture
def workers(migrated_database, edge):
    """Starts, kills and replaces the processes."""
    started = Workers(migrated_database, edge)
    yield started
    started.stop()


class Workers:
    def __init__(self, database, edge):
        self._database = database
        self._edge = edge
        self._processes = []
        self.killed = 0

    def start(self, kinds):
        self._processes = [(kind, self._start(kind)) for kind in kinds]

    def kill_one(self, choice):
        index = choice.randrange(len(self._processes))
        kind, process = self._processes[index]
        assert process.poll() is None, f"a {kind} ended by itself"
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.killed += 1
        self._processes[index] = (kind, self._start(kind))

    def stop(self):
        for _, process in self._processes:
            process.kill()
            process.wait()

    def _start(self, kind):
        role = {"relay": "footnote_jobs", "consume": "footnote_app"}[kind]
        function = {"relay": "metering", "consume": "operator"}[kind]
        database = self._database
        environment = {
            **os.environ,
            **self._edge.credentials(function),
            "PYTHONPATH": f"{ROOT / 'layers' / 'core'}{os.pathsep}{ROOT}",
            "APP_ENVIRONMENT": "test",
            "APP_POSTGRES__HOST": database.host,
            "APP_POSTGRES__PORT": str(database.port),
            "APP_POSTGRES__DATABASE": database.name,
            "APP_POSTGRES__USER": role,
            "APP_POSTGRES__PASSWORD_SECRET": "password",
            "APP_EVENTS__ENDPOINT_URL": self._edge.config.edge_url,
            "APP_EVENTS__LEASE_S": "2",
            "APP_EVENTS__WEBHOOK_LIMIT_S": "1",
            "APP_EVENTS__WEBHOOK_LOOPBACK": "true",
            "FOOTNOTE_TEST_PASSWORD": database.passwords[role],
        }
        command = [sys.executable, "-m", "tests.support.event_worker", kind]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


async def record_usage(database, organizations, count):
    """Settlements of several meters and models, and adjustments in bulk."""
    store = PostgresQuotaStore(database, "enterprise")
    settled = min(count // 10, 500)
    for number in range(settled):
        context = organizations[number % len(organizations)]
        meters = {Meter.MESSAGES: 1, Meter.INPUT_TOKENS: 100, Meter.OUTPUT_TOKENS: 50, Meter.COST: 1_000}
        request = HoldRequest(new_id(), b"", "chat", meters, 60)
        reserved = await store.reserve(context, request)
        used = (
            Used(Meter.MESSAGES, 1),
            Used(Meter.INPUT_TOKENS, 10 + number % 7, f"model-{number % 3}", 13),
            Used(Meter.OUTPUT_TOKENS, 3 + number % 5, f"model-{number % 3}", 29),
        )
        await store.settle(context, Settlement(reserved.hold_id, reserved.attempt, used, 1))
    left = count - settled
    while left:
        many = min(100, left)
        async with database.tenant_tx(organizations[left % len(organizations)], background=True) as cursor:
            await cursor.execute(
                "SELECT quota.adjust(gen_random_uuid(), 'ingestion', '{storage_bytes,documents}',"
                " ARRAY[1 + n %% 1000, 1]) FROM generate_series(1, %s) n",
                (many,),
            )
        left -= many


async def send_again(edge, connection, choice):
    """Duplicates that the queue did not make itself, of events of any age."""
    rows = connection.execute(
        "SELECT organization_id, event_id, topic, payload, created_at FROM quota.outbox"
        " WHERE sent_at IS NOT NULL ORDER BY random() LIMIT 20"
    ).fetchall()
    bodies = [(Event(*row).to_message(), {}) for row in rows]
    if bodies:
        await edge.queues.send("events", bodies, delay_s=choice.random() * 2)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_consumer_effects_equal_the_ledger(migrated_database, edge, workers, receiver):
    """Inside the database exactly once; outside of it at least once, and again only after a kill."""
    choice = random.Random(SEED)
    organizations = [new_organization(migrated_database) for _ in range(3)]
    database = open_database(migrated_database)
    endpoints = PostgresEndpointStore(database, EventSettings())
    await endpoints.add(organizations[0], NewEndpoint(receiver.url(), ("usage.recorded",)), 1)
    workers.start(WORKERS)
    recording = asyncio.create_task(record_usage(database, organizations, EVENTS))
    deadline = time.monotonic() + 800
    with psycopg.connect(migrated_database.superuser_dsn, autocommit=True) as connection:
        kills = EVENTS // 100
        while True:
            await asyncio.sleep(choice.uniform(0.2, 0.8))
            assert time.monotonic() < deadline, edge.queues.counts("events")
            if workers.killed < kills:
                await send_again(edge, connection, choice)
                await asyncio.to_thread(workers.kill_one, choice)
                continue
            unsent = connection.execute("SELECT count(*) FROM quota.outbox WHERE sent_at IS NULL").fetchone()[
                0
            ]
            if recording.done() and not unsent and edge.queues.counts("events") == (0, 0):
                break
        await recording
        await database.close()
        ledger, rollup = connection.execute(LEDGER).fetchall(), connection.execute(ROLLUP).fetchall()
        events, markers = connection.execute(
            "SELECT (SELECT count(*) FROM quota.outbox WHERE topic = 'usage.recorded'),"
            " (SELECT count(*) FROM quota.processed_events WHERE consumer = 'usage-daily')"
        ).fetchone()
        wanted = connection.execute(
            "SELECT event_id FROM quota.outbox WHERE organization_id = %s AND topic = 'usage.recorded'",
            (organizations[0].organization_id,),
        ).fetchall()
    assert events == markers == EVENTS
    arrived = [one.event_id for one in receiver.received]
    assert set(arrived) == {event_id for (event_id,) in wanted}
    assert len(arrived) - len(set(arrived)) <= 10 * workers.killed
    assert rollup == ledger
    assert workers.killed == EVENTS // 100
