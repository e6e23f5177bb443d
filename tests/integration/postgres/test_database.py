"""Transactions on a database that dies, hangs, restarts and refuses."""

import asyncio
import os
import signal
import time

import psycopg
import pytest

from footnote.platform.errors import ServiceUnavailable
from footnote.platform.settings import PostgresSettings
from footnote.stores.postgres.database import Database
from footnote.stores.secrets.extension import StaticSecrets
from tests.support.organizations import new_organization


@pytest.fixture
def make_database(module_database):
    def make(**settings):
        settings = {
            "host": module_database.host,
            "port": module_database.port,
            "database": module_database.name,
            "user": "footnote_app",
            "password_secret": "footnote_app",
            **settings,
        }
        return Database(PostgresSettings(**settings), StaticSecrets(module_database.passwords))

    return make


@pytest.fixture
async def database(make_database):
    made = make_database()
    yield made
    await made.close()


@pytest.fixture
def organization(module_database):
    return new_organization(module_database)


async def pid_of(database, organization):
    async with database.tenant_tx(organization) as cursor:
        await cursor.execute("SELECT pg_backend_pid() AS pid")
        return (await cursor.fetchone())["pid"]


async def works(database, organization):
    async with database.tenant_tx(organization) as cursor:
        await cursor.execute("SELECT core.current_organization() AS id, core.current_member() AS member")
        row = await cursor.fetchone()
    return row == {"id": organization.organization_id, "member": organization.user_id}


async def wait_until_gone(module_database, pid):
    with psycopg.connect(module_database.superuser_dsn, autocommit=True) as connection:
        while (
            connection.execute("SELECT FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone() is not None
        ):
            await asyncio.sleep(0.01)


async def test_the_transaction_is_bound_to_organization_and_member(database, organization):
    assert await works(database, organization)


async def test_one_connection_serves_all_transactions_in_turn(database, organization):
    pids = await asyncio.gather(*(pid_of(database, organization) for _ in range(20)))
    assert len(set(pids)) == 1


async def test_an_exception_rolls_back(database, organization):
    async def fail():
        async with database.tenant_tx(organization) as cursor:
            await cursor.execute(
                "INSERT INTO knowledge.corpora (organization_id) VALUES (%s)", (organization.organization_id,)
            )
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.tenant_tx(organization) as cursor:
        await cursor.execute("SELECT FROM knowledge.corpora")
        assert await cursor.fetchone() is None


async def test_a_snapshot_is_read_only(database, organization):
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        async with database.tenant_tx(organization, snapshot=True) as cursor:
            await cursor.execute("DELETE FROM knowledge.corpora")
    assert await works(database, organization)


async def test_outside_of_an_organization_nothing_is_visible(database, organization):
    async with database.definer_tx() as cursor:
        await cursor.execute("SELECT count(*) AS n FROM core.organizations")
        assert await cursor.fetchone() == {"n": 0}


async def test_a_connection_that_died_while_idle_is_replaced(database, organization, module_database):
    pid = await pid_of(database, organization)
    os.kill(pid, signal.SIGTERM)
    await wait_until_gone(module_database, pid)
    assert await works(database, organization)


async def test_a_connection_that_dies_in_the_middle_is_an_outage_once(
    database, organization, module_database
):
    async def lose_the_connection():
        async with database.tenant_tx(organization) as cursor:
            await cursor.execute("SELECT pg_backend_pid() AS pid")
            pid = (await cursor.fetchone())["pid"]
            os.kill(pid, signal.SIGTERM)
            await wait_until_gone(module_database, pid)
            await cursor.execute("SELECT 1")

    with pytest.raises(ServiceUnavailable):
        await lose_the_connection()
    assert await works(database, organization)


async def test_a_server_that_hangs_is_given_up_in_time(make_database, organization):
    database = make_database(statement_timeout_ms=200)
    pid = await pid_of(database, organization)
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        # One limit for the connection that hangs, then a new one.
        assert await works(database, organization)
        assert time.monotonic() - started < 5
    finally:
        os.kill(pid, signal.SIGCONT)
    await database.close()


async def test_a_slow_statement_is_ended_and_the_connection_kept(make_database, organization):
    database = make_database(statement_timeout_ms=100)
    pid = await pid_of(database, organization)
    with pytest.raises(ServiceUnavailable) as caught:
        async with database.tenant_tx(organization) as cursor:
            await cursor.execute("SELECT pg_sleep(5)")
    assert "pg_sleep" not in caught.value.message
    assert caught.value.retry_after_s
    assert await pid_of(database, organization) == pid
    await database.close()


async def test_waiting_for_a_lock_ends(make_database, organization):
    first, second = make_database(), make_database(lock_timeout_ms=100)
    insert = "INSERT INTO knowledge.corpora (organization_id) VALUES (%s)"
    async with first.tenant_tx(organization) as cursor:
        await cursor.execute(insert, (organization.organization_id,))
        with pytest.raises(ServiceUnavailable):
            async with second.tenant_tx(organization) as other:
                await other.execute(insert, (organization.organization_id,))
    await first.close()
    await second.close()


async def test_a_cancelled_request_leaves_the_connection_usable(database, organization):
    async def slow():
        async with database.tenant_tx(organization) as cursor:
            await cursor.execute("SELECT pg_sleep(0.8)")

    task = asyncio.create_task(slow())
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await works(database, organization)


@pytest.mark.parametrize(
    "settings", [{"port": 1}, {"password_secret": "footnote_auth"}, {"database": "nowhere"}], ids=str
)
async def test_a_database_that_cannot_be_reached_is_an_outage(make_database, organization, settings):
    database = make_database(**settings)
    with pytest.raises(ServiceUnavailable) as caught:
        await works(database, organization)
    assert "footnote_app" not in caught.value.message
    with pytest.raises(ServiceUnavailable):
        await database.ping()


async def test_a_mistake_of_ours_is_not_called_an_outage(database, organization):
    with pytest.raises(psycopg.errors.UndefinedTable):
        async with database.tenant_tx(organization) as cursor:
            await cursor.execute("SELECT * FROM nothing")
    assert await works(database, organization)


async def test_secrets_may_be_awaited(module_database, organization):
    class Secrets:
        async def get(self, secret_id):
            return module_database.passwords[secret_id]

    settings = PostgresSettings(
        host=module_database.host,
        port=module_database.port,
        database=module_database.name,
        password_secret="footnote_app",
    )
    database = Database(settings, Secrets())
    assert await works(database, organization)
    await database.close()
