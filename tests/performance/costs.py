"""How long reports of costs and usage take: `python -m tests.performance.costs [--rows 10000,1000000]`.

One organization with so many rows of the ledger in this month up to now, and as many in the one before; its
answers are in the history. What is measured is what the routes do, without HTTP.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import psycopg

from footnote.billing.costs import GROUPS, Costs
from footnote.billing.usage import DayRange
from footnote.platform.context import OrganizationContext
from footnote.stores.postgres.billing_usage import PostgresUsageStore
from footnote.stores.postgres.budgets import PostgresBudgets
from footnote.stores.postgres.costs import PostgresCosts
from tests.performance.figures import machine, table, warn_if_busy
from tests.support.ledgers import add_everything_up
from tests.support.organizations import new_organization, open_database
from tests.support.postgres import TestDatabase, running_cluster
from tests.support.quota import moved_clock

SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB"}
NOW = "2027-07-01 00:00+00"
FIRST, LAST = date(2027, 6, 1), date(2027, 6, 30)
_BATCH = 5_000
_REPEATS = 3
_LINES = (
    "('messages', '', 1, 0), ('input_tokens', 'large', 3000, 450), ('output_tokens', 'large', 400, 240),"
    " ('embedding_tokens', 'vectors', 60, 2), ('api_calls', '', 1, 0)"
)
# 100 members; one in ten questions is another feature's.
_FILL = f"""
INSERT INTO quota.usage_ledger (
    organization_id, hold_id, attempt, meter, model, user_id, feature, window_start, units, cost_micro_usd,
    at)
SELECT %(o)s, q.hold, 1, m.meter, m.model, q.u, q.feature, date_trunc('month', q.at, 'UTC'),
       m.units + q %% 7, CASE WHEN m.cost > 0 THEN m.cost + q %% 11 ELSE 0 END, q.at
  FROM (SELECT q, gen_random_uuid() AS hold, md5((q * 31 %% 100)::text)::uuid AS u,
               CASE WHEN q %% 10 = 0 THEN 'search' ELSE 'chat' END AS feature,
               timestamptz '2027-05-01 00:00+00' + (q * %(step_us)s) * interval '1 microsecond' AS at
          FROM generate_series(%(first)s::bigint, %(first)s::bigint + %(count)s - 1) q) q
  JOIN (VALUES {_LINES}) AS m (meter, model, units, cost) ON true
"""
_INTERNAL = """
INSERT INTO quota.cost_ledger (
    organization_id, hold_id, attempt, source, feature, window_start, cost_micro_usd, at)
SELECT organization_id, hold_id, 1, 'expired', feature, window_start, 90, at FROM quota.usage_ledger
 WHERE organization_id = %(o)s AND meter = 'messages' AND units = 3
"""
_SESSION = "INSERT INTO chat.sessions VALUES (%(o)s, %(s)s, %(u)s, 'title')"
_MESSAGES = """
INSERT INTO chat.messages (
    organization_id, session_id, position, message_id, user_id, actor, message, metadata, created_at)
SELECT organization_id, %(s)s, row_number() OVER (), gen_random_uuid(), %(u)s, 'assistant',
       repeat('answer ', 60),
       jsonb_build_object('cached', units = 3), at
  FROM quota.usage_ledger WHERE organization_id = %(o)s AND meter = 'messages' AND feature = 'chat'
"""


def fill(database: TestDatabase, rows: int) -> OrganizationContext:
    """An organization with so many rows in May and as many in June, beside another one of a quarter."""
    owner, other = new_organization(database), new_organization(database)
    questions = 2 * rows // 5
    count = min(_BATCH, questions)
    names: dict[str, Any] = {"step_us": 61 * 86_400_000_000 // questions, "count": count}
    with psycopg.connect(database.superuser_dsn, autocommit=True) as connection:
        binding = psycopg.ClientCursor(connection)
        for first in range(0, questions, count):
            binding.execute(_FILL, names | {"o": owner.organization_id, "first": first})
            if first // count % 4 == 0:
                binding.execute(_FILL, names | {"o": other.organization_id, "first": first})
        of_owner = {"o": owner.organization_id, "u": owner.user_id, "s": owner.organization_id}
        for statement in (_INTERNAL, _SESSION, _MESSAGES):
            binding.execute(statement, of_owner)
        binding.execute("VACUUM ANALYZE")
    return owner


async def measure(template: TestDatabase, rows: int, columns: dict[str, dict[str, str]]) -> None:
    """Medians of all reports, before the reconciler has added the ledger up, and afterwards."""
    owner = fill(template, rows)
    for what in ("before it is added up", "added up"):
        if what == "added up":
            await add_everything_up(template)
            with psycopg.connect(template.superuser_dsn, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")
        columns[f"{rows:,} rows a month, {what}"] = await _reports(template, owner)


async def _reports(template: TestDatabase, owner: OrganizationContext) -> dict[str, str]:
    """Medians of all reports."""
    database = open_database(template)
    costs = Costs(PostgresCosts(database), PostgresBudgets(database, "enterprise"))
    usage = PostgresUsageStore(database)
    month = DayRange(FIRST, LAST)
    calls: dict[str, Callable[[], Awaitable[object]]] = {}
    for group_by in GROUPS:
        calls[f"costs by {group_by}"] = lambda by=group_by: costs.analyse(owner, FIRST, LAST, by)
    for kind in ("day", "meter", "user", "model", "feature"):
        calls[f"usage by {kind}"] = lambda by=kind: usage.report(owner, month, by)
    calls["first page of the export"] = lambda: usage.export(owner, month, 5_000, None)
    figures = {}
    for name, call in calls.items():
        times = []
        for _ in range(_REPEATS):
            started = time.perf_counter()
            await call()
            times.append(time.perf_counter() - started)
        figures[name] = f"{1000 * sorted(times)[_REPEATS // 2]:,.0f} ms"
    await database.close()
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures on a cluster of its own."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--rows", default="10000,100000,1000000", help="of the month, and of that before")
    chosen = options.parse_args(arguments)
    warn_if_busy(machine())
    directory = Path(tempfile.mkdtemp(prefix="footnote-costs-"))
    directory.chmod(0o755)
    columns: dict[str, dict[str, str]] = {}
    try:
        with running_cluster(directory, SETTINGS) as cluster:
            for rows in map(int, chosen.rows.split(",")):
                with cluster.migrated_database() as database, moved_clock(database.superuser_dsn, NOW):
                    asyncio.run(measure(database, rows, columns))
    finally:
        shutil.rmtree(directory)
    print(table("report", columns))


if __name__ == "__main__":
    main()
