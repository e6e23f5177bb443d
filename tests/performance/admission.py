"""What admission costs, and how many requests it admits.

    python -m tests.performance.admission [--seconds S] [--json OUT]

On a real PostgreSQL that writes through to the disk (fsync and synchronous_commit on), in the same run:

- one client: reserve and settle of a request, with the meters of a chat answer (eight windows);
- pairs of reserve and settle a second of one organization by 1, 16 and 48 clients in four processes, and of
  1,000 organizations by 16 clients, while their windows are made and afterwards; with one meter, and with
  those of a chat answer;
- beside them, with one meter, what is usually done, read the sum and add to it afterwards, and by how many it
  exceeds the limit; and a bare conditional UPDATE of one row, twice: no hold, no ledger, no event, no policy,
  and so a bound that nothing exact and repeatable can pass.

Run it on a quiet machine. Aims (reliability.md, 3.3): 300 pairs/s of one organization, 1,000/s spread.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.ids import new_id
from footnote.quota import HoldRequest, Meter, Reserved, Settlement, Used
from footnote.stores.postgres.database import Database
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.performance.figures import machine, milliseconds, percentile, rate, save, table, warn_if_busy
from tests.support.organizations import open_database
from tests.support.postgres import TestDatabase, running_cluster

DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "max_connections": "120"}
PROCESSES = 4
ORGANIZATIONS = 1_000
NAIVE_LIMIT = 300
ONE = {Meter.MESSAGES: 1}
CHAT = {
    Meter.MESSAGES: 1, Meter.INPUT_TOKENS: 3_000, Meter.OUTPUT_TOKENS: 800, Meter.EMBEDDING_TOKENS: 40,
    Meter.CONCURRENT_REQUESTS: 1, Meter.COST: 900,
}  # fmt: skip
CHAT_USED = (
    Used(Meter.MESSAGES, 1), Used(Meter.INPUT_TOKENS, 2_400, "a-model", 360),
    Used(Meter.OUTPUT_TOKENS, 350, "a-model", 210), Used(Meter.EMBEDDING_TOKENS, 12, "another-model", 1),
)  # fmt: skip
_BARE = """
    CREATE TABLE public.bare (id int PRIMARY KEY, lim bigint, committed bigint DEFAULT 0,
                              reserved bigint DEFAULT 0) WITH (fillfactor = 50);
    INSERT INTO public.bare VALUES (1, 1000000000), (2, {limit});
    GRANT USAGE ON SCHEMA public TO PUBLIC;
    GRANT ALL ON public.bare TO PUBLIC;
"""
_TAKE = "UPDATE public.bare SET reserved = reserved + 1 WHERE id = 1 AND committed + reserved + 1 <= lim"
_KEEP = "UPDATE public.bare SET reserved = reserved - 1, committed = committed + 1 WHERE id = 1"


@dataclass(frozen=True)
class Load:
    """What one process does.

    Attributes:
        kind: `ours`, `naive` or `bare`.
        seconds: How long; the naive one ends when it is refused.
    """

    kind: str
    contexts: tuple[OrganizationContext, ...]
    units: dict[Meter, int]
    used: tuple[Used, ...]
    clients: int
    seconds: float


@dataclass
class Times:
    """Seconds of each call, and how many pairs failed for want of a lock in time."""

    reserve: list[float]
    settle: list[float]
    failed: int = 0


async def _pair(store: PostgresQuotaStore, context: OrganizationContext, load: Load, times: Times) -> None:
    start = time.perf_counter()
    request = HoldRequest(new_id(), b"digest", "chat", load.units, 60)
    reserved = await store.reserve(context, request)
    assert isinstance(reserved, Reserved)
    between = time.perf_counter()
    await store.settle(context, Settlement(reserved.hold_id, reserved.attempt, load.used, 1))
    times.reserve.append(between - start)
    times.settle.append(time.perf_counter() - between)


async def _bare_pair(database: Database, times: Times) -> None:
    context = OrganizationContext(UUID(int=1))
    for statement, kept in ((_TAKE, times.reserve), (_KEEP, times.settle)):
        start = time.perf_counter()
        await database.tenant_call(context, statement, {})
        kept.append(time.perf_counter() - start)


async def _naive_pair(database: Database, times: Times) -> bool:
    """Reads first, works a moment, adds afterwards; false: the limit is reached."""
    context = OrganizationContext(UUID(int=1))
    start = time.perf_counter()
    async with database.tenant_tx(context) as cursor:
        await cursor.execute("SELECT committed < lim AS has_room FROM public.bare WHERE id = 2")
        row = await cursor.fetchone()
    if row is None or not row["has_room"]:
        return False
    times.reserve.append(time.perf_counter() - start)
    async with database.tenant_tx(context) as cursor:
        await cursor.execute("UPDATE public.bare SET committed = committed + 1 WHERE id = 2")
    return True


async def _client(database: Database, load: Load, times: Times) -> None:
    store = PostgresQuotaStore(database, "enterprise")
    chance = random.Random()
    end = time.perf_counter() + load.seconds
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "ours": lambda: _pair(store, chance.choice(load.contexts), load, times),
        "bare": lambda: _bare_pair(database, times),
        "naive": lambda: _naive_pair(database, times),
    }
    while time.perf_counter() < end:
        try:
            if await calls[load.kind]() is False:
                return
        except ServiceUnavailable:
            times.failed += 1


def _process(database: TestDatabase, load: Load, start: Any, results: Any) -> None:
    async def run() -> Times:
        times = Times([], [])
        connections = [open_database(database) for _ in range(load.clients)]
        for connection in connections:
            await connection.ping()
        start.wait()
        await asyncio.gather(*(_client(connection, load, times) for connection in connections))
        for connection in connections:
            await connection.close()
        return times

    results.send(asyncio.run(run()))


def run_load(database: TestDatabase, load: Load, clients: int) -> tuple[Times, float]:
    """Times of all clients, and pairs a second."""
    context = multiprocessing.get_context("spawn")
    processes = min(PROCESSES, clients)
    start = context.Barrier(processes)
    pipes, running = [], []
    for number in range(processes):
        share = clients // processes + (number < clients % processes)
        receives, sends = context.Pipe(duplex=False)
        part = Load(load.kind, load.contexts, load.units, load.used, share, load.seconds)
        process = context.Process(target=_process, args=(database, part, start, sends))
        process.start()
        pipes.append(receives)
        running.append(process)
    told = [pipe.recv() for pipe in pipes]
    for process in running:
        process.join()
    whole = Times(
        [one for times in told for one in times.reserve],
        [one for times in told for one in times.settle],
        sum(times.failed for times in told),
    )
    return whole, rate(len(whole.settle), load.seconds)


def _organizations(database: TestDatabase, count: int) -> tuple[OrganizationContext, ...]:
    ids = [new_id() for _ in range(count)]
    with psycopg.connect(database.superuser_dsn) as connection:
        connection.cursor().executemany(
            "INSERT INTO core.organizations (organization_id, name, storage_prefix) VALUES (%s, %s, %s)",
            [(one, f"Organization {one}", f"organizations/{one}/") for one in ids],
        )
    return tuple(OrganizationContext(one, new_id()) for one in ids)


def _column(times: Times, pairs: float) -> dict[str, str]:
    both = [sum(pair) for pair in zip(times.reserve, times.settle, strict=False)]
    shown = {"pairs/s": f"{pairs:,.0f}"}
    for name, values in (("reserve", times.reserve), ("settle", times.settle), ("both", both)):
        if values:
            three = [milliseconds(percentile(values, share)) for share in (0.5, 0.95, 0.99)]
            shown[f"{name} p50 / p95 / p99"] = " / ".join(three)
    return shown | {"failed (lock wait over 500 ms)": str(times.failed)}


def measure(database: TestDatabase, seconds: float) -> dict[str, dict[str, str]]:
    """All cases."""
    with psycopg.connect(database.superuser_dsn, autocommit=True) as connection:
        connection.execute(_BARE.format(limit=NAIVE_LIMIT).encode())
    hot = _organizations(database, 1)
    many = _organizations(database, ORGANIZATIONS)
    one_used = (Used(Meter.MESSAGES, 1),)
    columns: dict[str, dict[str, str]] = {}
    first, again = f"{ORGANIZATIONS:,} organizations, first use", f"{ORGANIZATIONS:,} organizations"
    one = "1 organization"
    cases = [(hot, 1, one), (hot, 16, one), (hot, 48, one), (many, 16, first), (many, 16, again)]
    for name, units, used in (("one meter", ONE, one_used), ("chat", CHAT, CHAT_USED)):
        for contexts, clients, where in cases:
            load = Load("ours", contexts, units, used, clients, seconds)
            times, pairs = run_load(database, load, clients)
            columns[f"{name}, {where}, {clients} clients"] = _column(times, pairs)
            print(f"{name}, {where}, {clients} clients: {pairs:,.0f} pairs/s", flush=True)
    for clients in (1, 16, 48):
        times, pairs = run_load(database, Load("bare", hot, ONE, one_used, clients, seconds), clients)
        columns[f"bare UPDATE, 1 row, {clients} clients"] = _column(times, pairs)
        print(f"bare UPDATE, {clients} clients: {pairs:,.0f} pairs/s", flush=True)
    return columns


def naive(database: TestDatabase) -> int:
    """How many more than the limit the naive check admits, by 16 clients."""
    hot = (OrganizationContext(new_id()),)
    run_load(database, Load("naive", hot, ONE, (), 16, 60.0), 16)
    with psycopg.connect(database.superuser_dsn) as connection:
        row = connection.execute("SELECT committed - lim FROM public.bare WHERE id = 2").fetchone()
    assert row is not None
    return int(row[0])


def main(arguments: Sequence[str]) -> int:
    """Measures, prints, writes."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--seconds", type=float, default=8.0, help="of each case (default: 8)")
    options.add_argument("--json", type=Path, help="write the figures here")
    chosen = options.parse_args(arguments)
    on = machine()
    warn_if_busy(on)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with running_cluster(Path(folder), DURABLE) as cluster, cluster.migrated_database() as database:
            columns = measure(database, chosen.seconds)
            over = naive(database)
    rows = dict.fromkeys(row for cells in columns.values() for row in cells)
    by_case = {row: {case: cells.get(row, "-") for case, cells in columns.items()} for row in rows}
    print(table("reserve + settle, fsync on", by_case))
    print(f"Read first, add afterwards (16 clients, limit {NAIVE_LIMIT}): {over} admitted beyond the limit.")
    save(chosen.json, {"machine": on, "cases": columns, "naive_over_limit": over})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
