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
import sys
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from redis.exceptions import NoScriptError

from footnote.platform.settings import RedisSettings
from footnote.quota.rates import Counter
from footnote.stores.redis.connection import RedisConnection
from footnote.stores.redis.rates import RedisRateLimiter
from footnote.stores.secrets.extension import StaticSecrets


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
