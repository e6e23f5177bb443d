"""A month of traffic: the invoice equals the ledger, to the unit and the cent."""

import random
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from footnote.billing.proration import half_up, share
from footnote.stores.postgres.billing import PostgresPlanStore
from footnote.stores.postgres.billing_profiles import PostgresProfileStore
from tests.support.billing import travelling
from tests.support.billing_month import Traffic, usage_of
from tests.support.billing_world import PRICED, World
from tests.support.organizations import new_member, new_organization, open_database

APRIL, MAY, JUNE = (datetime(2026, month, 1, tzinfo=UTC) for month in (4, 5, 6))


@pytest.fixture
async def world(module_database):
    world = World(module_database)
    yield world
    await world.database.close()


@pytest.fixture
def times(module_database):
    with travelling(module_database.superuser_dsn) as times:
        yield times


async def test_a_months_invoice_equals_the_ledger_to_the_unit_and_the_cent(  # noqa: C901 - one story
    world, times, module_database
):
    owner = open_database(module_database, "footnote_owner")
    plans = PostgresPlanStore(owner)
    assert await plans.publish(PRICED) == 1
    changing, steady, metered = (new_organization(module_database) for _ in range(3))
    people = {
        context.organization_id: [context, *(new_member(module_database, context) for _ in range(2))]
        for context in (changing, steady, metered)
    }
    times.travel(APRIL)
    await PostgresProfileStore(owner).set_tax(steady.organization_id, 1900)
    await owner.close()
    await world.subscriptions.change(changing, "pro")
    await world.subscriptions.change(steady, "enterprise")
    await world.subscriptions.change(metered, "metered")
    traffic = Traffic(world.quota, times, module_database.superuser_dsn, random.Random(4))
    upgraded_at = APRIL + timedelta(days=11, seconds=4321)
    for number in range(30):
        day = APRIL + timedelta(days=number)
        if number == 11:
            times.travel(upgraded_at)
            await world.subscriptions.change(changing, "enterprise")
        if number == 20:
            await world.subscriptions.change(changing, "pro")
        await traffic.settle_late()
        for members in people.values():
            await traffic.day(day, members, 6)
    times.travel(MAY - timedelta(seconds=30))
    await traffic.settle_late()
    counted = {context.organization_id: traffic.taken(context) for context in (changing, steady, metered)}

    # A transaction that records usage in April ends after the invoices of April are issued.
    with psycopg.connect(module_database.superuser_dsn) as late:
        late.execute(
            "INSERT INTO quota.usage_ledger"
            " (organization_id, hold_id, attempt, meter, feature, window_start, units)"
            " VALUES (%s, gen_random_uuid(), 1, 'messages', 'chat', %s, 7)",
            (metered.organization_id, APRIL),
        )
        times.travel(MAY)
        done = await world.biller.work(60)
        assert (done["invoices"], done["failed"]) == (3, 0)
        late.commit()
    again = await world.biller.work(60)
    assert not any(again.values())

    for context in (changing, steady, metered):
        document = (await world.only_invoice(context, APRIL)).document
        assert usage_of(document) == counted[context.organization_id]
        ledger = world.ledger(context, APRIL, MAY)
        if context is metered:
            ledger["messages"] -= 7
        assert usage_of(document) == ledger
        assert document.total_cents == document.subtotal_cents + document.tax_cents
        assert document.subtotal_cents == sum(line.amount_cents for line in document.lines)

    of_changing = (await world.only_invoice(changing, APRIL)).document
    assert [(line.kind, line.amount_cents) for line in of_changing.lines if line.kind != "usage"] == [
        ("fee", 2900),
        ("credit", -share(2900, upgraded_at, APRIL, MAY)),
        ("charge", share(9900, upgraded_at, APRIL, MAY)),
    ]
    of_steady = (await world.only_invoice(steady, APRIL)).document
    assert (of_steady.subtotal_cents, of_steady.tax_cents, of_steady.total_cents) == (9900, 1881, 11781)
    units = usage_of((await world.only_invoice(metered, APRIL)).document)
    assert (await world.only_invoice(metered, APRIL)).document.total_cents == (
        4999
        + half_up((units["messages"] - 20) * 333, 1000)
        + half_up((units["input_tokens"] - 10_000) * 7, 10_000)
    )
    assert [invoice.document.number[-6:] for invoice in await numbers(world, changing, steady, metered)] == [
        "000001", "000002", "000003",
    ]  # fmt: skip

    # May: the downgrade holds, and what came too late for April stands on this invoice.
    april_digests = {
        context.organization_id: (await world.only_invoice(context, APRIL)).document.ledger_digest
        for context in (changing, steady, metered)
    }
    for number in range(31):
        for members in people.values():
            await traffic.day(MAY + timedelta(days=number), members, 2)
    times.travel(JUNE - timedelta(seconds=1))
    await traffic.settle_late()
    counted = {context.organization_id: traffic.taken(context) for context in (changing, steady, metered)}
    times.travel(JUNE + timedelta(hours=5))
    assert (await world.biller.work(60))["invoices"] == 3
    for context in (changing, steady, metered):
        document = (await world.only_invoice(context, MAY)).document
        expected = counted[context.organization_id]
        if context is metered:
            expected["messages"] += 7
            (line,) = [line for line in document.lines if line.meter == "messages"]
            assert line.late_units == 7
        assert usage_of(document) == expected
        first = await world.only_invoice(context, APRIL)
        assert first.document.ledger_digest == april_digests[context.organization_id]
    assert (await world.only_invoice(changing, MAY)).document.subtotal_cents == 2900
    everything = [line for context in (metered,) for line in world.ledger(context, APRIL, JUNE).items()]
    both = [usage_of((await world.only_invoice(metered, month)).document) for month in (APRIL, MAY)]
    assert dict(everything) == {
        meter: both[0].get(meter, 0) + both[1].get(meter, 0) for meter, _ in everything
    }


async def numbers(world, *contexts):
    found = [invoice for context in contexts for invoice in await world.invoices.page(context, 100)]
    return sorted(found, key=lambda invoice: invoice.document.number)
