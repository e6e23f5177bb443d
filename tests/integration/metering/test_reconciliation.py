"""Reconciliation: nothing differs under traffic, and what differs is found and told."""

import asyncio
import json
import random
import time

import psycopg
import pytest

from footnote.platform.clock import SystemClock
from footnote.platform.ids import new_id
from footnote.quota import HoldRequest, Meter, Reserved, Settlement, Used
from footnote.quota.reconciliation import Reconciler
from footnote.stores.postgres.outbox import PostgresMeteringJobs
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.events import put, usage
from tests.support.organizations import new_organization, open_database

UNITS = {
    Meter.MESSAGES: 1,
    Meter.INPUT_TOKENS: 100,
    Meter.CONCURRENT_REQUESTS: 1,
    Meter.COST: 1_000,
}


@pytest.fixture
async def jobs(migrated_database):
    database = open_database(migrated_database, "footnote_jobs")
    yield PostgresMeteringJobs(database)
    await database.close()


@pytest.fixture
async def store(migrated_database):
    database = open_database(migrated_database)
    yield PostgresQuotaStore(database, "enterprise")
    await database.close()


@pytest.fixture
def sql(migrated_database):
    with psycopg.connect(migrated_database.superuser_dsn, autocommit=True) as connection:
        yield connection


def reconciler(jobs, page=100, waiting=1):
    return Reconciler(jobs, SystemClock(), page=page, waiting=waiting)


async def reserve(store, context, ttl_s=60, hold_id=None):
    return await store.reserve(context, HoldRequest(hold_id or new_id(), b"", "chat", UNITS, ttl_s))


def settlement(reserved, choice):
    used = (
        Used(Meter.MESSAGES, 1),
        Used(Meter.INPUT_TOKENS, choice.randrange(1, 100), "model", choice.randrange(1, 999)),
    )
    return Settlement(reserved.hold_id, reserved.attempt, used, 1)


async def request(store, context, choice):
    """One request and what may become of it."""
    reserved = await reserve(store, context, ttl_s=choice.choice([0, 60]))
    if not isinstance(reserved, Reserved):
        return
    fate = choice.random()
    if fate < 0.5:
        await store.settle(context, settlement(reserved, choice))
    elif fate < 0.7:
        await store.release(context, reserved.hold_id, reserved.attempt, choice.randrange(3))
    elif fate < 0.8:
        again = await reserve(store, context, hold_id=reserved.hold_id)
        await store.settle(context, settlement(reserved, choice))
        if isinstance(again, Reserved):
            await store.settle(context, settlement(again, choice))
    elif fate < 0.9:
        await store.adjust(context, new_id(), "ingestion", {Meter.STORAGE_BYTES: 5, Meter.DOCUMENTS: 1})


@pytest.mark.slow
async def test_running_traffic_never_shows_as_a_difference(migrated_database, jobs):
    organizations = [new_organization(migrated_database) for _ in range(3)]
    databases = [open_database(migrated_database) for _ in range(3)]
    ends = time.monotonic() + 8
    rounds = 0

    async def traffic(number):
        choice = random.Random(number)
        store = PostgresQuotaStore(databases[number], "enterprise")
        while time.monotonic() < ends:
            await request(store, choice.choice(organizations), choice)

    async def sweep():
        database = open_database(migrated_database, "footnote_jobs")
        sweeper = PostgresMeteringJobs(database)
        while time.monotonic() < ends:
            await sweeper.expire_next(0)
            await asyncio.sleep(0.01)
        await database.close()

    async def compare():
        nonlocal rounds
        while time.monotonic() < ends:
            findings = await reconciler(jobs, page=2).reconcile(10)
            assert findings.mismatches == 0, findings.differences
            assert findings.complete
            rounds += 1

    await asyncio.gather(*(traffic(number) for number in range(3)), sweep(), compare())
    assert rounds > 20
    findings = await reconciler(jobs).reconcile(10)
    assert (findings.mismatches, findings.organizations) == (0, 3)
    assert findings.windows >= 3 * 5
    for database in databases:
        await database.close()


DEFECTS = {
    "a window that counted too much": (
        "UPDATE quota.windows SET committed = committed + 1 WHERE meter = 'messages'"
    ),
    "a reservation that was never given back": (
        "UPDATE quota.windows SET reserved = reserved + 1 WHERE meter = 'input_tokens'"
    ),
    "usage that no window has": "UPDATE quota.usage_ledger SET units = units + 1 WHERE meter = 'messages'",
    "usage that was lost": "DELETE FROM quota.usage_ledger WHERE meter = 'input_tokens'",
    "a cost that no window has": (
        "UPDATE quota.usage_ledger SET cost_micro_usd = 99 WHERE meter = 'input_tokens'"
    ),
    "an internal cost that was lost": "DELETE FROM quota.cost_ledger",
    "a hold that was lost": "DELETE FROM quota.holds WHERE state = 'open'",
    "a platform part that counted too much": (
        "UPDATE quota.platform_windows SET committed = committed + 1 WHERE shard = 3"
    ),
    "a platform part that keeps a reservation": (
        "UPDATE quota.platform_windows SET reserved = reserved + 1 WHERE shard = 3"
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
async def test_every_defect_is_found_told_and_left(
    migrated_database, jobs, store, sql, caplog, capsys, defect
):
    context = new_organization(migrated_database)
    choice = random.Random(1)
    await store.settle(context, settlement(await reserve(store, context), choice))
    released = await reserve(store, context)
    await store.release(context, released.hold_id, released.attempt, 7)
    await reserve(store, context)
    assert (await reconciler(jobs).reconcile(10)).mismatches == 0
    sql.execute(DEFECTS[defect])
    capsys.readouterr()
    for _ in range(2):
        assert (await reconciler(jobs).reconcile(10)).mismatches > 0
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "quota_mismatch" in line]
    assert all(one["quota_mismatch"][0] > 0 for one in told)
    assert len(told) == 2
    named = [record.difference for record in caplog.records if record.message == "the books differ"]
    assert named
    if "platform" not in defect:
        assert all(one["organization_id"] == str(context.organization_id) for one in named)
        assert all({"meter", "subject", "window_start", "committed", "used"} <= set(one) for one in named)


async def test_members_windows_are_compared_as_well(migrated_database, jobs, store, sql):
    context = new_organization(migrated_database)
    await store.settle(context, settlement(await reserve(store, context), random.Random(1)))
    sql.execute(
        "UPDATE quota.windows SET committed = committed + 1 WHERE subject = %s AND meter = 'cost'",
        (context.user_id,),
    )
    findings = await reconciler(jobs).reconcile(10)
    assert [(one["subject"], one["meter"]) for one in findings.differences] == [
        (str(context.user_id), "cost")
    ]


async def test_organizations_are_compared_page_by_page(migrated_database, jobs, store, sql):
    organizations = [new_organization(migrated_database) for _ in range(7)]
    for context in organizations:
        await store.adjust(context, new_id(), "ingestion", {Meter.DOCUMENTS: 1})
    findings = await reconciler(jobs, page=3).reconcile(10)
    assert (findings.organizations, findings.windows, findings.mismatches) == (7, 7, 0)
    sql.execute("UPDATE quota.windows SET committed = 5")
    findings = await reconciler(jobs, page=3).reconcile(10)
    assert {one["organization_id"] for one in findings.differences} == {
        str(context.organization_id) for context in organizations
    }
    assert not (await reconciler(jobs, page=3).reconcile(0)).complete


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


async def test_what_the_jobs_are_behind_with_is_told(migrated_database, jobs, store, sql, capsys):
    context = new_organization(migrated_database)
    put(sql, usage(context, 1))
    late = await reserve(store, context)
    await reserve(store, context)
    sql.execute("UPDATE quota.outbox SET created_at = now() - interval '10 minutes'")
    sql.execute("UPDATE quota.holds SET expires_at = now() - interval '6 minutes'")
    await store.settle(context, settlement(late, random.Random(1)))
    findings = await reconciler(jobs).reconcile(10)
    assert 599 < findings.backlog.outbox_age_s < 700
    assert findings.backlog.holds_overdue == 1
    assert findings.backlog.late_settlements == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    told = {name: value for line in lines for name, value in line.items() if isinstance(value, list)}
    assert told["quota_mismatch"] == [0]
    assert told["holds_overdue"] == [1]
    assert told["quota_late_settle"] == [1]
    assert told["outbox_age_s"][0] > 599
    assert {line["_aws"]["CloudWatchMetrics"][0]["Namespace"] for line in lines} == {"Footnote/Metering"}
