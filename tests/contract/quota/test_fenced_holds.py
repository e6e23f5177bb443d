"""Holds of work with a fence of its own, where two workers end the same one at the same time."""

import asyncio

import pytest

from footnote.platform.ids import new_id
from footnote.quota import HoldRequest, Meter, Settlement, Used
from footnote.stores.postgres.fenced_holds import end_earlier_hold, settle_fenced
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.charging import books_of
from tests.support.organizations import new_organization, open_database

UNITS = {Meter.EMBEDDING_TOKENS: 100, Meter.COST: 900}
USED = (Used(Meter.EMBEDDING_TOKENS, 40, "m", 7),)
ENDINGS = {
    "released": "SELECT quota.release(%(hold_id)s, 1, 7)",
    "expired": "SELECT quota.expire(h) FROM quota.holds h WHERE h.hold_id = %(hold_id)s",
    "committed": "SELECT quota.settle(%(hold_id)s, 1, '{embedding_tokens}', '{m}', '{40}', '{7}', 1, NULL)",
}


@pytest.fixture
def context(module_database):
    return new_organization(module_database)


@pytest.fixture
async def other(module_database):
    """Another process's transactions."""
    database = open_database(module_database)
    yield database
    await database.close()


async def reserved(database, context):
    request = HoldRequest(new_id(), b"x" * 32, "ingestion", UNITS, 60)
    return await PostgresQuotaStore(database, "enterprise").reserve(context, request)


async def until_waiting(superuser):
    """Until somebody waits for a lock that another has."""
    async with asyncio.timeout(10):
        while not superuser.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ).fetchone()[0]:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("ending", ENDINGS)
async def test_a_hold_that_another_worker_is_ending_is_ended_once(
    database, other, context, module_database, superuser, ending
):
    hold = await reserved(database, context)

    async def take_over():
        async with other.tenant_tx(context, background=True) as cursor:
            await end_earlier_hold(cursor, context.organization_id, hold.hold_id)

    async with database.tenant_tx(context, background=True) as cursor:
        await cursor.execute(ENDINGS[ending], {"hold_id": hold.hold_id})
        successor = asyncio.create_task(take_over())
        await until_waiting(superuser)
    await successor
    books = books_of(module_database.superuser_dsn, context.organization_id)
    assert books.holds == {ending: 1}
    assert (
        books.internal == {"released": {"released": 7}, "expired": {"expired": 900}, "committed": {}}[ending]
    )
    assert books.units == ({"embedding_tokens": 40} if ending == "committed" else {})


async def test_an_open_hold_ends_with_its_estimate_and_once(database, context, module_database):
    hold = await reserved(database, context)
    for _ in range(2):
        async with database.tenant_tx(context, background=True) as cursor:
            await end_earlier_hold(cursor, context.organization_id, hold.hold_id)
    books = books_of(module_database.superuser_dsn, context.organization_id)
    assert (books.holds, books.internal) == ({"expired": 1}, {"expired": 900})


async def test_nothing_is_stored_with_a_hold_that_is_closed(database, context, module_database):
    hold = await reserved(database, context)
    await PostgresQuotaStore(database, "enterprise").release(context, hold.hold_id, hold.attempt)
    with pytest.raises(RuntimeError, match="settled otherwise: replayed"):
        async with database.tenant_tx(context) as cursor:
            await settle_fenced(cursor, Settlement(hold.hold_id, hold.attempt, USED, 1))
    assert books_of(module_database.superuser_dsn, context.organization_id).units == {}
