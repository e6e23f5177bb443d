"""Reports from sums: to the unit what the ledgers say, however much of them is added up."""

import asyncio
import time
from datetime import date, timedelta

import psycopg
import pytest

from footnote.billing.costs import GROUPS, Period
from footnote.billing.usage import DayRange
from footnote.quota import Reserved
from footnote.stores.postgres.billing_usage import PostgresUsageStore
from footnote.stores.postgres.costs import PostgresCosts
from tests.support.budgets import spend
from tests.support.costs import add_traffic, utc
from tests.support.ledgers import add_everything_up
from tests.support.metering import entitle
from tests.support.organizations import new_organization, open_database
from tests.support.quota import moved_clock, query

# Clocks go forward on 14 March 2027 in the Americas and on 28 March in Europe.
FIRST, LAST = "2027-03-09", "2027-03-31"
ZONES = (
    "UTC",
    "Asia/Kathmandu",
    "America/St_Johns",
    "Europe/London",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
)
COST_KEYS = {
    "organization": "organization_id",
    "model": "nullif(model, '')",
    "feature": "feature",
    "day": "(at AT TIME ZONE %(zone)s)::date",
    "user": "user_id",
    "component": "meter",
}
COSTS = """
SELECT ({key})::text, sum(billed)::bigint, sum(unbilled)::bigint
  FROM (SELECT organization_id, user_id, feature, model, meter, at, cost_micro_usd AS billed, 0 AS unbilled
          FROM quota.usage_ledger
         UNION ALL
        SELECT organization_id, user_id, feature, NULL, NULL, at, 0, cost_micro_usd FROM quota.cost_ledger) l
 WHERE organization_id = %(o)s AND at >= %(first)s::timestamp AT TIME ZONE %(zone)s
   AND at < (%(last)s::date + 1)::timestamp AT TIME ZONE %(zone)s AND (billed <> 0 OR unbilled <> 0)
 GROUP BY 1
"""
TOTALS = """
SELECT sum(cost_micro_usd)::bigint, sum(units) FILTER (WHERE meter = 'messages')::bigint,
       count(DISTINCT (hold_id, attempt)) FILTER (WHERE attempt > 0),
       count(*) FILTER (WHERE meter = 'embedding_tokens')
  FROM quota.usage_ledger
 WHERE organization_id = %(o)s AND at >= %(first)s::timestamp AT TIME ZONE %(zone)s
   AND at < (%(last)s::date + 1)::timestamp AT TIME ZONE %(zone)s
"""
USAGE_KEYS = {
    "day": "(at AT TIME ZONE %(zone)s)::date",
    "meter": "''",
    "user": "user_id",
    "model": "model",
    "feature": "feature",
}
USAGE = """
SELECT coalesce(({key})::text, ''), meter, sum(units)::bigint, sum(cost_micro_usd)::bigint
  FROM quota.usage_ledger
 WHERE organization_id = %(o)s AND at >= %(first)s::timestamp AT TIME ZONE %(zone)s
   AND at < (%(last)s::date + 1)::timestamp AT TIME ZONE %(zone)s
 GROUP BY 1, 2 ORDER BY 1, 2
"""
MORE = """
INSERT INTO quota.usage_ledger (
    organization_id, hold_id, attempt, meter, model, feature, window_start, units, cost_micro_usd, at)
SELECT %(o)s, gen_random_uuid(), i %% 2, 'embedding_tokens', 'vectors', 'ingestion', '2027-03-01', i, i * 3,
       timestamptz '2027-03-08 00:00+00' + i * interval '7 minutes' FROM generate_series(1, 4000) i
"""
# The same of another member, some minutes later.
AGAIN = """
INSERT INTO quota.usage_ledger (
    organization_id, hold_id, attempt, meter, model, user_id, feature, window_start, units, cost_micro_usd,
    at)
SELECT organization_id, md5(hold_id::text)::uuid, attempt, meter, model, %(o)s, feature, window_start,
       units + 1, cost_micro_usd, at + interval '11 minutes'
  FROM quota.usage_ledger WHERE organization_id = %(o)s AND at < '2027-03-26 00:00+00'
"""


@pytest.fixture(scope="module", autouse=True)
def moved(module_database):
    with moved_clock(module_database.superuser_dsn, "2027-04-02 00:00+00"):
        yield


@pytest.fixture
async def app(module_database):
    database = open_database(module_database)
    yield database
    await database.close()


@pytest.mark.parametrize("zone", ZONES)
async def test_reports_equal_the_ledgers_whatever_is_added_up(module_database, app, zone):
    dsn = module_database.superuser_dsn
    owner = new_organization(module_database)
    entitle(dsn, owner.organization_id, "{}")
    query(
        dsn,
        "UPDATE quota.entitlements SET time_zone = %s WHERE organization_id = %s",
        zone,
        owner.organization_id,
    )
    values = {"o": owner.organization_id, "zone": zone, "first": FIRST, "last": LAST}
    parts = (
        lambda: add_traffic(dsn, owner, utc("2027-03-31 12:00"), 26),
        lambda: query_with(dsn, MORE, values),
        lambda: query_with(dsn, AGAIN, values),
    )
    for add in parts:
        add()
        await assert_equal(app, dsn, owner, values)
        await add_everything_up(module_database, 5_000)
        await assert_equal(app, dsn, owner, values)
    waiting = query(dsn, "SELECT waiting FROM quota.sums WHERE organization_id = %s", owner.organization_id)
    assert waiting == [(0,)]


async def assert_equal(app, dsn, owner, values):
    costs, usage = PostgresCosts(app), PostgresUsageStore(app)
    first, last = (utc(f"{values[name]} 00:00").date() for name in ("first", "last"))
    ((billed, messages, requests, embeddings),) = query_with(dsn, TOTALS, values)
    for group_by in GROUPS:
        expected = query_with(dsn, COSTS.format(key=COST_KEYS[group_by]), values)
        totals, groups = await costs.sums(owner, Period(first, last), group_by)
        assert sorted(map(repr, expected)) == sorted(repr((g.key, g.billed, g.unbilled)) for g in groups)
        assert (totals.billed, totals.messages, totals.transactions) == (billed, messages, requests)
        assert totals.unbilled == sum(unbilled for _, _, unbilled in expected)
    patterns = await costs.patterns(owner, Period(first, last))
    assert sum(patterns.embedding_by_hour) == embeddings
    for group_by, key in USAGE_KEYS.items():
        report = await usage.report(owner, DayRange(first, last), group_by)
        rows = [(row.group, row.meter, row.units, row.cost_micro_usd) for row in report.rows]
        assert sorted(rows) == sorted(query_with(dsn, USAGE.format(key=key), values))


def query_with(dsn, statement, values):
    with psycopg.connect(dsn, autocommit=True) as connection:
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


async def test_a_change_of_the_time_zone_needs_no_other_sums(module_database, app):
    dsn = module_database.superuser_dsn
    owner = new_organization(module_database)
    entitle(dsn, owner.organization_id, "{}")
    add_traffic(dsn, owner, utc("2027-03-31 12:00"), 26)
    await add_everything_up(module_database, 5_000)
    for zone in ("Asia/Kathmandu", "America/St_Johns"):
        query(dsn, "UPDATE quota.entitlements SET time_zone = %s", zone)
        values = {"o": owner.organization_id, "zone": zone, "first": FIRST, "last": LAST}
        await assert_equal(app, dsn, owner, values)


async def test_sums_of_another_database_are_not_told(module_database, app):
    """A restored dump: the sums go up to a transaction that this database has not come to."""
    dsn = module_database.superuser_dsn
    owner = new_organization(module_database)
    entitle(dsn, owner.organization_id, "{}")
    values = {"o": owner.organization_id, "zone": "UTC", "first": FIRST, "last": LAST}
    add_traffic(dsn, owner, utc("2027-03-31 12:00"), 10)
    await add_everything_up(module_database, 5_000)
    query(
        dsn,
        "UPDATE quota.sums SET before = '9000000', levels_before = '9000000' WHERE organization_id = %s",
        owner.organization_id,
    )
    query_with(dsn, MORE, values)
    await assert_equal(app, dsn, owner, values)
    await add_everything_up(module_database, 5_000)
    await assert_equal(app, dsn, owner, values)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue"])
async def test_the_first_and_the_last_days_of_all_time(module_database, app, zone):
    owner = new_organization(module_database)
    entitle(module_database.superuser_dsn, owner.organization_id, "{}")
    query(module_database.superuser_dsn, "UPDATE quota.entitlements SET time_zone = %s", zone)
    for first, last in ((date(1, 1, 1), date(1, 1, 31)), (date(9999, 12, 1), date(9999, 12, 31))):
        for group_by in ("day", "user"):
            report = await PostgresUsageStore(app).report(owner, DayRange(first, last), group_by)
            assert report.rows == ()
            totals, groups = await PostgresCosts(app).sums(owner, Period(first, last), group_by)
            assert (totals.total, groups) == (0, [])


def test_days_begin_at_a_quarter_of_an_hour_in_every_time_zone(module_database):
    """Parts would otherwise lie in two days."""
    wrong = query(
        module_database.superuser_dsn,
        "SELECT DISTINCT z.name FROM pg_timezone_names z,"
        " generate_series(timestamp '2026-01-01', timestamp '2031-01-01', interval '1 day') d"
        " WHERE extract(epoch FROM d AT TIME ZONE z.name)::bigint %% 900 <> 0 AND %s",
        True,
    )
    assert wrong == []


async def test_one_day_of_23_hours_within_a_day_of_utc(module_database, app):
    """On 28 March 2027 the day of London lasts from midnight to 23:00 UTC."""
    dsn = module_database.superuser_dsn
    owner = new_organization(module_database)
    entitle(dsn, owner.organization_id, "{}")
    query(dsn, "UPDATE quota.entitlements SET time_zone = 'Europe/London'")
    add_traffic(dsn, owner, utc("2027-03-31 12:00"), 10)
    query_with(dsn, MORE, {"o": owner.organization_id})
    await add_everything_up(module_database, 5_000)
    for day in ("2027-03-27", "2027-03-28", "2027-03-29"):
        values = {"o": owner.organization_id, "zone": "Europe/London", "first": day, "last": day}
        await assert_equal(app, dsn, owner, values)


async def test_what_is_added_up_in_this_moment_counts_once(migrated_database):
    """A report beside traffic and the job never misses a message, and has none twice."""
    owner = new_organization(migrated_database)
    databases = [open_database(migrated_database) for _ in range(2)]
    costs, today = PostgresCosts(databases[1]), (await PostgresCosts(databases[1]).today(owner))[0]
    usage, days = PostgresUsageStore(databases[1]), DayRange(today, today + timedelta(days=1))
    done, ends = 0, time.monotonic() + 3

    async def traffic():
        nonlocal done
        while time.monotonic() < ends:
            assert isinstance(await spend(databases[0], owner, 3), Reserved)
            done += 1

    async def job():
        while time.monotonic() < ends:
            await add_everything_up(migrated_database, 7)

    async def report():
        reports = 0
        while time.monotonic() < ends:
            before = done
            totals, groups = await costs.sums(owner, Period(today, today + timedelta(days=1)), "user")
            # One may be recorded whose answer has not come yet.
            assert before <= totals.messages <= done + 1
            assert totals.billed == 3 * totals.messages == sum(group.billed for group in groups)
            assert totals.transactions == totals.messages
            before = done
            told = await usage.report(owner, days, "user" if reports % 2 else "day")
            assert before <= sum(row.units for row in told.rows if row.meter == "messages") <= done + 1
            reports += 1
        return reports

    _, _, reports = await asyncio.gather(traffic(), job(), report())
    assert reports > 5
    assert done > 5
    parts = query(migrated_database.superuser_dsn, "SELECT sum(entries) FROM quota.usage_parts")
    assert parts[0][0] > 0
    for database in databases:
        await database.close()
