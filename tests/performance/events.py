"""How fast events are relayed, consumed and reconciled: `python -m tests.performance.events`.

One relay and one notifier in this process, a real PostgreSQL, and the local stack's queue over HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from pathlib import Path

import psycopg

from footnote.platform.clock import SystemClock
from footnote.platform.settings import PostgresSettings, Settings
from footnote.quota.reconciliation import Reconciler
from footnote.stores.postgres.outbox import PostgresMeteringJobs
from functions.notifier.batch import dispatch_batch
from tests.support.edge import RunningEdge, running_edge
from tests.support.event_worker import event_container
from tests.support.organizations import new_organization, open_database
from tests.support.postgres import TestDatabase, running_cluster

_FILL = """
INSERT INTO quota.outbox (organization_id, event_id, topic, payload)
SELECT %s, format('usage:%%s:1', n), 'usage.recorded',
       jsonb_build_object('hold_id', n, 'feature', 'chat', 'at', now(), 'lines', jsonb_build_array(
           jsonb_build_object('meter', 'messages', 'model', '', 'units', 1, 'cost_micro_usd', 0),
           jsonb_build_object('meter', 'input_tokens', 'model', 'm', 'units', 900, 'cost_micro_usd', 45)))
  FROM generate_series(1, %s) n
"""
_ORGANIZATIONS = """
INSERT INTO core.organizations (organization_id, name, storage_prefix)
SELECT id::uuid, id, 'organizations/' || id || '/'
  FROM (SELECT gen_random_uuid()::text AS id FROM generate_series(1, %s)) ids
"""
_LEDGER = """
INSERT INTO quota.usage_ledger (organization_id, hold_id, attempt, meter, feature, window_start, units)
SELECT organization_id, gen_random_uuid(), 1, meter, 'chat', date_trunc('month', now(), 'UTC'), 1
  FROM core.organizations, unnest('{messages,input_tokens,output_tokens,compute_ms}'::text[]) meter,
       generate_series(1, %s)
"""
_WINDOWS = """
INSERT INTO quota.windows (organization_id, subject, meter, window_start, window_end, committed)
SELECT organization_id, organization_id, meter, window_start, window_start + interval '1 month', sum(units)
  FROM quota.usage_ledger GROUP BY 1, 2, 3, 4
"""


def container(database: TestDatabase, edge: RunningEdge, role: str, function: str):
    """A process of one of the functions."""
    os.environ.update(edge.credentials(function))
    os.environ["FOOTNOTE_TEST_PASSWORD"] = database.passwords[role]
    postgres = PostgresSettings(
        host=database.host, port=database.port, database=database.name, user=role, password_secret="password"
    )
    return event_container(Settings(environment="test", postgres=postgres, events=edge.events()))


async def relay_and_consume(database: TestDatabase, sql: psycopg.Connection, events: int) -> None:
    """Prints events a second of both."""
    async with running_edge() as edge:
        for _ in range(4):
            sql.execute(_FILL, (new_organization(database).organization_id, events // 4))
        relay = container(database, edge, "footnote_jobs", "metering")
        started = time.perf_counter()
        done = await relay.metering_sweep.sweep(600)
        print(f"relayed   {done['events_sent'] / (time.perf_counter() - started):8.0f} events/s")
        await relay.database.close()
        notifier = container(database, edge, "footnote_app", "notifier")
        started, consumed = time.perf_counter(), 0
        while messages := await edge.queues.receive("events", 10):
            records = [{"messageId": one.message_id, "body": one.body} for one in messages]
            assert await dispatch_batch(records, notifier.dispatcher, 60) == []
            await edge.queues.delete("events", [one.receipt for one in messages])
            consumed += len(messages)
        print(f"consumed  {consumed / (time.perf_counter() - started):8.0f} events/s")
        await notifier.database.close()


async def reconcile(database: TestDatabase, sql: psycopg.Connection, organizations: int, rows: int) -> None:
    """Prints how long a round over many organizations takes."""
    sql.execute(_ORGANIZATIONS, (organizations,))
    sql.execute(_LEDGER, (rows,))
    sql.execute(_WINDOWS)
    sql.execute("ANALYZE")
    jobs = open_database(database, "footnote_jobs")
    started = time.perf_counter()
    findings = await Reconciler(PostgresMeteringJobs(jobs), SystemClock()).reconcile(600)
    assert findings.mismatches == 0
    print(
        f"compared  {findings.organizations} organizations, {findings.windows} windows,"
        f" {4 * rows * findings.organizations} ledger rows in {time.perf_counter() - started:.2f} s"
    )
    await jobs.close()


async def main(events: int, organizations: int, rows: int) -> None:
    """Runs both, each on a database of its own."""
    directory = Path(tempfile.mkdtemp(prefix="footnote-events-"))
    directory.chmod(0o755)
    try:
        with running_cluster(directory, {"fsync": "on", "synchronous_commit": "on"}) as cluster:
            with cluster.migrated_database() as database, _superuser(database) as sql:
                await relay_and_consume(database, sql, events)
            with cluster.migrated_database() as database, _superuser(database) as sql:
                await reconcile(database, sql, organizations, rows)
    finally:
        shutil.rmtree(directory)


def _superuser(database: TestDatabase) -> psycopg.Connection:
    return psycopg.connect(database.superuser_dsn, autocommit=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=4_000)
    parser.add_argument("--organizations", type=int, default=5_000)
    parser.add_argument("--rows", type=int, default=50, help="ledger rows per organization and meter")
    options = parser.parse_args()
    asyncio.run(main(options.events, options.organizations, options.rows))
