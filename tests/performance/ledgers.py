"""What reconciliation and the platform's costs take on big ledgers: `python -m tests.performance.ledgers`.

Questions of many organizations over a year, and documents, in the order of time; windows that agree with
them. Rounds of reconciliation (the first counts everything), the platform's totals, the costs of a month.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import shutil
import tempfile
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import psycopg

from footnote.platform.clock import SystemClock
from footnote.quota.reconciliation import Reconciler
from footnote.stores.postgres.outbox import PostgresMeteringJobs
from tests.performance.figures import machine, warn_if_busy
from tests.support.organizations import open_database
from tests.support.postgres import TestDatabase, running_cluster

# Shared buffers of a small server, and no more memory for one sort than it has by default.
SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB"}
_ROWS_OF_QUESTION = 5
_BATCH = 5_000
_ORGANIZATIONS = """
CREATE TABLE public.ours AS SELECT i, gen_random_uuid() AS o,
       ARRAY(SELECT gen_random_uuid() FROM generate_series(1, 5) m WHERE i IS NOT NULL) AS members
  FROM generate_series(0, %(organizations)s::int - 1) i;
CREATE UNIQUE INDEX ON public.ours (i);
INSERT INTO core.organizations (organization_id, name, storage_prefix)
SELECT o, 'Organization ' || i, 'organizations/' || o || '/' FROM public.ours
"""
# Every fiftieth is a document: two rows of levels; all others are questions.
_FILL = """
INSERT INTO quota.usage_ledger (
    organization_id, hold_id, attempt, meter, model, user_id, feature, window_start, units, cost_micro_usd,
    at)
SELECT p.o, gen_random_uuid(), CASE WHEN q %% 50 = 0 THEN 0 ELSE 1 END, m.meter, m.model, q.u, m.feature,
       CASE m.period WHEN 'level' THEN '1970-01-01 00:00+00' ELSE date_trunc(m.period, q.at, 'UTC') END,
       m.units + q %% 7, CASE WHEN m.cost > 0 THEN m.cost + q %% 11 ELSE 0 END, q.at
  FROM (SELECT q, o.o, o.members[1 + q / 2000 %% 5] AS u,
               %(since)s::timestamptz + (q * %(step_us)s) * interval '1 microsecond' AS at
          FROM generate_series(%(first)s::bigint, %(first)s::bigint + %(count)s - 1) q
          JOIN public.ours o ON o.i = (hashint8(q * 7919) & 1073741823) %% %(organizations)s::int) q
 CROSS JOIN LATERAL (SELECT q.o) p
  JOIN (VALUES ('messages', '', 'chat', 'month', 1, 0),
               ('input_tokens', 'large', 'chat', 'month', 3000, 450),
               ('output_tokens', 'large', 'chat', 'month', 400, 240),
               ('embedding_tokens', 'vectors', 'chat', 'month', 60, 2),
               ('api_calls', '', 'chat', 'day', 1, 0),
               ('documents', '', 'ingestion', 'level', 1, 0),
               ('storage_bytes', '', 'ingestion', 'level', 9000, 0))
       AS m (meter, model, feature, period, units, cost) ON (m.period = 'level') = (q %% 50 = 0)
"""
_WINDOWS = """
INSERT INTO quota.windows (organization_id, subject, meter, window_start, window_end, committed)
SELECT l.organization_id, s.subject, s.meter, l.window_start,
       CASE WHEN l.window_start < '1971-01-01' THEN '9999-12-31 00:00+00'
            WHEN l.meter = 'api_calls' THEN l.window_start + interval '1 day'
            ELSE l.window_start + interval '1 month' END, sum(s.units)
  FROM quota.usage_ledger l
 CROSS JOIN LATERAL (VALUES (l.organization_id, l.meter, l.units),
                            (l.user_id, l.meter, l.units), (l.organization_id, 'cost', l.cost_micro_usd),
                            (l.user_id, 'cost', l.cost_micro_usd)) AS s (subject, meter, units)
 WHERE (s.subject = l.organization_id OR s.meter IN ('messages', 'api_calls', 'cost') AND l.attempt > 0)
   AND (s.meter <> 'cost' OR l.cost_micro_usd > 0)
 GROUP BY 1, 2, 3, 4, 5;
INSERT INTO quota.platform_windows (window_start, shard, committed)
SELECT window_start, 0, sum(committed) FROM quota.windows
 WHERE meter = 'cost' AND subject = organization_id GROUP BY 1
"""
_SIZES = """
SELECT c.relname, pg_relation_size(c.oid) / 1e6 AS mb FROM pg_class c
 WHERE c.relnamespace = 'quota'::regnamespace AND c.relkind IN ('r', 'i') AND c.relname ~ %s
 ORDER BY c.relkind DESC, 2 DESC
"""
_COSTS = """
SELECT count(*), sum(billed) FROM metering.costs(%s, date_trunc('month', now(), 'UTC') - interval '1 month',
                                                 date_trunc('month', now(), 'UTC'))
"""


def fill(database: TestDatabase, rows: int, organizations: int, months: int) -> None:
    """Rows up to now, and their windows; in transactions of some thousand questions."""
    questions = rows // _ROWS_OF_QUESTION
    step_us = months * 30 * 86_400 * 1_000_000 // questions
    with psycopg.connect(database.superuser_dsn, autocommit=True) as connection:
        names = {"organizations": organizations, "step_us": step_us, "count": _BATCH}
        binding = psycopg.ClientCursor(connection)
        binding.execute(_ORGANIZATIONS, names)
        binding.execute("SELECT now() - %s * interval '30 days'", (months,))
        names["since"] = (binding.fetchone() or [None])[0]
        for first in range(0, questions - _BATCH + 1, _BATCH):
            binding.execute(_FILL, names | {"first": first})
        binding.execute(_WINDOWS)
        binding.execute("VACUUM ANALYZE")


async def measure(template: TestDatabase, rows: int, organizations: int, months: int) -> None:
    """Prints all figures."""
    started = time.perf_counter()
    fill(template, rows, organizations, months)
    tell(f"filled with {rows:,} rows of {organizations:,} organizations over {months} months", started)
    database = open_database(template, "footnote_jobs")
    jobs = PostgresMeteringJobs(database)
    for what in ("the first round", "the next round", "the round after it"):
        started = time.perf_counter()
        with redirect_stdout(io.StringIO()):  # the metrics
            found = await Reconciler(jobs, SystemClock()).reconcile(3600)
        tell(f"{what}: {found.windows:,} windows, {found.mismatches} differ", started)
    started = time.perf_counter()
    await jobs.platform()
    tell("the platform's totals", started)
    with psycopg.connect(template.dsn("footnote_jobs")) as connection:
        for group_by in ("organization", "model", "feature", "component"):
            started = time.perf_counter()
            connection.execute(_COSTS, (group_by,)).fetchone()
            tell(f"costs of a month by {group_by}", started)
    await database.close()
    with psycopg.connect(template.superuser_dsn) as connection:
        for name, size in connection.execute(_SIZES, ("^(usage_|member_days|windows|sums)",)):
            print(f"{size:9,.1f} MB  {name}")


def tell(what: str, started: float) -> None:
    """One figure."""
    print(f"{(time.perf_counter() - started) * 1000:9,.0f} ms  {what}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures on a cluster of its own."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--rows", type=int, default=3_000_000)
    options.add_argument("--organizations", type=int, default=2_000)
    options.add_argument("--months", type=int, default=12)
    chosen = options.parse_args(arguments)
    warn_if_busy(machine())
    directory = Path(tempfile.mkdtemp(prefix="footnote-ledgers-"))
    directory.chmod(0o755)
    try:
        with running_cluster(directory, SETTINGS) as cluster, cluster.migrated_database() as database:
            asyncio.run(measure(database, chosen.rows, chosen.organizations, chosen.months))
    finally:
        shutil.rmtree(directory)


if __name__ == "__main__":
    main()
