"""What the tiers are to each other: which value goes where, what is promoted, what happens when one fails."""

import asyncio
import json
from dataclasses import dataclass
from uuid import uuid4

import pytest

from footnote.platform.caching import (
    EMBEDDING,
    RESPONSE,
    SEARCH,
    CacheKey,
    CacheStates,
    CacheStatistics,
    JsonCodec,
    Kind,
    Undecodable,
    access_of,
    digest,
    plan,
)
from footnote.platform.context import OrganizationContext
from tests.support.caching import CountingGenerations, DictTier, make_cache
from tests.support.clock import ManualClock

OTHER = Kind("feature", 1, 600)


@dataclass(frozen=True)
class Note:
    text: str


CODEC = JsonCodec(Note)


@pytest.fixture
def context():
    return OrganizationContext(uuid4())


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def redis():
    return DictTier()


@pytest.fixture
def store():
    return DictTier()


@pytest.fixture
def cache(clock, redis, store):
    return make_cache(clock, redis, store)


def key_of(context, kind, name="a"):
    return CacheKey(context.organization_id, kind.name, name)


def counted(cache, kind):
    return cache.statistics.snapshot().get(kind.name, {})


@pytest.mark.parametrize(
    ("kind", "size", "accesses", "expected"),
    [
        (EMBEDDING, 2_048, 0, (False, True, True, 86_400)),
        (EMBEDDING, 2_048, 99, (False, True, True, 86_400)),
        (RESPONSE, 10_239, 0, (True, True, False, 1_800)),
        (RESPONSE, 10_240, 0, (False, True, False, 1_800)),
        (SEARCH, 100, 10, (False, True, True, 900)),
        (SEARCH, 100_000, 0, (False, True, True, 900)),
        (SEARCH, 1_023, 11, (True, True, True, 3_600)),
        (RESPONSE, 1_023, 11, (True, True, True, 3_600)),
        (RESPONSE, 1_024, 11, (True, True, False, 1_800)),
        (OTHER, 5_119, 0, (True, True, True, 600)),
        (OTHER, 5_120, 0, (False, True, True, 600)),
        (OTHER, 102_400, 0, (False, True, False, 600)),
    ],
)
def test_the_rules_of_the_reference_document(kind, size, accesses, expected):
    chosen = plan(kind, size, accesses)
    assert (chosen.memory, chosen.redis, chosen.store, chosen.ttl_s) == expected
    assert chosen.store_ttl_s == 10 * chosen.ttl_s


async def test_a_response_is_in_memory_and_redis(cache, context, redis, store):
    key = key_of(context, RESPONSE)
    await cache.set(context, RESPONSE, key, Note("answer"), CODEC)
    assert [ttl for _, ttl in redis.entries.values()] == [1_800]
    assert store.entries == {}
    found = await cache.get(context, RESPONSE, key, CODEC)
    assert (found.value, found.tier) == (Note("answer"), "memory")


async def test_the_store_is_not_asked_for_what_it_never_holds(cache, context, store):
    key = key_of(context, RESPONSE)
    for _ in range(10):
        assert await cache.get(context, RESPONSE, key, CODEC) is None
    assert "store" not in counted(cache, RESPONSE)
    await cache.set(context, RESPONSE, key, Note("small"), CODEC)
    assert store.entries == {}
    cache.forget(context, RESPONSE.name)
    await cache.get(context, RESPONSE, key, CODEC)  # asked for more than ten times, and small
    await cache.set(context, RESPONSE, key, Note("small"), CODEC)
    assert len(store.entries) == 1


async def test_a_search_is_in_redis_and_ten_times_as_long_in_the_store(cache, context, redis, store):
    key = key_of(context, SEARCH)
    await cache.set(context, SEARCH, key, Note("passages"), CODEC)
    assert [ttl for _, ttl in redis.entries.values()] == [900]
    assert [ttl for _, ttl in store.entries.values()] == [9_000]
    assert (await cache.get(context, SEARCH, key, CODEC)).tier == "redis"


async def test_what_comes_from_the_store_goes_back_to_redis_for_a_while(cache, context, redis, store):
    key = key_of(context, SEARCH)
    await cache.set(context, SEARCH, key, Note("passages"), CODEC)
    redis.entries.clear()
    assert (await cache.get(context, SEARCH, key, CODEC)).tier == "store"
    assert [ttl for _, ttl in redis.entries.values()] == [300]
    assert (await cache.get(context, SEARCH, key, CODEC)).tier == "redis"


async def test_what_is_asked_for_often_and_small_comes_into_memory(cache, context):
    key = key_of(context, SEARCH)
    await cache.set(context, SEARCH, key, Note("passages"), CODEC)
    tiers = [(await cache.get(context, SEARCH, key, CODEC)).tier for _ in range(12)]
    assert tiers == ["redis"] * 11 + ["memory"]


async def test_a_tier_that_fails_is_done_without(cache, context, redis, store):
    key = key_of(context, SEARCH)
    redis.down = True
    await cache.set(context, SEARCH, key, Note("passages"), CODEC)
    assert (await cache.get(context, SEARCH, key, CODEC)).tier == "store"
    store.down = True
    assert await cache.get(context, SEARCH, key, CODEC) is None
    await cache.set(context, SEARCH, key, Note("passages"), CODEC)
    await cache.delete(context, key)
    assert counted(cache, SEARCH)["redis"]["unavailable"] == 6
    assert counted(cache, SEARCH)["store"]["unavailable"] == 3


@pytest.mark.parametrize("damaged", ["", "{", '{"other": 1}', '{"text": 1}', "\x00"])
async def test_what_cannot_be_read_is_a_miss_and_is_removed(cache, context, redis, store, damaged):
    key = key_of(context, SEARCH)
    await redis.set(context, key, damaged, 60)
    await store.set(context, key, damaged, 60)
    assert await cache.get(context, SEARCH, key, CODEC) is None
    assert redis.entries == store.entries == {}
    assert counted(cache, SEARCH)["redis"]["undecodable"] == 1


async def test_a_value_that_is_too_large_is_not_kept(clock, context, redis):
    cache = make_cache(clock, redis, max_value_bytes=50)
    await cache.set(context, SEARCH, key_of(context, SEARCH), Note("x" * 60), CODEC)
    assert redis.entries == {}


async def test_misses_at_the_same_time_are_computed_once(cache, context):
    computed = []
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def compute():
        computed.append(1)
        begun.set()
        await go_on.wait()
        return Note("made"), key_of(context, SEARCH)

    def ask():
        key = key_of(context, SEARCH)
        return asyncio.create_task(cache.get_or_compute(context, SEARCH, key, CODEC, compute))

    asked = [ask() for _ in range(20)]
    await begun.wait()
    asked[0].cancel()  # who began it leaves; the others still get it
    await asyncio.sleep(0)
    go_on.set()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert [one.value for one in found[1:]] == [Note("made")] * 19
    assert len(computed) == 1
    assert counted(cache, SEARCH)["none"]["stampede_waits"] == 19
    assert (await ask()).tier == "redis"


async def test_work_that_nobody_waits_for_any_more_ends(cache, context):
    begun, ended = asyncio.Event(), []

    async def compute():
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(1)

    key = key_of(context, SEARCH)
    asked = asyncio.create_task(cache.get_or_compute(context, SEARCH, key, CODEC, compute))
    await begun.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert ended == [1]


async def test_an_error_reaches_everyone_and_is_not_kept(cache, context):
    async def fail():
        await asyncio.sleep(0.01)
        raise ValueError("no")

    async def succeed():
        return Note("made"), None

    key = key_of(context, SEARCH)
    failed = await asyncio.gather(
        *(cache.get_or_compute(context, SEARCH, key, CODEC, fail) for _ in range(3)), return_exceptions=True
    )
    assert [type(error) for error in failed] == [ValueError] * 3
    assert (await cache.get_or_compute(context, SEARCH, key, CODEC, succeed)).value == Note("made")
    assert await cache.get(context, SEARCH, key, CODEC) is None  # it may not be kept


async def test_a_generation_ends_everything_of_its_kind_and_organization_at_once(cache, context, clock):
    generations = CountingGenerations()
    states = CacheStates(generations, cache, clock)
    stranger = OrganizationContext(uuid4())

    async def key(of, kind):
        state = await states.current(of)
        return CacheKey(of.organization_id, kind.name, "a", state.generation(kind.name))

    for of in (context, stranger):
        for kind in (RESPONSE, SEARCH):
            await cache.set(of, kind, await key(of, kind), Note("value"), CODEC)
    await states.invalidate(context, RESPONSE.name)
    assert await cache.get(context, RESPONSE, await key(context, RESPONSE), CODEC) is None
    assert await cache.get(context, SEARCH, await key(context, SEARCH), CODEC)
    assert await cache.get(stranger, RESPONSE, await key(stranger, RESPONSE), CODEC)


async def test_a_recent_state_is_read_once(cache, context, clock):
    generations = CountingGenerations()
    states = CacheStates(generations, cache, clock, keep_s=5)
    for _ in range(3):
        await states.recent(context)
    assert generations.reads == 1
    clock.advance(5)
    await states.recent(context)
    assert generations.reads == 2
    generations.down = True
    assert await states.current(context) is None


def test_a_digest_tells_parts_from_their_neighbours():
    assert digest({"a": "x", "b": "y"}) == digest({"b": "y", "a": "x"})
    different = [{"a": "x", "b": "y"}, {"a": "xy", "b": ""}, {"a": "x"}, {"a": ["x"], "b": "y"}, {"a": None}]
    assert len({digest(parts) for parts in different}) == len(different)


def test_access_is_role_and_permissions(context):
    def of(role, *permissions):
        return access_of(
            OrganizationContext(context.organization_id, None, role, permissions=frozenset(permissions))
        )

    assert of("member", "a", "b") == of("member", "b", "a")
    assert len({of("member", "a"), of("member", "b"), of("viewer", "a")}) == 3


def test_another_shape_has_another_fingerprint():
    @dataclass(frozen=True)
    class Longer:
        text: str
        more: int = 0

    assert JsonCodec(Longer).fingerprint != CODEC.fingerprint
    with pytest.raises(Undecodable):
        CODEC.decode('{"more": 1}')


def test_counters_are_told_as_cloudwatch_metrics(clock, capsys):
    statistics = CacheStatistics(clock, interval_s=60)
    statistics.count("search", "redis", "hits")
    clock.advance(60)
    statistics.count("search", "redis", "bytes", 100)
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["tier"], told["hits"], told["bytes"]) == ("search", "redis", [1.0], [100.0])
    assert told["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Footnote/Caches"
    statistics.tell()
    assert capsys.readouterr().out == ""
    assert statistics.snapshot() == {"search": {"redis": {"bytes": 100, "hits": 1}}}
