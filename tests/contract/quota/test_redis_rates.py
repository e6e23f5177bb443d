"""Rate limits and blocks on a real Redis: exact in one process and in four, with it and without it."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.settings import RateSettings, RedisSettings
from footnote.quota.errors import Blocked, RateLimited
from footnote.quota.rates import (
    BUCKETS,
    Caller,
    Counter,
    KeptTerms,
    LocalLimiter,
    Rates,
    RateTerms,
    SlidingWindow,
    Subject,
    bucket_us,
)
from footnote.stores.redis.connection import RedisConnection
from footnote.stores.redis.rates import RedisRateLimiter
from footnote.stores.secrets.extension import StaticSecrets
from tests.support.clock import ManualClock
from tests.support.rate_caller import connect, four_processes, share_used


@pytest.fixture
async def redis(redis_server):
    connection = connect(redis_server.port, redis_server.password)
    yield connection
    await connection.close()


@pytest.fixture
def limiter(redis):
    return RedisRateLimiter(redis)


def counter(limit, name="a", window_s=60, organization=None):
    return Counter(organization or uuid4(), "user", name, "chat", limit, window_s)


async def test_calls_are_counted_and_refused(limiter):
    one = counter(3)
    found = [await limiter.count([one]) for _ in range(5)]
    assert [verdict.standings[0].remaining for verdict in found] == [2, 1, 0, 0, 0]
    assert [verdict.refused for verdict in found] == [(), (), (), (0,), (0,)]
    assert all(59 < verdict.standings[0].reset_s <= 60.5 for verdict in found)
    assert (await limiter.count([counter(3)])).standings[0].remaining == 2


async def test_nothing_is_counted_where_one_counter_refuses(limiter):
    organization = uuid4()
    wide, narrow = counter(10, "wide", organization=organization), counter(1, "b", organization=organization)
    assert (await limiter.count([wide, narrow])).refused == ()
    second = await limiter.count([wide, narrow])
    assert second.refused == (1,)
    assert [one.remaining for one in second.standings] == [9, 0]
    assert (await limiter.count([wide])).standings[0].remaining == 8


async def test_a_limit_of_zero_admits_nothing_and_a_lowered_one_waits(limiter):
    organization = uuid4()
    assert (await limiter.count([counter(0)])).refused == (0,)
    for _ in range(5):
        await limiter.count([counter(5, organization=organization)])
    verdict = await limiter.count([counter(2, organization=organization)])
    assert verdict.refused == (0,)
    assert verdict.standings[0].remaining == 0


async def test_a_window_slides_by_the_time_of_the_server(limiter):
    one = counter(2, window_s=1)
    assert [(await limiter.count([one])).refused for _ in range(3)] == [(), (), (0,)]
    refused = await limiter.count([one])
    await asyncio.sleep(refused.standings[0].reset_s + 0.002)
    assert (await limiter.count([one])).refused == ()


async def test_keys_begin_with_the_organization_or_the_platform_and_end_by_themselves(redis, limiter):
    one = counter(3, window_s=1)
    await limiter.count([one])
    await limiter.count([Counter(None, "address", "203.0.113.9", "address", 60, 1)])
    keys = await redis.run(lambda client: client.keys("*"))
    assert f"t:{one.organization_id}:rate:user:a:chat:1" in keys
    assert "p:rate:address:203.0.113.9:address:1" in keys
    await asyncio.sleep(1.1)
    left = await redis.run(lambda client: client.keys("*:1"))
    assert left == []


async def test_memory_does_not_grow_with_the_calls(redis, limiter):
    one = counter(10**6, window_s=1)
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        await limiter.count([one])
    length = await redis.run(lambda client: client.llen(f"t:{one.organization_id}:rate:user:a:chat:1"))
    assert 50 < length <= BUCKETS + 2


async def test_a_block_refuses_at_once_counts_nothing_and_ends(limiter):
    organization, user, key = uuid4(), uuid4(), uuid4()
    one = counter(5, organization=organization)
    caller = Caller(organization, user, key)
    until = datetime.now(UTC) + timedelta(hours=1)
    for subject in (Subject("user", user), Subject("key", key), Subject("organization", organization)):
        await limiter.put(organization, subject, until, 60)
        verdict = await limiter.count([one], caller)
        assert abs((verdict.blocked_until - until).total_seconds()) <= 1
        assert (await limiter.count([one], Caller(uuid4(), user, key))).blocked_until is None
        await limiter.remove(organization, subject)
    assert (await limiter.count([one], caller)).blocked_until is None
    await limiter.put(organization, Subject("user", user), datetime.now(UTC) + timedelta(seconds=1), 60)
    assert (await limiter.count([one], caller)).blocked_until is not None
    await asyncio.sleep(2.1)
    assert (await limiter.count([one], caller)).blocked_until is None


async def test_a_copy_of_a_block_ends_by_itself(limiter):
    """One that could not be removed must not hold on to somebody whose block was lifted."""
    organization, user = uuid4(), uuid4()
    one, caller = counter(5, organization=organization), Caller(organization, user)
    until = datetime.now(UTC) + timedelta(days=365)
    await limiter.put(organization, Subject("user", user), until, 0.3)
    assert (await limiter.count([one], caller)).blocked_until is not None
    await asyncio.sleep(0.4)
    assert (await limiter.count([one], caller)).blocked_until is None


async def test_a_server_that_forgot_the_script_is_told_it_again(redis, limiter):
    one = counter(5)
    await limiter.count([one])
    await redis.run(lambda client: client.script_flush())
    assert (await limiter.count([one])).standings[0].remaining == 3
    await redis.run(lambda client: client.flushall())
    assert (await limiter.count([one])).standings[0].remaining == 4


async def test_one_round_trip(redis, limiter):
    organization = uuid4()
    counters = [counter(5, name, organization=organization) for name in ("a", "b")]
    await limiter.count(counters, Caller(organization, uuid4()))

    async def calls(client):
        return (await client.info("commandstats")).get("cmdstat_evalsha", {}).get("calls", 0)

    before = await redis.run(calls)
    await limiter.count(counters, Caller(organization, uuid4()))
    assert await redis.run(calls) == before + 1


async def test_a_lost_answer_costs_a_call_and_gives_none(redis, limiter):
    """What runs twice after a broken connection is counted twice: never more than the limit."""
    one = counter(4)
    keys = [f"t:{one.organization_id}:rate:user:a:chat:60"]
    values = [0, BUCKETS, 4, bucket_us(60)]
    for _ in range(2):
        await redis.run(lambda client: limiter._run(client, keys, values))
    assert (await limiter.count([one])).standings[0].remaining == 1


# The script against the model -----------------------------------------------------------------------------


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limits=st.lists(st.integers(0, 6), min_size=1, max_size=3),
    gaps=st.lists(
        st.one_of(st.integers(0, 2_000_000), st.integers(0, 130_000_000), st.integers(-3_000_000, 0)),
        min_size=1,
        max_size=60,
    ),
)
async def test_the_script_answers_as_the_model(redis_server, limits, gaps):
    """With a time that the test sets. The model itself is held against an exact log by unit tests."""
    connection = connect(redis_server.port, redis_server.password)
    limiter = RedisRateLimiter(connection)
    script = limiter._script.replace("redis.call('TIME')", "{ARGV[#ARGV - 1], ARGV[#ARGV]}")
    assert script != limiter._script
    keys = [f"model:{uuid4()}" for _ in limits]
    windows = [SlidingWindow(60) for _ in limits]
    now = 1_700_000_000_000_000
    for gap in gaps:
        now += gap
        values = [0, BUCKETS]
        for limit in limits:
            values += [limit, bucket_us(60)]
        values += [now // 1_000_000, now % 1_000_000]
        answer = await connection.run(lambda client: client.eval(script, len(keys), *keys, *values))  # noqa: B023
        rooms = [window.room(now, limit) for window, limit in zip(windows, limits, strict=True)]
        refused = any(room < 1 for room in rooms)
        assert answer[0] == int(refused)
        assert answer[1::2] == rooms
        if not refused:
            for window in windows:
                window.add(now)
        for wait, window, limit in zip(answer[2::2], windows, limits, strict=True):
            expected = window.wait_s(now, limit) * 1_000_000
            assert limit == 0 or abs(wait - expected) < 1
    await connection.close()


# Four processes -------------------------------------------------------------------------------------------


@pytest.mark.timeout(180)
def test_four_processes_stay_within_one_percent_of_the_limit_and_never_above_it(redis_server):
    limit, window_s, windows = 1_000, 3, 4
    length_s = window_s * windows + 2
    calls = four_processes(redis_server, limit, window_s, calls_a_second=1_200, length_s=length_s)
    admitted = [call for call in calls if call.is_admitted]

    # No window holds more: a call and the one `limit` places later are at least a window apart.
    for earlier, later in zip(admitted, admitted[limit:], strict=False):
        assert later.after - earlier.before >= window_s * 1_000_000

    # And the limit is used: an exact log of the same calls would have been faster by 1 % at most.
    assert 0.99 <= share_used(calls, limit, window_s, windows) <= 1.01


# With and without Redis -----------------------------------------------------------------------------------


class NoTerms:
    async def rate_terms(self, context):
        return RateTerms()


def rates_on(connection, clock, per_minute):
    return Rates(
        RateSettings(chat_per_minute=per_minute),
        RedisRateLimiter(connection),
        LocalLimiter(clock),
        KeptTerms(NoTerms(), clock, keep_s=10),
        clock,
    )


async def admitted_by(rates, context, calls):
    count = 0
    for _ in range(calls):
        try:
            await rates.allow(context, "chat")
            count += 1
        except RateLimited:
            continue
    return count


async def test_limits_hold_coarsely_while_redis_is_stopped_and_exactly_afterwards(redis_server):
    clock = ManualClock()
    fast = RedisSettings(port=redis_server.port, password_secret="redis", timeout_s=5)
    connection = RedisConnection(fast, StaticSecrets({"redis": redis_server.password}), clock)
    rates, context = rates_on(connection, clock, 5), OrganizationContext(uuid4(), uuid4())
    assert await admitted_by(rates, context, 3) == 3
    redis_server.stop()
    try:
        assert await admitted_by(rates, context, 30) == 5
    finally:
        redis_server.start()
    clock.advance(6)  # the breaker tries again
    # Redis has kept the first three calls on its disk, and forgotten the script.
    assert await admitted_by(rates, context, 30) == 2
    await connection.close()


async def test_a_flush_in_between_admits_one_more_limit_at_most(redis):
    clock = ManualClock()
    rates, context = rates_on(redis, clock, 5), OrganizationContext(uuid4(), uuid4())
    assert await admitted_by(rates, context, 10) == 5
    await redis.run(lambda client: client.flushall())
    assert await admitted_by(rates, context, 10) == 5


async def test_blocks_are_told_with_their_end(redis):
    clock = ManualClock()
    rates, context = rates_on(redis, clock, 5), OrganizationContext(uuid4(), uuid4())
    until = (datetime.now(UTC) + timedelta(minutes=5)).replace(microsecond=0)
    await RedisRateLimiter(redis).put(context.organization_id, Subject("user", context.user_id), until, 60)
    with pytest.raises(Blocked) as error:
        await rates.allow(context, "chat")
    assert error.value.details == {"blocked_until": until.isoformat().replace("+00:00", "Z")}


async def test_without_redis_a_count_is_refused_to_the_caller_of_the_store(redis_server):
    clock = ManualClock()
    nowhere = RedisSettings(port=1, password_secret="redis")
    connection = RedisConnection(nowhere, StaticSecrets({"redis": redis_server.password}), clock)
    with pytest.raises(ServiceUnavailable):
        await RedisRateLimiter(connection).count([counter(1)])
