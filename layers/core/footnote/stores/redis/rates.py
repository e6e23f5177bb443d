"""Rate limits and blocks in Redis: one script, one round trip.

`t:{organization}:rate:{kind}:{id}:{class}:{window}` is a counter, `t:{organization}:block:{kind}:{id}` a
block, `p:rate:address:{address}:{class}:{window}` a counter of somebody who has not signed in. Counters end
with their window, blocks when they are over or every process has read them elsewhere. The time is the
server's. A script that ran twice, because its answer was lost, has counted its call twice: the caller gets
one call less, never one more.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING, Any
from uuid import UUID

from redis.exceptions import NoScriptError

from footnote.quota.rates import BUCKETS, Caller, Counter, Standing, Subject, Verdict, bucket_us
from footnote.stores.redis.connection import RedisConnection
from footnote.stores.redis.keys import organization_key, platform_key

if TYPE_CHECKING:
    from redis.asyncio import Redis

_SECOND_US = 1_000_000
_REFUSED, _BLOCKED = 1, 2


class RedisRateLimiter:
    """`footnote.quota.rates.RateLimiter` and `BlockCopies` on Redis.

    Args:
        redis: The connection.
    """

    def __init__(self, redis: RedisConnection) -> None:
        self._redis = redis
        self._script = resources.files("footnote.stores.redis").joinpath("rates.lua").read_text()
        self._digest = hashlib.sha1(self._script.encode(), usedforsecurity=False).hexdigest()

    async def count(self, counters: Sequence[Counter], caller: Caller | None = None) -> Verdict:
        """See `RateLimiter.count`."""
        blocks = [] if caller is None else [_block(caller.organization_id, one) for one in caller.subjects]
        keys = [*blocks, *map(_name, counters)]
        values: list[int] = [len(blocks), BUCKETS]
        for counter in counters:
            values += [counter.limit, bucket_us(counter.window_s)]
        return _verdict(counters, await self._redis.run(lambda client: self._run(client, keys, values)))

    async def put(self, organization_id: UUID, subject: Subject, until: datetime, keep_s: float) -> None:
        """See `BlockCopies.put`."""
        name, ends = _block(organization_id, subject), str(math.ceil(until.timestamp()))
        await self._redis.run(lambda client: client.set(name, ends, px=max(1, round(1_000 * keep_s))))

    async def remove(self, organization_id: UUID, subject: Subject) -> None:
        """See `BlockCopies.remove`."""
        name = _block(organization_id, subject)
        await self._redis.run(lambda client: client.delete(name))

    async def _run(self, client: Redis, keys: list[str], values: list[int]) -> list[int]:
        """By its digest; a server that has restarted or was flushed is told the script again."""
        arguments: list[Any] = [*keys, *values]
        try:
            answer = await client.evalsha(self._digest, len(keys), *arguments)
        except NoScriptError:
            answer = await client.eval(self._script, len(keys), *arguments)
        return [int(figure) for figure in answer]


def _verdict(counters: Sequence[Counter], answer: list[int]) -> Verdict:
    outcome, *figures = answer
    if outcome == _BLOCKED:
        return Verdict(blocked_until=datetime.fromtimestamp(figures[0], UTC))
    taken = 0 if outcome == _REFUSED else 1
    rooms, waits = figures[::2], figures[1::2]
    standings = tuple(
        Standing(counter.limit, counter.window_s, max(0, room - taken), max(0, wait) / _SECOND_US)
        for counter, room, wait in zip(counters, rooms, waits, strict=True)
    )
    refused = tuple(index for index, room in enumerate(rooms) if room < 1)
    return Verdict(standings, refused)


def _name(counter: Counter) -> str:
    parts = (counter.kind, counter.name, counter.rate_class, str(counter.window_s))
    if counter.organization_id is None:
        return platform_key("rate", *parts)
    return organization_key(counter.organization_id, "rate", *parts)


def _block(organization_id: UUID, subject: Subject) -> str:
    return organization_key(organization_id, "block", subject.kind, subject.id)
