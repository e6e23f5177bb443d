"""Calls a rate limiter in a process of its own.

`python -m tests.support.rate_caller PORT LIMIT WINDOW_S CALLS_A_SECOND UNTIL ORGANIZATION`; `UNTIL` is of the
monotonic clock.

Writes a JSON list of all calls: the server's time before and after the script in microseconds, and
whether the call was admitted. `FOOTNOTE_TEST_PASSWORD` is Redis's password.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from redis.exceptions import NoScriptError

from footnote.platform.settings import RedisSettings
from footnote.quota.rates import Counter
from footnote.stores.redis.connection import RedisConnection
from footnote.stores.redis.rates import RedisRateLimiter
from footnote.stores.secrets.extension import StaticSecrets
from tests.support.redis import RedisServer

REPOSITORY = Path(__file__).resolve().parents[2]
PROCESSES = 4
_STARTING_S = 1.5


def connect(port: int, password: str, **options: Any) -> RedisConnection:
    """A connection that a busy test machine does not break."""
    settings = RedisSettings(port=port, password_secret="redis", connect_timeout_s=5, timeout_s=5)
    return RedisConnection(settings, StaticSecrets({"redis": password}), **options)


@dataclass(frozen=True)
class Call:
    """One call: it was decided between `before` and `after` (the server's microseconds)."""

    before: int
    after: int
    is_admitted: bool


class TimedLimiter(RedisRateLimiter):
    """Remembers the server's time on both sides of each script: nothing else runs in between."""

    calls: list[Call]

    async def _run(self, client: Any, keys: list[str], values: list[int]) -> list[int]:
        while True:
            async with client.pipeline(transaction=True) as transaction:
                transaction.time()
                transaction.evalsha(self._digest, len(keys), *keys, *values)
                transaction.time()
                before, answer, after = await transaction.execute(raise_on_error=False)
            if isinstance(answer, NoScriptError):
                await client.script_load(self._script)
                continue
            if isinstance(answer, Exception):
                raise answer
            self.calls.append(Call(_us(before), _us(after), answer[0] == 0))
            return list(answer)


def _us(moment: tuple[int, int]) -> int:
    return moment[0] * 1_000_000 + moment[1]


def four_processes(
    server: RedisServer, limit: int, window_s: int, *, calls_a_second: float, length_s: float
) -> list[Call]:
    """All calls of four processes under a steady load, in their order."""
    until, organization = time.monotonic() + length_s + _STARTING_S, str(uuid4())
    command = [sys.executable, "-m", "tests.support.rate_caller", str(server.port), str(limit), str(window_s)]
    command += [str(calls_a_second / PROCESSES), str(until), organization]
    environment = os.environ | {
        "FOOTNOTE_TEST_PASSWORD": server.password,
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "layers" / "core"), str(REPOSITORY)]),
    }
    running = [
        subprocess.Popen(command, env=environment, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        for _ in range(PROCESSES)
    ]
    found: list[Call] = []
    for process in running:
        output, _ = process.communicate(timeout=length_s + 60)
        mine = [Call(*fields) for fields in json.loads(output)] if process.returncode == 0 else []
        if not mine:
            raise RuntimeError("a process made no call")
        found += mine
    return sorted(found, key=lambda call: call.before)


def share_used(calls: list[Call], limit: int, window_s: int, windows: int) -> float:
    """How fast so many windows' worth of calls were admitted, beside an exact log of the same calls (1.0).

    Raises:
        ValueError: The calls were too few for an overload.
    """
    admitted = [call.before for call in calls if call.is_admitted]
    exact = _exact_log([call.before for call in calls], limit, window_s * 1_000_000)
    last = windows * limit
    if len(admitted) <= last:
        raise ValueError(f"{len(calls)} calls were too few for an overload")
    return (exact[last] - exact[0]) / (admitted[last] - admitted[0])


def _exact_log(times: list[int], limit: int, window_us: int) -> list[int]:
    """The times at which a log of all admitted calls would have admitted one."""
    held: deque[int] = deque()
    admitted = []
    for now in times:
        while held and held[0] <= now - window_us:
            held.popleft()
        if len(held) < limit:
            held.append(now)
            admitted.append(now)
    return admitted


async def _main() -> None:
    port, limit, window_s, rate, until, identity = sys.argv[1:]
    connection = connect(int(port), os.environ["FOOTNOTE_TEST_PASSWORD"])
    limiter = TimedLimiter(connection)
    limiter.calls = []
    counter = Counter(UUID(identity), "user", "steady", "chat", int(limit), int(window_s))
    pause_s, start = 1 / float(rate), time.monotonic()
    index = 0
    while time.monotonic() < float(until):
        await limiter.count([counter])
        index += 1
        await asyncio.sleep(max(0.0, start + index * pause_s - time.monotonic()))
    await connection.close()
    json.dump([[call.before, call.after, call.is_admitted] for call in limiter.calls], sys.stdout)


if __name__ == "__main__":
    asyncio.run(_main())
