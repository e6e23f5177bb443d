"""Three months in four processes: plans change, subscriptions end and begin, and no row is invoiced twice."""

import multiprocessing
import os
import random
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from footnote.billing import PlanDocument
from footnote.billing.proration import half_up
from footnote.stores.postgres.billing import PostgresPlanStore
from footnote.stores.postgres.billing_coverage import COVERED
from footnote.stores.postgres.billing_profiles import PostgresProfileStore
from tests.support.billing import rows, travelling
from tests.support.billing_workers import bill, use
from tests.support.billing_world import PRICED, World
from tests.support.metering import end_holds
from tests.support.organizations import new_member, new_organization, open_database

APRIL = datetime(2026, 4, 1, tzinfo=UTC)
SEED = int(os.environ.get("FOOTNOTE_SEED", "16"))
PROCESSES, DAYS = 4, 92
REQUESTS = 40 if os.environ.get("FOOTNOTE_NIGHTLY") else 6
DEARER = PlanDocument.model_validate(
    PRICED.model_dump() | {"plan": "dearer", "name": "Dearer Plan", "price_cents": 7999}
)
# By day: which organization wants what.
WISHES = {
    0: [("switching", "metered"), ("leaving", "metered"), ("steady", "metered"), ("returning", "metered")],
    6: [("leaving", None)],
    9: [("switching", "dearer"), ("late", "metered")],
    15: [("switching", "enterprise")],
    18: [("switching", "metered"), ("returning", None)],
    33: [("returning", "dearer")],
    42: [("switching", "dearer"), ("late", None)],
    60: [("returning", None), ("late", "pro")],
    75: [("leaving", "metered")],
}
LEDGER = """
    SELECT organization_id, meter, sum(units)::bigint AS units FROM quota.usage_ledger
     WHERE hold_id <> ALL (%(by_hand)s) GROUP BY 1, 2
"""
# Rows within a period that was invoiced, and those of work begun in one that ended without another to follow.
OWED = """
    SELECT l.organization_id, l.hold_id, l.attempt, l.meter, l.model FROM quota.usage_ledger l
     WHERE EXISTS (SELECT FROM billing.periods p
                    WHERE p.organization_id = l.organization_id AND l.at >= p.period_start
                      AND l.at < p.period_end AND p.invoice_id IS NOT NULL)
        OR EXISTS (SELECT FROM quota.holds h
                     JOIN billing.closings c USING (organization_id)
                    WHERE h.organization_id = l.organization_id AND h.hold_id = l.hold_id
                      AND c.invoice_id IS NOT NULL AND h.created_at < c.ended_at
                      AND l.at >= c.ended_at AND l.at < c.ended_at + interval '48 hours')
"""
INVOICES = """
    SELECT organization_id, period_start AS start, period_end AS end, cutoff, xmin_bound::text AS xmin,
           since_cutoff, since_xmin::text AS since_xmin, late_holds, document
      FROM billing.invoices ORDER BY number
"""


@pytest.fixture
def times(migrated_database):
    with travelling(migrated_database.superuser_dsn) as times:
        yield times


@pytest.fixture
async def world(migrated_database):
    owner = open_database(migrated_database, "footnote_owner")
    for plan in (PRICED, DEARER):
        await PostgresPlanStore(owner).publish(plan)
    await owner.close()
    world = World(migrated_database)
    yield world
    await world.database.close()


@pytest.fixture
def processes():
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as processes:
        yield processes


def running(dsn, context, messages):
    """A transaction that has recorded messages and goes on."""
    connection = psycopg.connect(dsn)
    (hold_id,) = connection.execute(
        "INSERT INTO quota.usage_ledger"
        " (organization_id, hold_id, attempt, meter, feature, window_start, units)"
        " VALUES (%s, gen_random_uuid(), 1, 'messages', 'chat', %s, %s) RETURNING hold_id",
        (context.organization_id, APRIL, messages),
    ).fetchone()
    return connection, hold_id


async def wish(world, owner, plan):
    """Another plan; `None`: none. Who does not pay has lost it already."""
    if plan is not None:
        await world.subscriptions.change(owner, plan)
    elif (await world.store.overview(owner)).subscription is not None:
        await world.subscriptions.cancel(owner)


def pay(dsn, organizations):
    with psycopg.connect(dsn) as connection:
        connection.execute(
            "INSERT INTO billing.invoice_payments (organization_id, invoice_id)"
            " SELECT organization_id, invoice_id FROM billing.invoices WHERE organization_id = ANY (%s)"
            " ON CONFLICT DO NOTHING",
            (organizations,),
        )


def covered(dsn):
    """Rows by the number of invoices that cover them; each invoice's lines are those of its rows."""
    found = Counter()
    for invoice in rows(dsn, INVOICES):
        document = invoice.pop("document")
        units = Counter()
        for row in rows(dsn, COVERED, **invoice):
            key = (invoice["organization_id"], row["hold_id"], row["attempt"], row["meter"], row["model"])
            found[key] += 1
            units[row["meter"]] += row["units"]
        lines = Counter()
        for line in document["lines"]:
            if line["kind"] == "usage":
                lines[line["meter"]] += line["units"]
        assert dict(lines) == dict(units)
        assert document["subtotal_cents"] == sum(line["amount_cents"] for line in document["lines"])
        assert document["tax_cents"] == half_up(
            document["subtotal_cents"] * document["tax_basis_points"], 10_000
        )
        assert document["total_cents"] == document["subtotal_cents"] + document["tax_cents"] >= 0
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_every_row_is_on_exactly_one_invoice(  # noqa: C901 - one story
    world, times, migrated_database, processes
):
    dsn, choice = migrated_database.superuser_dsn, random.Random(SEED)
    times.travel(APRIL)
    names = ("switching", "leaving", "steady", "returning", "late", "free")
    owners = {name: new_organization(migrated_database) for name in names}
    people = [one for owner in owners.values() for one in (owner, new_member(migrated_database, owner))]
    owner = open_database(migrated_database, "footnote_owner")
    await PostgresProfileStore(owner).set_tax(owners["steady"].organization_id, 1900)
    await owner.close()
    used, left, open_transactions, by_hand = Counter(), [], [], []
    for day in range(0, DAYS, 3):
        for step in range(3):
            at = APRIL + timedelta(days=day + step, seconds=choice.randrange(80_000) if step else 0)
            times.travel(at)
            for name, plan in WISHES.get(day + step, ()):
                await wish(world, owners[name], plan)
        pay(dsn, [owners[name].organization_id for name in ("switching", "leaving", "steady")])
        if day % 30 in (27, 0):
            for connection in open_transactions:
                connection.commit()
                connection.close()
            open_transactions.clear()
        if day % 30 == 27:
            for name in ("leaving", "steady", "switching"):
                if (await world.store.overview(owners[name])).subscription is None:
                    continue
                connection, hold_id = running(dsn, owners[name], 1000 + day)
                open_transactions.append(connection)
                by_hand.append(hold_id)
        # Everything that worked until now is settled late by another process, while billers run.
        end_holds(dsn)
        shares = [left[number::PROCESSES] for number in range(PROCESSES)]
        traffic = [
            processes.submit(use, migrated_database, people, choice.randrange(2**32), REQUESTS, share)
            for share in shares
        ]
        billing = [processes.submit(bill, migrated_database) for _ in range(PROCESSES)]
        told = [one.result() for one in traffic]
        assert not any(one.result()["failed"] for one in billing)
        left = [one for each in told for one in each.left]
        used.update(sum((one.used for one in told), Counter()))
    end_holds(dsn)
    used.update(processes.submit(use, migrated_database, people, 1, 0, left).result().used)
    for owner in owners.values():
        await wish(world, owner, None)
    for days in (0, 31, 62, 93):
        times.travel(APRIL + timedelta(days=DAYS + days, hours=1))
        assert processes.submit(bill, migrated_database).result()["failed"] == 0

    ledger = rows(dsn, LEDGER, by_hand=by_hand)
    assert {(row["organization_id"], row["meter"]): row["units"] for row in ledger} == dict(used)
    found = covered(dsn)
    owed = {tuple(row.values()) for row in rows(dsn, OWED)}
    assert set(found.values()) == {1}
    assert set(found) == owed
    assert {key[1] for key in found} >= set(by_hand)
    assert owners["free"].organization_id not in {key[0] for key in found}
    invoices = rows(dsn, "SELECT number FROM billing.invoices ORDER BY number")
    assert [row["number"] for row in invoices] == [
        f"FN-2026-{number:06}" for number in range(1, len(invoices) + 1)
    ]
    assert rows(dsn, "SELECT FROM billing.closings WHERE closed_at IS NULL") == []
    assert rows(dsn, "SELECT FROM billing.invoices WHERE is_closing") != []
