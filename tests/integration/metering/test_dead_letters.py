"""What no consumer can take ends among the dead letters, told by a metric, and can be put back."""

import asyncio
import json
import time
from dataclasses import replace

import psycopg
import pytest

from footnote.platform.clock import SystemClock
from footnote.platform.manifest import load_manifests
from footnote.quota.events import DailyUsage, Dispatcher
from footnote.stores.postgres.outbox import PostgresUsageRollup
from functions.notifier.batch import dispatch_batch
from local.aws.delivery import Delivery
from local.paths import REPOSITORY
from local.runtime.invocation import InvocationResult
from tests.support.edge import running_edge
from tests.support.events import usage
from tests.support.organizations import new_organization, open_database

QUEUE, DEAD = "events", "events-dead-letters"


@pytest.fixture
async def edge():
    async with running_edge() as edge:
        yield edge


class Notifier:
    """Stands for the runtime: hands each batch to the function's code."""

    def __init__(self, dispatcher):
        self._dispatcher = dispatcher
        self.deliveries = 0

    async def invoke(self, name, event):
        assert name == "notifier"
        self.deliveries += len(event["Records"])
        failed = await dispatch_batch(event["Records"], self._dispatcher, 20)
        items = [{"itemIdentifier": message_id} for message_id in failed]
        return InvocationResult(json.dumps({"batchItemFailures": items}).encode())


@pytest.fixture
async def notifier(migrated_database, edge):
    """Delivers at once and without pauses."""
    database = open_database(migrated_database)
    dispatcher = Dispatcher([DailyUsage(PostgresUsageRollup(database))], 8, SystemClock())
    notifier = Notifier(dispatcher)
    [manifest] = [one for one in load_manifests(REPOSITORY / "functions") if one.name == "notifier"]
    delivery = Delivery(edge.queues, manifest, notifier, retry_delays_s=(0.01,))
    delivery.start()
    yield notifier
    await delivery.stop()
    await database.close()


async def settled(edge, dead):
    """Returns when the queue is empty and so many are dead."""
    ends = time.monotonic() + 20
    while edge.queues.counts(QUEUE) != (0, 0) or sum(edge.queues.counts(DEAD)) != dead:
        assert time.monotonic() < ends, (edge.queues.counts(QUEUE), edge.queues.counts(DEAD))
        await asyncio.sleep(0.02)


async def test_only_what_cannot_be_taken_dies(migrated_database, edge, notifier, capsys):
    context = new_organization(migrated_database)
    good = [usage(context, number) for number in range(20)]
    changed = usage(context, 3, units=99)
    bodies = [*(event.to_message() for event in good), "nonsense"]
    await edge.queues.send(QUEUE, [(body, {}) for body in bodies])
    await settled(edge, dead=1)
    await edge.queues.send(QUEUE, [(changed.to_message(), {})])
    await settled(edge, dead=2)
    assert notifier.deliveries == 20 + 8 + 8
    assert {letter["body"] for letter in edge.queues.peek(DEAD)} == {"nonsense", changed.to_message()}
    assert capsys.readouterr().out.count('"event_mismatch":[1.0]') == 8
    with psycopg.connect(migrated_database.superuser_dsn) as connection:
        units = connection.execute("SELECT units FROM quota.usage_daily WHERE meter = 'messages'").fetchone()
    assert units == (20,)


async def test_an_organization_that_is_gone_leaves_no_dead_letters(migrated_database, edge, notifier):
    context = new_organization(migrated_database)
    gone = replace(usage(context, 1), organization_id=context.user_id)
    await edge.queues.send(QUEUE, [(gone.to_message(), {})])
    await settled(edge, dead=0)
    assert notifier.deliveries == 1
