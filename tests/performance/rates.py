"""What a rate limit costs, and how exact it is.

    python -m tests.performance.rates [--seconds S] [--json OUT]

On a real Redis, in the same run:

- one check after the other: Footnote's, with its block list, for limits of 100, 10,000 and 1,000,000; beside
  it the sorted set of section 6.5 of the reference document, as it is written there (up to four round trips)
  and as one script;
- checks a second of 16 clients in one process, all of one caller;
- what a full counter takes in memory: of the sorted set with all calls that it allows, of Footnote's with
  calls in each of its buckets, however many;
- how many calls of 64 concurrent ones the sorted set admits above a limit of 50, for it reads before it adds;
- four processes under a steady overload: the most calls in any window, and the share of the limit used.

And in simulated time, for traffic that is steady, in bursts, and made to hurt: the most calls that fixed
windows, two weighted windows and Footnote's admit in any 60 seconds, and how many they admit in all beside an
exact log.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from footnote.quota.rates import Caller, Counter
from footnote.stores.redis.rates import RedisRateLimiter
from tests.performance.figures import machine, percentile, rate, save, table, warn_if_busy
from tests.performance.rate_methods import FixedWindow, Footnote, Log, TwoWindows, most_in_any_window, traffic
from tests.support.rate_caller import connect, four_processes, share_used
from tests.support.redis import RedisServer, running_redis

LIMITS = (100, 10_000, 1_000_000)
LOG_LIMITS = (100, 10_000)
WINDOW_S = 60
CLIENTS = 16
LIMIT = 100
_LOG_SCRIPT = """
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, now - ARGV[2])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[1]) then return 0 end
redis.call('ZADD', KEYS[1], now, ARGV[3])
redis.call('PEXPIRE', KEYS[1], math.ceil(ARGV[2] / 1000))
return 1
"""

Check = Callable[[], Awaitable[bool]]


def footnote(connection: Any, limit: int, window_s: int = WINDOW_S) -> tuple[Check, str]:
    """Footnote's check, and its counter's key."""
    organization, user = uuid4(), uuid4()
    limiter, caller = RedisRateLimiter(connection), Caller(organization, user)
    counter = Counter(organization, "user", str(user), "chat", limit, window_s)

    async def check() -> bool:
        return not (await limiter.count([counter], caller)).refused

    return check, f"t:{organization}:rate:user:{user}:chat:{window_s}"


def as_written(connection: Any, limit: int) -> tuple[Check, str]:
    """Section 6.5, command by command."""
    key = f"rate:window:{uuid4()}"

    async def check() -> bool:
        now = time.time()
        await connection.run(lambda client: client.zremrangebyscore(key, 0, now - WINDOW_S))
        if await connection.run(lambda client: client.zcard(key)) >= limit:
            return False
        await connection.run(lambda client: client.zadd(key, {str(uuid4()): now}))
        await connection.run(lambda client: client.expire(key, WINDOW_S + 1))
        return True

    return check, key


def as_script(connection: Any, limit: int) -> tuple[Check, str]:
    """Section 6.5 in one script."""
    key, scripts = f"rate:window:{uuid4()}", []

    async def check() -> bool:
        if not scripts:
            scripts.append(await connection.run(lambda client: client.script_load(_LOG_SCRIPT)))
        values = (key, limit, WINDOW_S * 1_000_000, str(uuid4()))
        return bool(await connection.run(lambda client: client.evalsha(scripts[0], 1, *values)))

    return check, key


METHODS = {"footnote": footnote, "sorted set, as written": as_written, "sorted set, one script": as_script}


async def one_by_one(check: Check, seconds: float) -> dict[str, float]:
    """Checks one after the other for so long."""
    for _ in range(20):
        await check()
    took, start = [], time.perf_counter()
    while (began := time.perf_counter()) - start < seconds:
        await check()
        took.append(time.perf_counter() - began)
    return {
        "p50_s": percentile(took, 0.5),
        "p95_s": percentile(took, 0.95),
        "checks_per_s": rate(len(took), time.perf_counter() - start),
    }


async def at_once(check: Check, seconds: float) -> float:
    """Checks a second of several clients."""
    start, done = time.perf_counter(), 0

    async def client() -> None:
        nonlocal done
        while time.perf_counter() - start < seconds:
            await check()
            done += 1

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return rate(done, time.perf_counter() - start)


async def fill(check: Check, limit: int) -> None:
    """Makes all calls that the limit allows."""
    for _ in range(limit):
        await check()


async def most_memory(connection: Any, limit: int) -> int:
    """What Footnote's counter takes at its longest: calls in each bucket of a window, here of a second."""
    check, key = footnote(connection, max(limit, 10_000), window_s=1)
    most, end = 0, time.perf_counter() + 1.2
    while time.perf_counter() < end:
        await check()
        most = max(most, await connection.run(lambda client: client.memory_usage(key)))
    return most


async def costs(server: RedisServer, seconds: float) -> dict[str, dict[str, float]]:
    """By method and limit; limits up to 10,000 are reached first."""
    found: dict[str, dict[str, float]] = {}
    for name, method in METHODS.items():
        for limit in LIMITS if name == "footnote" else LOG_LIMITS:
            connection = connect(server.port, server.password)
            check, key = method(connection, limit)
            figures = await one_by_one(check, seconds)
            if limit in LOG_LIMITS:
                await fill(check, limit)
            if name == "footnote":
                figures["memory_bytes"] = await most_memory(connection, limit)
            else:
                figures["memory_bytes"] = await connection.run(lambda client: client.memory_usage(key))  # noqa: B023
            figures["at_once_per_s"] = await at_once(method(connection, limit)[0], seconds)
            found[f"{name}, limit {limit:,}"] = figures
            await connection.close()
    return found


async def raced(server: RedisServer, limit: int = 50, calls: int = 64) -> dict[str, int]:
    """How many of so many calls at once are admitted."""
    found = {}
    for name, method in METHODS.items():
        connection = connect(server.port, server.password)
        check, _ = method(connection, limit)
        found[name] = sum(await asyncio.gather(*(check() for _ in range(calls))))
        await connection.close()
    return found


def simulated() -> dict[str, dict[str, dict[str, float]]]:
    """By traffic and method: the most calls in any window, and the share of what an exact log admits."""
    found: dict[str, dict[str, dict[str, float]]] = {}
    for kind, times in traffic(LIMIT, WINDOW_S).items():
        exact = len(Log(LIMIT, WINDOW_S).admitted(times))
        found[kind] = {}
        for method in (FixedWindow, TwoWindows, Footnote):
            admitted = method(LIMIT, WINDOW_S).admitted(times)
            found[kind][method.name] = {
                "most_in_any_window": most_in_any_window(admitted, WINDOW_S),
                "share_of_exact": len(admitted) / exact,
            }
    return found


def processes(server: RedisServer) -> dict[str, float]:
    """Four processes ask for three times the limit."""
    limit, window_s, windows = 1_000, 3, 4
    calls = four_processes(server, limit, window_s, calls_a_second=1_200, length_s=window_s * windows + 2)
    admitted = [call for call in calls if call.is_admitted]
    return {
        "calls": len(calls),
        "admitted": len(admitted),
        "most_in_any_window": most_in_any_window([call.before / 1e6 for call in admitted], window_s),
        "limit": limit,
        "share_used": share_used(calls, limit, window_s, windows),
    }


def report(figures: dict[str, Any]) -> str:
    """The figures as tables."""
    cost = {
        name: {
            "p50": f"{1000 * row['p50_s']:.2f} ms",
            "p95": f"{1000 * row['p95_s']:.2f} ms",
            "checks/s": f"{row['checks_per_s']:,.0f}",
            f"checks/s, {CLIENTS} at once": f"{row['at_once_per_s']:,.0f}",
            "memory": f"{row['memory_bytes']:,} B",
        }
        for name, row in figures["costs"].items()
    }
    exactness = {
        f"{kind}: {name}": {
            f"most in any {WINDOW_S} s (limit {LIMIT})": f"{row['most_in_any_window']}",
            "admitted beside an exact log": f"{row['share_of_exact']:.2%}",
        }
        for kind, methods in figures["simulated"].items()
        for name, row in methods.items()
    }
    four = figures["processes"]
    race = f"64 calls at once, limit 50, admitted: {figures['raced']}"
    pace = (
        f"four processes, {four['calls']:,.0f} calls: at most {four['most_in_any_window']:,.0f} in any window"
        f" (limit {four['limit']:,.0f}); {four['share_used']:.2%} of the pace of an exact log"
    )
    lines = [table("", _turned(cost)), table("", _turned(exactness)), race, pace]
    return "\n\n".join(lines)


def _turned(rows: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    return {name: {title: row[name] for title, row in rows.items()} for name in names}


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--seconds", type=float, default=3.0, help="length of each measurement")
    options.add_argument("--json", type=Path, metavar="OUT", help="write all figures there")
    chosen = options.parse_args(arguments)
    found = machine()
    warn_if_busy(found)
    with tempfile.TemporaryDirectory(prefix="footnote-rates-") as folder:
        Path(folder).chmod(0o755)
        with running_redis(Path(folder)) as server:
            figures = {
                "machine": found,
                "costs": asyncio.run(costs(server, chosen.seconds)),
                "raced": asyncio.run(raced(server)),
                "processes": processes(server),
                "simulated": simulated(),
            }
    print(report(figures))
    if chosen.json:
        save(chosen.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
