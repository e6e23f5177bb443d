"""The revocation list on a real Redis, also when Redis hangs, stops and comes back."""

import asyncio
import os
import signal
import time
from uuid import uuid4

import pytest

from footnote.platform.errors import ServiceUnavailable
from footnote.platform.settings import RedisSettings
from footnote.stores.redis.connection import RedisConnection
from footnote.stores.redis.keys import organization_key
from footnote.stores.redis.revocations import RedisRevocations
from footnote.stores.secrets.extension import StaticSecrets
from tests.support.clock import ManualClock


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
async def connection(redis_server, clock):
    settings = RedisSettings(port=redis_server.port, password_secret="redis")
    connection = RedisConnection(settings, StaticSecrets({"redis": redis_server.password}), clock)
    yield connection
    await connection.close()


@pytest.fixture
def revocations(connection):
    return RedisRevocations(connection)


async def test_a_session_is_revoked_in_its_organization_only(revocations):
    organization, session = uuid4(), uuid4()
    assert not await revocations.is_revoked(organization, session)
    await revocations.revoke(organization, session, 600)
    assert await revocations.is_revoked(organization, session)
    assert not await revocations.is_revoked(organization, uuid4())
    assert not await revocations.is_revoked(uuid4(), session)


async def test_an_entry_ends_by_itself(revocations):
    organization, session = uuid4(), uuid4()
    await revocations.revoke(organization, session, 1)
    await asyncio.sleep(1.1)
    assert not await revocations.is_revoked(organization, session)


async def test_keys_begin_with_the_organization(connection, revocations):
    organization, session = uuid4(), uuid4()
    await revocations.revoke(organization, session, 600)
    keys = await connection.run(lambda client: client.keys(f"*{session}*"))
    assert keys == [f"t:{organization}:revoked:{session}"]


@pytest.mark.parametrize("parts", [(), ("",), ("a:b",), ("a", "")])
def test_a_part_cannot_name_another_key(parts):
    with pytest.raises(ValueError, match="colon"):
        organization_key(uuid4(), *parts)


async def test_a_server_that_hangs_costs_a_moment_and_then_nothing(redis_server, revocations, clock):
    await revocations.is_revoked(uuid4(), uuid4())
    pid = redis_server.engine.process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(5):
            started = time.monotonic()
            with pytest.raises(ServiceUnavailable):
                await revocations.is_revoked(uuid4(), uuid4())
            assert time.monotonic() - started < 0.4
        started = time.monotonic()
        with pytest.raises(ServiceUnavailable):
            await revocations.is_revoked(uuid4(), uuid4())
        assert time.monotonic() - started < 0.02
    finally:
        os.kill(pid, signal.SIGCONT)
    with pytest.raises(ServiceUnavailable):
        await revocations.is_revoked(uuid4(), uuid4())
    clock.advance(5.1)
    assert not await revocations.is_revoked(uuid4(), uuid4())


async def test_a_restart_goes_unnoticed(redis_server, revocations):
    organization, session = uuid4(), uuid4()
    await revocations.revoke(organization, session, 600)
    redis_server.stop()
    redis_server.start()
    assert await revocations.is_revoked(organization, session)


async def test_a_wrong_password_is_unavailable(redis_server):
    settings = RedisSettings(port=redis_server.port, password_secret="redis")
    connection = RedisConnection(settings, StaticSecrets({"redis": "wrong"}))
    with pytest.raises(ServiceUnavailable):
        await connection.ping()
    await connection.close()


async def test_many_at_once_share_the_client(revocations):
    organization = uuid4()
    answers = await asyncio.gather(*(revocations.is_revoked(organization, uuid4()) for _ in range(20)))
    assert answers == [False] * 20
