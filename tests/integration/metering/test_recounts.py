"""What is added up once, and counted again within a week: nothing that is old differs unnoticed."""

import random

import psycopg
import pytest

from footnote.platform.ids import new_id
from footnote.quota import Meter
from tests.support.organizations import new_organization
from tests.support.reconciliation import reconciler, reserve, settlement


async def test_windows_that_ended_long_ago_are_compared_when_everything_is_counted(
    migrated_database, jobs, store, sql
):
    context = new_organization(migrated_database)
    await store.settle(context, settlement(await reserve(store, context), random.Random(1)))
    first = await reconciler(jobs).reconcile(10)
    assert (first.mismatches, first.recounted, first.complete) == (0, 1, True)
    sql.execute(
        "UPDATE quota.windows SET committed = committed + 1,"
        " window_end = CASE subject WHEN %s THEN now() - interval '3 days' ELSE now() - interval '1 day' END"
        " WHERE meter = 'messages'",
        (context.organization_id,),
    )
    findings = await reconciler(jobs).reconcile(10)
    assert [one["subject"] for one in findings.differences] == [str(context.user_id)]
    assert findings.recounted == 0
    a_week_passes(sql)
    for _ in range(2):  # what differs is counted each time, until it does no more
        findings = await reconciler(jobs).reconcile(10)
        assert findings.mismatches == 2
        assert findings.recounted == 1
        assert {one["subject"] for one in findings.differences} == {
            str(context.user_id),
            str(context.organization_id),
        }
    sql.execute("UPDATE quota.windows SET committed = committed - 1 WHERE meter = 'messages'")
    assert (await reconciler(jobs).reconcile(10)).mismatches == 0
    assert (await reconciler(jobs).reconcile(10)).recounted == 0


def a_week_passes(sql):
    sql.execute("UPDATE quota.sums SET counted_at = counted_at - interval '7 days'")


async def add_documents(store, context, count):
    for _ in range(count):
        await store.adjust(context, new_id(), "ingestion", {Meter.STORAGE_BYTES: 5, Meter.DOCUMENTS: 1})


async def test_levels_are_their_sum_and_what_came_since(migrated_database, jobs, store, sql):
    context = new_organization(migrated_database)
    for count in (3, 0, 2):
        await add_documents(store, context, count)
        findings = await reconciler(jobs).reconcile(10)
        assert (findings.mismatches, findings.complete) == (0, True), findings.differences
    levels = sql.execute("SELECT levels FROM quota.sums").fetchone()[0]
    assert levels == {"documents": 5, "storage_bytes": 25}
    await store.adjust(context, new_id(), "ingestion", {Meter.STORAGE_BYTES: -5, Meter.DOCUMENTS: -1})
    assert (await jobs.compare(None, 10)).count == 0  # before it is added up
    sql.execute("UPDATE quota.windows SET committed = committed + 1 WHERE meter = 'documents'")
    assert [one["meter"] for one in (await jobs.compare(None, 10)).differences] == ["documents"]


OLD_DEFECTS = {
    "a row of a level": "UPDATE quota.usage_ledger SET units = units + 1 WHERE meter = 'documents'",
    "a row of a level that is gone": "DELETE FROM quota.usage_ledger WHERE meter = 'storage_bytes'",
    "a row of a month that ended": (
        "UPDATE quota.usage_ledger SET units = units + 1 WHERE meter = 'input_tokens'"
    ),
    "a cost of a month that ended": (
        "UPDATE quota.usage_ledger SET cost_micro_usd = cost_micro_usd + 1 WHERE meter = 'input_tokens'"
    ),
    "an internal cost of a month that ended": "DELETE FROM quota.cost_ledger",
    "a window that is gone": "DELETE FROM quota.windows WHERE meter = 'messages'",
    "a part of the sums": "UPDATE quota.usage_parts SET cost_micro_usd = cost_micro_usd + 1 WHERE units > 1",
    "a part of the sums that is gone": "DELETE FROM quota.usage_parts WHERE meter = 'messages'",
    "a member's day": "UPDATE quota.member_days SET units = units + 1 WHERE meter = 'messages'",
}


@pytest.mark.parametrize("defect", OLD_DEFECTS)
async def test_a_defect_in_old_rows_is_found_within_a_week(migrated_database, jobs, store, sql, defect):
    context, other = new_organization(migrated_database), new_organization(migrated_database)
    for each in (context, other):
        await add_documents(store, each, 2)
        await store.settle(each, settlement(await reserve(store, each), random.Random(1)))
        released = await reserve(store, each)
        await store.release(each, released.hold_id, released.attempt, 7)
    sql.execute(
        "UPDATE quota.windows SET window_end = now() - interval '3 days' WHERE window_end < '9999-01-01'"
    )
    assert (await reconciler(jobs).reconcile(10)).mismatches == 0
    statement, _, rest = OLD_DEFECTS[defect].partition(" WHERE ")
    condition = f"{rest} AND organization_id = %s" if rest else "organization_id = %s"
    assert sql.execute(f"{statement} WHERE {condition}", (context.organization_id,)).rowcount > 0
    a_week_passes(sql)
    findings = await reconciler(jobs).reconcile(10)
    assert findings.mismatches > 0
    assert findings.recounted == 2
    assert {one["organization_id"] for one in findings.differences} == {str(context.organization_id)}
    assert (await reconciler(jobs).reconcile(10)).mismatches == findings.mismatches


async def test_a_count_that_takes_too_long_leaves_the_rest_told(migrated_database, jobs, store, sql):
    context = new_organization(migrated_database)
    await add_documents(store, context, 2)
    sql.execute("UPDATE quota.windows SET committed = committed + 1 WHERE meter = 'documents'")
    sql.execute(
        "CREATE OR REPLACE FUNCTION metering.recount(p_organization_id uuid) RETURNS jsonb LANGUAGE sql"
        " AS $$ SELECT '{}'::jsonb FROM pg_sleep(600) $$"
    )
    findings = await reconciler(jobs).reconcile(2)
    assert (findings.mismatches, findings.recounted, findings.complete) == (1, 0, False)


async def test_a_ledger_that_cannot_be_added_up_in_time_leaves_the_rest_told(
    migrated_database, jobs, store, sql
):
    context = new_organization(migrated_database)
    await add_documents(store, context, 2)
    sql.execute("UPDATE quota.windows SET committed = committed + 1 WHERE meter = 'documents'")
    sql.execute(
        "CREATE OR REPLACE FUNCTION quota.add_levels(p_sums quota.sums, p_settled xid8) RETURNS void"
        " LANGUAGE plpgsql AS $$ BEGIN RAISE query_canceled; END $$"
    )
    findings = await reconciler(jobs).reconcile(10)
    assert (findings.mismatches, findings.recounted, findings.complete) == (1, 1, False)


async def test_recounts_spread_over_the_second_half_of_the_week(migrated_database, jobs, sql):
    for _ in range(40):
        new_organization(migrated_database)
    assert (await reconciler(jobs).reconcile(30)).recounted == 40
    for days, least, most in ((3, 0, 0), (5, 5, 35), (7, 40, 40)):
        sql.execute("UPDATE quota.sums SET counted_at = now() - make_interval(days => %s)", (days,))
        assert least <= (await reconciler(jobs).reconcile(30)).recounted <= most


async def test_a_long_ledger_is_added_up_in_pieces(migrated_database, jobs, store, sql):
    context = new_organization(migrated_database)
    await add_documents(store, context, 10)
    # One transaction with more rows than a piece has.
    sql.execute(
        "UPDATE quota.usage_ledger SET txid = (SELECT min(txid) FROM quota.usage_ledger) WHERE units = 1"
    )
    calls = 0
    added = await jobs.add_up(None, 1, 3)
    while added.again:
        calls += 1
        added = await jobs.add_up(None, 1, 3)
    assert 3 <= calls <= 10
    row = sql.execute("SELECT levels, waiting FROM quota.sums").fetchone()
    assert row == ({"documents": 10, "storage_bytes": 50}, 0)
    parts = "SELECT sum(units), sum(entries) FROM quota.usage_parts WHERE meter = 'documents'"
    assert sql.execute(parts).fetchone() == (10, 10)
    assert await jobs.add_up(context.organization_id, 1, 3) is None


async def test_only_long_ledgers_are_added_up(migrated_database, jobs, store, sql):
    context = new_organization(migrated_database)
    for total in (2, 4, 6):
        await add_documents(store, context, 1)
        assert (await reconciler(jobs, waiting=6).reconcile(10)).mismatches == 0
        waiting = 0 if total == 6 else total
        assert sql.execute("SELECT waiting FROM quota.sums").fetchone() == (waiting,)
        parts = sql.execute("SELECT coalesce(sum(entries), 0) FROM quota.usage_parts").fetchone()
        assert parts == (6 if total == 6 else 0,)


async def test_rows_of_transactions_that_are_open_are_not_added_up(migrated_database, jobs, store, sql):
    context = new_organization(migrated_database)
    with psycopg.connect(migrated_database.superuser_dsn) as late:
        # Its number is older than those of all that follows, and nobody sees its rows yet.
        late.execute(
            "INSERT INTO quota.usage_ledger"
            " (organization_id, hold_id, attempt, meter, feature, window_start, units)"
            " VALUES (%s, %s, 0, 'documents', 'ingestion', '1970-01-01 00:00+00', 1)",
            (context.organization_id, new_id()),
        )
        await add_documents(store, context, 1)
        assert (await reconciler(jobs).reconcile(10)).mismatches == 0
        late.commit()
    sql.execute("UPDATE quota.windows SET committed = committed + 1 WHERE meter = 'documents'")
    for _ in range(2):
        assert (await reconciler(jobs).reconcile(10)).mismatches == 0
    assert sql.execute("SELECT levels ->> 'documents' FROM quota.sums").fetchone() == ("2",)


async def test_sums_of_another_database_are_made_anew(migrated_database, jobs, store, sql):
    context = new_organization(migrated_database)
    await add_documents(store, context, 2)
    await reconciler(jobs).reconcile(10)
    # A restored dump: the sums were made up to a transaction that this database has not come to.
    sql.execute(
        "UPDATE quota.sums SET before = '9000000', levels_before = '9000000', levels = '{\"documents\": 7}'"
    )
    sql.execute("UPDATE quota.usage_ledger SET txid = '8000000'")
    assert (await jobs.compare(None, 10)).count == 0
    assert (await reconciler(jobs).reconcile(10)).mismatches == 0
    assert sql.execute("SELECT before < '9000000' FROM quota.sums").fetchone() == (True,)


async def test_forgotten_sums_come_back(migrated_database, jobs, store, sql):
    context = new_organization(migrated_database)
    await add_documents(store, context, 2)
    await reconciler(jobs).reconcile(10)
    sql.execute("UPDATE quota.usage_parts SET units = units + 1")
    a_week_passes(sql)
    assert (await reconciler(jobs).reconcile(10)).mismatches > 0
    with psycopg.connect(migrated_database.dsn("footnote_jobs"), autocommit=True) as operator:
        operator.execute("SELECT metering.forget_sums(%s)", (context.organization_id,))
    assert (await reconciler(jobs).reconcile(10)).mismatches == 0
