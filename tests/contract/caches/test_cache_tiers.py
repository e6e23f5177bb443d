"""What every tier beyond memory promises, on a real Redis and a real PostgreSQL."""

import asyncio
import os
import signal
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from footnote.chat.caching import CachedQuestion
from footnote.platform.caching import SEARCH, CacheKey, CacheStates, JsonCodec
from footnote.platform.errors import ServiceUnavailable, TenantLeak
from footnote.platform.settings import RedisSettings
from footnote.stores.postgres.cache import PostgresCacheTier, PostgresGenerations
from footnote.stores.postgres.cached_questions import PostgresQuestionIndex
from footnote.stores.postgres.housekeeping import PostgresHousekeeping
from footnote.stores.redis.cache import RedisCacheTier
from footnote.stores.redis.connection import RedisConnection
from footnote.stores.secrets.extension import StaticSecrets
from tests.support.caching import make_cache
from tests.support.clock import ManualClock
from tests.support.ingestion import World
from tests.support.organizations import new_organization, open_database


@dataclass(frozen=True)
class Note:
    text: str


CODEC = JsonCodec(Note)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def redis(redis_server, clock):
    settings = RedisSettings(port=redis_server.port, password_secret="redis")
    connection = RedisConnection(settings, StaticSecrets({"redis": redis_server.password}), clock)
    yield connection
    await connection.close()


@pytest.fixture(params=["redis", "postgres"])
def tier(request):
    if request.param == "redis":
        return RedisCacheTier(request.getfixturevalue("redis"))
    return PostgresCacheTier(request.getfixturevalue("database"))


@pytest.fixture
def context(module_database):
    return new_organization(module_database)


@pytest.fixture
def stranger(module_database):
    return new_organization(module_database)


@pytest.fixture
def rows(module_database):
    with psycopg.connect(module_database.superuser_dsn, autocommit=True) as connection:
        yield lambda statement, *values: connection.execute(statement, values or None).fetchall()


def key_of(context, name="a", **options):
    return CacheKey(context.organization_id, "search", name * 64, **options)


async def test_a_value_is_kept_and_replaced_and_removed(tier, context):
    key = key_of(context)
    assert await tier.get(context, key, None) is None
    await tier.set(context, key, "größer", 60)
    await tier.set(context, key, "größer als zuvor", 60)
    assert await tier.get(context, key, None) == "größer als zuvor"
    await tier.delete(context, key)
    await tier.delete(context, key)
    assert await tier.get(context, key, None) is None


async def test_an_entry_ends_with_its_term_unless_it_is_given_a_new_one(tier, context):
    for name in "ab":
        await tier.set(context, key_of(context, name), name, 1)
    assert await tier.get(context, key_of(context, "b"), 60) == "b"
    await asyncio.sleep(1.1)
    assert await tier.get(context, key_of(context, "a"), None) is None
    assert await tier.get(context, key_of(context, "a"), 60) is None
    assert await tier.get(context, key_of(context, "b"), None) == "b"


async def test_versions_and_generations_are_keys_of_their_own(tier, context):
    await tier.set(context, key_of(context), "value", 60)
    assert await tier.get(context, key_of(context, generation=1), None) is None
    assert await tier.get(context, key_of(context, version=2), None) is None


async def test_an_organization_has_its_entries_to_itself(tier, context, stranger):
    await tier.set(context, key_of(context), "mine", 60)
    assert await tier.get(stranger, key_of(stranger), None) is None
    await tier.delete(stranger, key_of(stranger))
    assert await tier.get(context, key_of(context), None) == "mine"


async def test_a_key_of_another_organization_is_refused(redis, context, stranger):
    with pytest.raises(TenantLeak):
        await RedisCacheTier(redis).get(stranger, key_of(context), None)


async def test_row_level_security_hides_entries_whatever_is_asked_for(database, context, stranger):
    await PostgresCacheTier(database).set(context, key_of(context), "mine", 60)
    async with database.tenant_tx(stranger) as cursor:
        await cursor.execute("SELECT count(*) AS n FROM knowledge.cache_entries")
        assert (await cursor.fetchone())["n"] == 0


async def test_redis_keys_begin_with_the_organization(redis, context):
    await RedisCacheTier(redis).set(context, key_of(context), "value", 60)
    names = await redis.run(lambda client: client.keys(f"*{context.organization_id}*"))
    assert names == [f"t:{context.organization_id}:cache:search:1-0-{'a' * 64}"]
    assert 0 < await redis.run(lambda client: client.ttl(names[0])) <= 60


async def test_generations_only_grow_and_are_each_organizations_own(database, context, stranger):
    generations = PostgresGenerations(database)
    assert (await generations.state(context)).generation("search") == 0
    await asyncio.gather(*(generations.advance(context, "search") for _ in range(5)))
    await generations.advance(context, "response")
    state = await generations.state(context)
    assert (state.generation("search"), state.generation("response"), state.corpus_version) == (5, 1, 0)
    assert (await generations.state(stranger)).generations == {}


@pytest.mark.parametrize(
    "change", ["title = 'Other'", "category = 'news'", "tags = '{new}'", "filename = 'b.txt'"]
)
async def test_a_change_of_what_is_shown_of_a_document_is_a_change_of_the_corpus(
    database, context, stranger, rows, change
):
    world = World(database)
    for organization in (context, stranger):
        await world.drop(organization, "a.txt", f"A text of {organization.organization_id}.")
    generations = PostgresGenerations(database)
    before = [(await generations.state(one)).corpus_version for one in (context, stranger)]
    async with database.tenant_tx(context) as cursor:
        await cursor.execute(f"UPDATE knowledge.documents SET {change}")
        await cursor.execute(f"UPDATE knowledge.documents SET {change}, updated_at = now()")
    after = [(await generations.state(one)).corpus_version for one in (context, stranger)]
    assert after == [before[0] + 1, before[1]]


async def test_an_invalidation_leaves_nothing_to_find_in_any_tier(database, redis, context, clock):
    cache = make_cache(clock, RedisCacheTier(redis), PostgresCacheTier(database))
    states = CacheStates(PostgresGenerations(database), cache, clock)

    async def key():
        return key_of(context, generation=(await states.current(context)).generation("search"))

    await cache.set(context, SEARCH, await key(), Note("old"), CODEC)
    assert (await cache.get(context, SEARCH, await key(), CODEC)).value == Note("old")
    await states.invalidate(context, "search")
    assert await cache.get(context, SEARCH, await key(), CODEC) is None


async def test_redis_flushed_costs_one_look_at_the_store(database, redis, context, clock):
    cache = make_cache(clock, RedisCacheTier(redis), PostgresCacheTier(database))
    await cache.set(context, SEARCH, key_of(context), Note("value"), CODEC)
    await redis.run(lambda client: client.flushall())
    tiers = [(await cache.get(context, SEARCH, key_of(context), CODEC)).tier for _ in range(2)]
    assert tiers == ["store", "redis"]


async def test_redis_that_hangs_or_is_gone_is_done_without(database, redis, redis_server, context, clock):
    cache = make_cache(clock, RedisCacheTier(redis), PostgresCacheTier(database))
    await cache.set(context, SEARCH, key_of(context), Note("value"), CODEC)
    pid = redis_server.engine.process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        assert (await cache.get(context, SEARCH, key_of(context), CODEC)).tier == "store"
        await cache.set(context, SEARCH, key_of(context, "b"), Note("other"), CODEC)
    finally:
        os.kill(pid, signal.SIGCONT)
    redis_server.stop()
    try:
        assert (await cache.get(context, SEARCH, key_of(context), CODEC)).tier == "store"
        await cache.delete(context, key_of(context))
        assert await cache.get(context, SEARCH, key_of(context), CODEC) is None
    finally:
        redis_server.start()
    clock.advance(6)
    await cache.set(context, SEARCH, key_of(context), Note("value"), CODEC)
    assert (await cache.get(context, SEARCH, key_of(context), CODEC)).tier == "redis"


async def test_what_is_damaged_in_a_real_tier_is_removed(redis, context, clock):
    tier = RedisCacheTier(redis)
    cache = make_cache(clock, tier)
    await tier.set(context, key_of(context), "{damaged", 60)
    assert await cache.get(context, SEARCH, key_of(context), CODEC) is None
    assert await tier.get(context, key_of(context), None) is None


async def test_the_sweeper_removes_what_has_expired(module_database, database, context, rows):
    tier = PostgresCacheTier(database)
    await tier.set(context, key_of(context, "a"), "old", 0)
    await tier.set(context, key_of(context, "b"), "new", 60)
    index = PostgresQuestionIndex(database, keep=10)
    for entry, ttl_s in (("old", 0), ("new", 60)):
        await index.add(context, "s", CachedQuestion(entry, entry, datetime.now(UTC)), [1.0, 0.0], ttl_s)
    jobs = open_database(module_database, role="footnote_jobs")
    assert await PostgresHousekeeping(jobs).expire_caches(100) >= 2
    await jobs.close()
    mine = "WHERE organization_id = %s"
    assert rows(f"SELECT value FROM knowledge.cache_entries {mine}", context.organization_id) == [("new",)]
    assert rows(f"SELECT entry FROM chat.cached_questions {mine}", context.organization_id) == [("new",)]


async def test_the_nearest_questions_of_a_scope(database, context, stranger):
    index = PostgresQuestionIndex(database, keep=10)
    now = datetime.now(UTC)
    vectors = {"a": [1.0, 0.0], "b": [0.6, 0.8], "c": [0.0, 1.0]}
    for name, vector in vectors.items():
        await index.add(context, "scope", CachedQuestion(f"question {name}", name, now), vector, 60)
    await index.add(context, "another", CachedQuestion("elsewhere", "d", now), [1.0, 0.0, 0.0], 60)
    await index.add(context, "scope", CachedQuestion("over", "e", now), [1.0, 0.0], 0)
    found = await index.nearest(context, "scope", [1.0, 0.0], 2)
    assert [(near.entry, near.text, round(near.similarity, 2)) for near in found] == [
        ("a", "question a", 1.0),
        ("b", "question b", 0.6),
    ]
    assert await index.nearest(stranger, "scope", [1.0, 0.0], 2) == []
    await index.remove(context, "scope", "a")
    assert [near.entry for near in await index.nearest(context, "scope", [1.0, 0.0], 1)] == ["b"]


async def test_only_the_most_recent_questions_are_listed(database, context):
    index = PostgresQuestionIndex(database, keep=3)
    start = datetime.now(UTC)
    for number in range(6):
        asked_at = start + timedelta(seconds=number)
        await index.add(context, "scope", CachedQuestion(f"{number}", f"{number}", asked_at), [1.0, 0.0], 60)
    found = await index.nearest(context, "scope", [1.0, 0.0], 10)
    assert {near.entry for near in found} == {"3", "4", "5"}


async def test_a_store_that_is_gone_says_so(module_database, context):
    database = open_database(module_database)
    database._settings = database._settings.model_copy(update={"port": 1})
    with pytest.raises(ServiceUnavailable):
        await PostgresCacheTier(database).get(context, key_of(context), None)
