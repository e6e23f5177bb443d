"""The sweeper on a real database: what is wrong with one hold is no other's trouble."""

import pytest

from footnote.quota import Meter
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.organizations import new_organization
from tests.support.quota import let_time_of_holds_pass, query, request_of, window


@pytest.fixture
def store(database):
    return PostgresQuotaStore(database, "free")


async def test_a_hold_that_cannot_be_ended_keeps_no_other_waiting(store, module_database):
    dsn = module_database.superuser_dsn
    broken, sound = new_organization(module_database), new_organization(module_database)
    for context in (broken, sound):
        await store.reserve(context, request_of({Meter.MESSAGES: 1, Meter.COST: 7}))
    query(dsn, "UPDATE quota.windows SET reserved = 0 WHERE organization_id = %s", broken.organization_id)
    let_time_of_holds_pass(dsn)
    older = "UPDATE quota.holds SET expires_at = expires_at - interval '1 hour' WHERE organization_id = %s"
    query(dsn, older, broken.organization_id)
    for is_one_due in (True, True, False):
        assert query(dsn, "SELECT metering.expire_next(5)") == [(is_one_due,)]
    states = "SELECT state, expires_at > now() FROM quota.holds WHERE organization_id = %s"
    assert query(dsn, states, broken.organization_id) == [("open", True)]
    assert query(dsn, states, sound.organization_id) == [("expired", False)]
    assert window(dsn, sound.organization_id, Meter.MESSAGES) == (0, 0)

    query(dsn, "UPDATE quota.windows SET reserved = 1 WHERE organization_id = %s", broken.organization_id)
    query(
        dsn,
        "UPDATE quota.windows SET reserved = 7 WHERE organization_id = %s AND meter = 'cost'",
        broken.organization_id,
    )
    let_time_of_holds_pass(dsn)
    assert query(dsn, "SELECT metering.expire_next(5)") == [(True,)]
    assert query(dsn, states, broken.organization_id) == [("expired", False)]
