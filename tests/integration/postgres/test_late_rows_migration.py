"""Subscriptions that had ended before there were closing invoices get theirs; those that run need none."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from footnote.billing import BillingProfile, Plan
from footnote.billing.invoices import Account, Tally, compose
from footnote.platform.context import OrganizationContext
from footnote.platform.settings import BillingSettings
from footnote.stores.postgres.billing_closings import PostgresClosings
from footnote.stores.postgres.billing_invoices import PostgresInvoiceStore
from footnote.stores.postgres.migrate import downgrade, upgrade
from tests.support.organizations import open_database

BEFORE, AFTER = "0016_ledgers_at_scale", "0017_late_rows"
ENDED, RUNNING, MONTHLY = (UUID(int=number) for number in (1, 2, 3))
MARCH, APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4, 5))
PLAN = Plan("old", 1, "Old Plan", 2900, usage_prices={"messages": {"included": 10, "cents_per_1000": 1000}})
PERIODS = {ENDED: [(MARCH, APRIL)], RUNNING: [(MARCH, APRIL)], MONTHLY: [(MARCH, APRIL), (APRIL, MAY)]}
# As revision 0016 has them.
ROWS = """
    INSERT INTO billing.periods (organization_id, period_start, period_end, plan, plan_version, provider,
        invoice_id)
    VALUES (%(o)s, %(start)s, %(end)s, 'old', 1, 'manual', %(i)s);
    INSERT INTO billing.invoices (organization_id, invoice_id, number, period_start, period_end, issued_at,
        due_at, provider, currency, total_cents, cutoff, xmin_bound, digest, ledger_rows, document)
    VALUES (%(o)s, %(i)s, %(number)s, %(start)s, %(end)s, %(end)s, %(end)s, 'manual', 'USD', 2900, %(end)s,
        pg_snapshot_xmin(pg_current_snapshot()), sha256(''), 0, %(document)s);
"""
SUBSCRIPTION = """
    INSERT INTO billing.subscriptions (organization_id, subscription_id, plan, plan_version, provider, status,
        anchor, period_start, period_end, started_at)
    VALUES (%s, gen_random_uuid(), 'old', 1, 'manual', 'active', %s, %s, %s, %s)
"""
LATE = """
    INSERT INTO quota.usage_ledger (
        organization_id, hold_id, attempt, meter, feature, window_start, units, at)
    VALUES (%s, gen_random_uuid(), 1, 'messages', 'chat', %s, 110, %s)
"""


def invoiced(connection, organization_id, number, start, end):
    account = Account(
        start, end, PLAN, "manual", BillingProfile("Buyer"), (), Tally(0, b"", {"messages": 10}, {})
    )
    document = compose(account, f"OLD-2026-{number:06}", end, BillingSettings())
    values = {"o": organization_id, "i": UUID(int=100 + number), "number": document.number}
    connection.execute(ROWS, {**values, "start": start, "end": end, "document": Jsonb(document.to_json())})


@pytest.fixture
def old(postgres_cluster):
    with postgres_cluster.empty_database() as database:
        upgrade(database.dsn("footnote_owner"), BEFORE)
        with psycopg.connect(database.superuser_dsn, cursor_factory=psycopg.ClientCursor) as connection:
            connection.execute(
                "INSERT INTO quota.plans (plan, version, name, price_cents, limits, usage_prices)"
                " VALUES ('old', 1, 'Old Plan', 2900, '{}', %s)",
                (Jsonb(dict(PLAN.usage_prices)),),
            )
            numbers = iter(range(1, 100))
            for organization_id, periods in PERIODS.items():
                connection.execute(
                    "INSERT INTO core.organizations (organization_id, name, storage_prefix)"
                    " VALUES (%s, 'old', %s)",
                    (organization_id, f"organizations/{organization_id}/"),
                )
                for start, end in periods:
                    invoiced(connection, organization_id, next(numbers), start, end)
            connection.execute(SUBSCRIPTION, (RUNNING, MARCH, APRIL, MAY, MARCH))
        yield database


async def test_what_had_ended_is_closed_and_old_invoices_stay_as_they_are(old):
    upgrade(old.dsn("footnote_owner"), AFTER)
    with psycopg.connect(old.superuser_dsn, autocommit=True) as connection:
        found = connection.execute("SELECT organization_id, ended_at FROM billing.closings ORDER BY 1")
        assert found.fetchall() == [(ENDED, APRIL), (MONTHLY, MAY)]
        connection.execute(LATE, (ENDED, MARCH, MARCH + timedelta(hours=5)))
    database, context = open_database(old), OrganizationContext(ENDED)
    invoices = PostgresInvoiceStore(database, BillingSettings(), "free")
    assert await PostgresClosings(database, BillingSettings(), "free").close_next(context)
    issued = {one.document.total_cents for one in await invoices.page(context, 10)}
    assert issued == {0, 110}
    first = await invoices.recount(context, UUID(int=101))
    assert first.rows == 0
    await database.close()


def test_the_way_back_keeps_invoices(old):
    owner = old.dsn("footnote_owner")
    upgrade(owner, AFTER)
    downgrade(owner, BEFORE)
    upgrade(owner, AFTER)
    with psycopg.connect(old.superuser_dsn) as connection:
        assert connection.execute("SELECT count(*) FROM billing.invoices").fetchone() == (4,)
