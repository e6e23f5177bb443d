"""Use that is recorded late: on the next invoice, or on a closing one; free use on none."""

import asyncio
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from footnote.billing.invoices import LedgerOutOfStep
from footnote.billing.proration import half_up
from footnote.platform.ids import new_id
from footnote.quota import HoldRequest, Meter, Settlement, Used
from footnote.stores.postgres.billing import PostgresPlanStore
from footnote.stores.postgres.outbox import PostgresMeteringJobs
from tests.support.billing import rows, travelling
from tests.support.billing_month import usage_of
from tests.support.billing_world import PRICED, World
from tests.support.metering import end_holds
from tests.support.organizations import new_organization, open_database

APRIL, MAY, JUNE, JULY = (datetime(2026, month, 1, tzinfo=UTC) for month in (4, 5, 6, 7))
HOUR, TWO_DAYS = timedelta(hours=1), timedelta(hours=48)
INCLUDED = PRICED.usage_prices["messages"].included


@pytest.fixture
async def world(migrated_database):
    owner = open_database(migrated_database, "footnote_owner")
    await PostgresPlanStore(owner).publish(PRICED)
    await owner.close()
    world = World(migrated_database)
    yield world
    await world.database.close()


@pytest.fixture
def times(migrated_database):
    with travelling(migrated_database.superuser_dsn) as times:
        times.travel(APRIL)
        yield times


@pytest.fixture
def context(migrated_database):
    return new_organization(migrated_database)


def writing(dsn, context, messages):
    """A transaction that has recorded messages and goes on."""
    connection = psycopg.connect(dsn)
    connection.execute(
        "INSERT INTO quota.usage_ledger"
        " (organization_id, hold_id, attempt, meter, feature, window_start, units)"
        " VALUES (%s, gen_random_uuid(), 1, 'messages', 'chat', %s, %s)",
        (context.organization_id, APRIL, messages),
    )
    return connection


def use(world, context, messages):
    with writing(world.template.superuser_dsn, context, messages):
        pass


async def begin(world, context):
    request = HoldRequest(new_id(), b"h" * 32, "chat", {Meter.MESSAGES: 9, Meter.COST: 0}, 60)
    return (await world.quota.reserve(context, request)), request


async def settle(world, context, hold, messages):
    settlement = Settlement(hold.hold_id, hold.attempt, (Used(Meter.MESSAGES, messages),), 1)
    return (await world.quota.settle(context, settlement)).outcome


async def cancelled_in_may(world, context, times, plan="metered"):
    """Subscribed in April, with all but one of the included messages used, and cancelled."""
    await world.subscriptions.change(context, plan)
    times.travel(APRIL + HOUR)
    use(world, context, INCLUDED - 1)
    await world.subscriptions.cancel(context)


async def bill(world):
    done = await world.biller.work(60)
    assert done["failed"] == 0
    return done["invoices"], done["closed"]


async def numbered(world, context):
    found = await world.invoices.page(context, 100)
    for invoice in found:
        tally = await world.invoices.recount(context, invoice.invoice_id)
        assert tally.digest.hex() == invoice.document.ledger_digest
    return [one.document for one in reversed(found)]


async def test_what_comes_too_late_for_the_last_invoice_is_on_a_closing_one(world, context, times):
    await cancelled_in_may(world, context, times)
    times.travel(MAY - HOUR)
    late = writing(world.template.superuser_dsn, context, 1001)
    begun, _ = await begin(world, context)
    times.travel(MAY + HOUR)
    assert await bill(world) == (1, 0)
    late.commit()
    late.close()
    end_holds(world.template.superuser_dsn)
    assert await settle(world, context, begun, 5) == "late"
    use(world, context, 400)  # on the free plan
    times.travel(MAY + TWO_DAYS - timedelta(seconds=1))
    assert await bill(world) == (0, 0)
    times.travel(MAY + TWO_DAYS)
    assert await bill(world) == (0, 1)
    assert await bill(world) == (0, 0)
    april, closing = await numbered(world, context)
    told = rows(
        world.template.superuser_dsn,
        "SELECT payload ->> 'number' AS number, payload ->> 'provider' AS provider FROM quota.outbox"
        " WHERE topic = 'invoice.issued' ORDER BY 1",
    )
    assert told == [{"number": one.number, "provider": "manual"} for one in (april, closing)]
    assert usage_of(april) == {"messages": INCLUDED - 1}
    assert usage_of(closing) == {"messages": 1006}
    (line,) = closing.lines
    assert (line.late_units, line.included) == (1001, 1)
    assert closing.total_cents == half_up(1005 * 333, 1000)
    assert (closing.period_start, closing.period_end) == (MAY, MAY + TWO_DAYS)
    assert closing.number == "FN-2026-000002"
    # What was used on the free plan is on no later invoice either.
    times.travel(JUNE)
    await world.subscriptions.change(context, "metered")
    use(world, context, 3)
    times.travel(JULY)
    assert await bill(world) == (1, 0)
    assert usage_of((await numbered(world, context))[-1]) == {"messages": 3}


async def test_holds_stay_until_their_use_is_invoiced(world, context, times, migrated_database):
    await cancelled_in_may(world, context, times)
    times.travel(MAY - HOUR)
    begun, _ = await begin(world, context)
    times.travel(MAY + HOUR)
    assert await settle(world, context, begun, 5) == "settled"
    while await world.store.advance(context):
        pass
    database = open_database(migrated_database, "footnote_jobs")
    jobs = PostgresMeteringJobs(database)
    with psycopg.connect(migrated_database.superuser_dsn) as connection:
        connection.execute("UPDATE quota.holds SET keep_until = now() - interval '1 minute'")
    assert await jobs.purge_holds(100) == 0
    assert await bill(world) == (1, 0)
    assert await jobs.purge_holds(100) == 0
    times.travel(MAY + TWO_DAYS)
    assert await bill(world) == (0, 1)
    assert usage_of((await numbered(world, context))[-1]) == {"messages": 5}
    assert await jobs.purge_holds(100) == 1
    await database.close()


async def test_units_have_the_price_of_the_plan_under_which_they_were_used(world, context, times):
    """Nobody is spared a month's price by a plan for its last hour."""
    await world.subscriptions.change(context, "metered")
    times.travel(APRIL + HOUR)
    use(world, context, INCLUDED + 1000)
    times.travel(MAY - HOUR)
    await world.subscriptions.change(context, "enterprise")
    use(world, context, 500)
    times.travel(MAY)
    assert await bill(world) == (1, 0)
    (april,) = await numbered(world, context)
    lines = [(line.plan, line.units, line.amount_cents) for line in april.lines if line.kind == "usage"]
    assert lines == [("Metered Plan", INCLUDED + 1000, 333), ("Enterprise Plan", 500, 0)]


async def test_late_units_have_the_price_of_the_plan_at_the_end(world, context, times):
    await world.subscriptions.change(context, "metered")
    use(world, context, INCLUDED + 50)
    times.travel(MAY - 2 * HOUR)
    await world.subscriptions.change(context, "enterprise")
    times.travel(MAY - HOUR)
    await world.subscriptions.cancel(context)
    late = writing(world.template.superuser_dsn, context, 70)
    times.travel(MAY)
    assert await bill(world) == (1, 0)
    late.commit()
    late.close()
    times.travel(MAY + TWO_DAYS)
    assert await bill(world) == (0, 1)
    assert len(await numbered(world, context)) == 1


async def test_work_that_was_begun_anew_belongs_to_the_time_in_which_it_was(world, context, times):
    await cancelled_in_may(world, context, times)
    times.travel(MAY - timedelta(seconds=30))
    _, request = await begin(world, context)
    times.travel(MAY + HOUR)
    await bill(world)
    end_holds(world.template.superuser_dsn)
    again = await world.quota.reserve(context, request)
    assert again.attempt == 2
    assert await settle(world, context, again, 9) == "settled"
    times.travel(MAY + TWO_DAYS)
    assert await bill(world) == (0, 1)
    assert len(await numbered(world, context)) == 1


async def test_late_use_without_a_price_needs_no_invoice_and_never_gets_one(world, context, times):
    await cancelled_in_may(world, context, times, "pro")
    late = writing(world.template.superuser_dsn, context, 30)
    times.travel(MAY)
    assert await bill(world) == (1, 0)
    late.commit()
    late.close()
    times.travel(MAY + TWO_DAYS)
    assert await bill(world) == (0, 1)
    times.travel(JUNE)
    await world.subscriptions.change(context, "metered")
    times.travel(JULY)
    assert await bill(world) == (1, 0)
    pro, metered = await numbered(world, context)
    assert (usage_of(pro), usage_of(metered)) == ({"messages": INCLUDED - 1}, {})


async def test_a_payment_provider_has_made_its_last_invoice(world, context, times, migrated_database):
    await cancelled_in_may(world, context, times)
    late = writing(world.template.superuser_dsn, context, 1001)
    times.travel(MAY)
    assert await bill(world) == (1, 0)
    late.commit()
    late.close()
    with psycopg.connect(migrated_database.superuser_dsn) as connection:
        connection.execute("UPDATE billing.periods SET provider = 'stripe'")
    times.travel(MAY + TWO_DAYS)
    assert await bill(world) == (0, 1)
    assert len(await numbered(world, context)) == 1


async def test_a_subscription_that_follows_at_once_takes_late_rows_over(world, context, times):
    await cancelled_in_may(world, context, times)
    late = writing(world.template.superuser_dsn, context, 50)
    begun, _ = await begin(world, context)
    times.travel(MAY)
    assert await bill(world) == (1, 0)
    late.commit()
    late.close()
    times.travel(MAY + HOUR)
    assert await settle(world, context, begun, 4) == "settled"
    times.travel(MAY + 2 * HOUR)
    await world.subscriptions.change(context, "metered")
    use(world, context, 6)
    times.travel(MAY + TWO_DAYS)
    assert await bill(world) == (0, 1)
    times.travel(MAY + timedelta(days=32))
    assert await bill(world) == (1, 0)
    april, closing, may = await numbered(world, context)
    assert [usage_of(one) for one in (april, closing, may)] == [
        {"messages": INCLUDED - 1},
        {"messages": 4},
        {"messages": 56},
    ]
    assert closing.period_end == MAY + 2 * HOUR
    assert [line.late_units for line in may.lines if line.meter == "messages"] == [50]


async def test_a_subscription_that_comes_back_where_it_ended_has_no_row_twice(
    world, context, times, migrated_database
):
    await cancelled_in_may(world, context, times)
    begun, _ = await begin(world, context)
    times.travel(MAY + HOUR)
    await bill(world)
    assert await settle(world, context, begun, 5) == "settled"
    use(world, context, 40)
    times.travel(MAY + TWO_DAYS)
    assert await bill(world) == (0, 1)
    await world.subscriptions.change(context, "metered")
    with psycopg.connect(migrated_database.superuser_dsn) as connection:
        connection.execute(
            "UPDATE billing.subscriptions SET period_start = %s, anchor = %s WHERE ended_at IS NULL",
            (MAY, MAY),
        )
    times.travel(JULY)
    assert (await bill(world))[0] >= 1
    _, closing, may, *_ = sorted(await numbered(world, context), key=lambda one: one.number)
    assert (usage_of(closing), usage_of(may)) == ({"messages": 5}, {"messages": 40})


async def test_an_account_is_not_closed_while_an_older_transaction_runs(world, context, times):
    await cancelled_in_may(world, context, times)
    with psycopg.connect(world.template.superuser_dsn) as other:
        other.execute("SELECT pg_current_xact_id()")
        use(world, context, 100)
        times.travel(MAY)
        assert await bill(world) == (1, 0)
        times.travel(MAY + TWO_DAYS)
        assert await bill(world) == (0, 0)
    assert await bill(world) == (0, 1)
    _, closing = await numbered(world, context)
    assert usage_of(closing) == {"messages": 100}


async def test_many_at_once_close_an_account_once(world, context, times, migrated_database):
    await cancelled_in_may(world, context, times)
    begun, _ = await begin(world, context)
    times.travel(MAY + HOUR)
    await bill(world)
    await settle(world, context, begun, 8)
    times.travel(MAY + TWO_DAYS)
    others = [World(migrated_database) for _ in range(4)]
    done = await asyncio.gather(*(other.biller.work(60) for other in others))
    assert sum(one["closed"] for one in done) == 1
    assert len(await numbered(world, context)) == 2
    for other in others:
        await other.database.close()


async def test_free_use_before_the_first_subscription_is_on_no_invoice(world, context, times):
    use(world, context, 70)
    late = writing(world.template.superuser_dsn, context, 900)  # free, and in the ledger months later
    times.travel(APRIL + HOUR)
    await world.subscriptions.change(context, "metered")
    use(world, context, 2)
    times.travel(MAY + 2 * HOUR)
    assert await bill(world) == (1, 0)
    late.commit()
    late.close()
    use(world, context, 3)
    times.travel(JUNE + 2 * HOUR)
    assert await bill(world) == (1, 0)
    first, second = await numbered(world, context)
    assert usage_of(first).get("messages", 0) + usage_of(second)["messages"] == 5


async def test_who_has_never_subscribed_is_never_due(world, context, times):
    use(world, context, 70)
    times.travel(JULY)
    assert not any((await world.biller.work(60)).values())
    assert rows(world.template.superuser_dsn, "SELECT FROM billing.closings") == []


async def test_a_ledger_of_another_database_is_not_invoiced(world, context, times, migrated_database):
    await world.subscriptions.change(context, "metered")
    use(world, context, 5)
    with psycopg.connect(migrated_database.superuser_dsn) as connection:
        connection.execute("UPDATE quota.usage_ledger SET txid = '9000000000000'")
    times.travel(MAY)
    while await world.store.advance(context):
        pass
    with pytest.raises(LedgerOutOfStep, match="restored"):
        await world.invoices.issue_next(context)
    assert await world.invoices.page(context, 10) == []
