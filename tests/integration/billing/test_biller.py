"""The biller may die between any two steps and run any number of times: each period is invoiced once."""

import asyncio
from datetime import UTC, datetime

import psycopg
import pytest

from footnote.billing import Beginning, Request
from footnote.billing.biller import Biller
from footnote.billing.payments.manual import ManualProvider
from footnote.platform.clock import SystemClock
from footnote.platform.settings import BillingSettings
from footnote.stores.postgres.billing import PostgresPlanStore
from footnote.stores.postgres.billing_closings import PostgresClosings
from footnote.stores.postgres.billing_invoices import PostgresInvoiceStore
from footnote.stores.postgres.billing_subscriptions import PostgresSubscriptionStore
from footnote.stores.postgres.database import Cursor
from tests.support.billing import rows, travelling
from tests.support.kill_points import Deadly, Killed
from tests.support.organizations import new_organization, open_database

APRIL, JULY = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
ORGANIZATIONS, MONTHS = 3, 3
SETTINGS = BillingSettings(invoice_delay_s=0, due_days=365)


@pytest.fixture
def times(migrated_database):
    with travelling(migrated_database.superuser_dsn) as times:
        yield times


def biller(database):
    store = PostgresSubscriptionStore(database, "free")
    invoices = PostgresInvoiceStore(database, SETTINGS, "free")
    closings = PostgresClosings(database, SETTINGS, "free")
    return Biller(store, invoices, closings, ManualProvider(), SETTINGS, SystemClock())


async def subscribe(database, template, times):
    times.travel(APRIL)
    contexts = [new_organization(template) for _ in range(ORGANIZATIONS)]
    store = PostgresSubscriptionStore(database, "free")
    for context in contexts:
        pro = next(one for one in await PostgresPlanStore(database).offered(context) if one.plan == "pro")
        await store.begin(context, Beginning(pro, "manual"), Request(None, ""))
    times.travel(JULY)
    return contexts


def assert_invoiced_once(template):
    found = rows(
        template.superuser_dsn,
        "SELECT organization_id, number, period_start, total_cents FROM billing.invoices ORDER BY number",
    )
    assert [row["number"] for row in found] == [
        f"FN-2026-{number:06}" for number in range(1, ORGANIZATIONS * MONTHS + 1)
    ]
    assert len({(row["organization_id"], row["period_start"]) for row in found}) == len(found)
    assert {row["total_cents"] for row in found} == {2900}
    current = rows(
        template.superuser_dsn, "SELECT period_start FROM billing.subscriptions WHERE ended_at IS NULL"
    )
    assert [row["period_start"] for row in current] == [JULY] * ORGANIZATIONS


async def test_a_biller_killed_at_any_statement_leaves_nothing_half_done(
    migrated_database, times, monkeypatch
):
    database = open_database(migrated_database)
    await subscribe(database, migrated_database, times)
    execute, fatal, kills = Cursor.execute, 0, 0
    while True:
        deadly = Deadly(fatal)

        async def dying(self, *arguments, deadly=deadly, **options):
            if "ROLLBACK" not in str(arguments[0]):
                deadly.step()
            return await execute(self, *arguments, **options)

        monkeypatch.setattr(Cursor, "execute", dying)
        try:
            await biller(database).work(60)
            break
        except Killed:
            kills += 1
        # The killed one has done all up to its death: the next one dies a little later in what is left.
        fatal = fatal + 7 if kills % 2 else fatal + 1
    monkeypatch.setattr(Cursor, "execute", execute)
    assert kills > 10
    assert_invoiced_once(migrated_database)
    assert not any((await biller(database).work(60)).values())
    await database.close()


async def test_billers_at_the_same_time_do_each_step_once(migrated_database, times):
    databases = [open_database(migrated_database) for _ in range(4)]
    await subscribe(databases[0], migrated_database, times)
    await asyncio.gather(*(biller(database).work(60) for database in databases))
    assert_invoiced_once(migrated_database)
    for database in databases:
        await database.close()


async def test_trouble_with_one_organization_keeps_no_other_waiting(migrated_database, times, caplog):
    """Whatever is wrong with its rows: the others' periods end, and its own when it is mended."""
    database = open_database(migrated_database)
    first, *_ = await subscribe(database, migrated_database, times)
    in_the_way = {"o": first.organization_id}
    rows(
        migrated_database.superuser_dsn,
        "INSERT INTO billing.periods"
        " (organization_id, period_start, period_end, plan, plan_version, provider, invoice_id)"
        " SELECT organization_id, period_start, period_end, 'pro', 1, 'manual', organization_id"
        " FROM billing.subscriptions WHERE organization_id = %(o)s RETURNING 1",
        **in_the_way,
    )
    done = await biller(database).work(60)
    others = ORGANIZATIONS - 1
    assert (done["failed"], done["advanced"], done["invoices"]) == (1, others * MONTHS, others * MONTHS)
    assert [one.code for one in caplog.records if one.msg == "billing failed"] == ["UniqueViolation"]
    rows(
        migrated_database.superuser_dsn,
        "DELETE FROM billing.periods WHERE organization_id = %(o)s RETURNING 1",
        **in_the_way,
    )
    done = await biller(database).work(60)
    assert (done["failed"], done["advanced"], done["invoices"]) == (0, MONTHS, MONTHS)
    assert_invoiced_once(migrated_database)
    await database.close()


async def test_an_issued_invoice_cannot_be_changed(migrated_database, times):
    database = open_database(migrated_database)
    await subscribe(database, migrated_database, times)
    await biller(database).work(60)
    with (
        psycopg.connect(migrated_database.superuser_dsn) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="never changed"),
    ):
        connection.execute("UPDATE billing.invoices SET total_cents = 1")
    await database.close()
