"""Reconciliation: nothing differs under traffic, and what differs is found and told."""

import asyncio
import json
import random
import time

import pytest

from footnote.platform.ids import new_id
from footnote.quota import Meter, Reserved
from footnote.stores.postgres.outbox import PostgresMeteringJobs
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.events import put, usage
from tests.support.organizations import new_organization, open_database
from tests.support.reconciliation import reconciler, reserve, settlement


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
