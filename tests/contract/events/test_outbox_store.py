"""The outbox, usage by day and the markers on a real database."""

import asyncio

import psycopg
import pytest

from footnote.platform.clock import SystemClock
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.ids import new_id
from footnote.quota import EventMismatch
from footnote.quota.relay import BATCH_BYTES, BATCH_MESSAGES, Relay
from footnote.quota.sweeping import MeteringSweep
from footnote.stores.postgres.outbox import PostgresMeteringJobs, PostgresUsageRollup
from tests.support.events import put, usage, warning
from tests.support.organizations import new_organization, open_database

CONSUMER = "usage-daily"


@pytest.fixture
async def jobs(migrated_database):
    database = open_database(migrated_database, "footnote_jobs")
    yield PostgresMeteringJobs(database)
    await database.close()


@pytest.fixture
async def app(migrated_database):
    database = open_database(migrated_database)
    yield database
    await database.close()


@pytest.fixture
def rollup(app):
    return PostgresUsageRollup(app)


@pytest.fixture
def organization(migrated_database):
    return new_organization(migrated_database)


@pytest.fixture
def sql(migrated_database):
    with psycopg.connect(migrated_database.superuser_dsn, autocommit=True) as connection:
        yield connection


class Queue:
    """Takes messages; refuses or fails where it is told to."""

    def __init__(self):
        self.calls = []
        self.refused = set()
        self.fails = 0

    async def send(self, bodies):
        await asyncio.sleep(0)
        if self.fails:
            self.fails -= 1
            raise ServiceUnavailable("no queue")
        self.calls.append(bodies)
        return [index for index, body in enumerate(bodies) if not any(part in body for part in self.refused)]

    @property
    def bodies(self):
        return [body for call in self.calls for body in call]


async def test_claimed_events_are_nobody_elses_until_their_time_is_over(jobs, organization, sql):
    put(sql, *(usage(organization, number) for number in range(5)))
    first, second = await jobs.claim(3, 60), await jobs.claim(10, 60)
    assert (len(first), len(second)) == (3, 2)
    assert not {event.event_id for event in first} & {event.event_id for event in second}
    assert await jobs.claim(10, 60) == []
    sql.execute("UPDATE quota.outbox SET claimed_until = now() - interval '1 second'")
    assert len(await jobs.claim(10, 60)) == 5


async def test_an_event_survives_the_way_there_and_back(jobs, organization, sql):
    event = warning(organization, 90, text='“ä” \u2028 "quoted" \\ ')
    put(sql, event)
    [claimed] = await jobs.claim(1, 60)
    read = type(claimed).of_message(claimed.to_message())
    assert read == claimed
    assert (read.organization_id, read.event_id, read.payload) == (
        event.organization_id,
        event.event_id,
        event.payload,
    )
    assert read.digest == event.digest


async def test_confirmed_events_are_never_claimed_again(jobs, organization, sql):
    put(sql, *(usage(organization, number) for number in range(3)))
    claimed = await jobs.claim(2, 0)
    await jobs.confirm(claimed)
    assert len(await jobs.claim(10, 0)) == 1
    assert (await jobs.backlog()).outbox_age_s >= 0


async def test_the_relay_fills_calls_within_their_bounds(jobs, organization, sql):
    put(sql, *(usage(organization, number) for number in range(25)))
    put(sql, *(usage(organization, 100 + number, text="x" * 100_000) for number in range(5)))
    put(sql, usage(organization, 999, text="x" * BATCH_BYTES))
    queue = Queue()
    assert await Relay(jobs, queue, SystemClock(), 60).run(10) == 30
    assert all(len(call) <= BATCH_MESSAGES for call in queue.calls)
    assert all(sum(len(body.encode()) for body in call) <= BATCH_BYTES for call in queue.calls)
    assert len(set(queue.bodies)) == len(queue.bodies) == 30
    left = sql.execute("SELECT event_id FROM quota.outbox WHERE sent_at IS NULL").fetchall()
    assert left == [("usage:999:1",)]


async def test_what_the_queue_refuses_is_sent_again_and_nothing_else(jobs, organization, sql):
    put(sql, *(usage(organization, number) for number in range(20)))
    queue = Queue()
    queue.refused = {'"usage:7:1"', '"usage:13:1"'}
    assert await Relay(jobs, queue, SystemClock(), 0).run(0.01) >= 18
    queue.refused = set()
    queue.calls.clear()
    assert await Relay(jobs, queue, SystemClock(), 0).run(10) == 2
    assert len(queue.bodies) == 2


async def test_a_queue_that_fails_loses_nothing(jobs, organization, sql):
    put(sql, *(usage(organization, number) for number in range(30)))
    queue = Queue()
    queue.fails = 1
    with pytest.raises(ServiceUnavailable):
        await Relay(jobs, queue, SystemClock(), 0).run(10)
    sent = sql.execute("SELECT count(*) FROM quota.outbox WHERE sent_at IS NOT NULL").fetchone()[0]
    assert sent == len(queue.bodies) == 20
    await Relay(jobs, queue, SystemClock(), 0).run(10)
    assert len(queue.bodies) == len(set(queue.bodies)) == 30


async def test_a_round_does_the_rest_when_the_queue_is_down(jobs, organization, sql, app):
    put(sql, usage(organization, 1))
    hold = (organization.organization_id, new_id())
    sql.execute(
        "INSERT INTO quota.holds (organization_id, hold_id, feature, request_hash, lines, shard,"
        " platform_start, state, dispatched, expires_at, keep_until) VALUES (%s, %s, 'chat', '', '{}', 0,"
        " now(), 'open', false, now() - interval '1 minute', now() + interval '1 hour')",
        hold,
    )
    queue = Queue()
    queue.fails = 99
    sweep = MeteringSweep(jobs, Relay(jobs, queue, SystemClock(), 0), SystemClock())
    done = await sweep.sweep(5)
    assert (done["holds_expired"], done["relay_failed"]) == (1, 1)
    assert sql.execute("SELECT state FROM quota.holds WHERE hold_id = %s", hold[1:]).fetchone() == (
        "expired",
    )
    queue.fails = 0
    assert (await sweep.sweep(5))["events_sent"] == 1


async def test_sent_events_and_markers_are_forgotten_when_they_are_old(jobs, organization, sql, rollup):
    put(sql, usage(organization, 1), usage(organization, 2), warning(organization))
    await rollup.add_usage(CONSUMER, usage(organization, 1))
    assert await jobs.purge_events(1, 1, 100) == 0  # nothing was sent
    sql.execute("UPDATE quota.outbox SET sent_at = now() - interval '8 days'")
    week, months = 7 * 86_400, 40 * 86_400
    assert await jobs.purge_events(week, months, 1) == 1
    assert await jobs.purge_events(week, months, 100) == 1
    assert sql.execute("SELECT topic FROM quota.outbox").fetchall() == [("quota.warning",)]
    assert await jobs.purge_processed(3600, 100) == 0
    sql.execute("UPDATE quota.processed_events SET processed_at = now() - interval '2 hours'")
    assert await jobs.purge_processed(3600, 100) == 1


async def test_answers_to_old_requests_are_forgotten(jobs, organization, sql):
    sql.execute(
        "INSERT INTO billing.requests (organization_id, key, request_hash, at)"
        " SELECT %s, 'key-' || n, '', now() - make_interval(days => n) FROM generate_series(1, 5) n",
        (organization.organization_id,),
    )
    assert await jobs.purge_billing(3 * 86_400, 86_400, 2) == 2
    assert await jobs.purge_billing(3 * 86_400, 86_400, 100) == 1
    kept = sql.execute("SELECT key FROM billing.requests ORDER BY key").fetchall()
    assert kept == [("key-1",), ("key-2",)]


async def test_what_cannot_be_forgotten_keeps_no_event_waiting(jobs, organization, sql, monkeypatch):
    put(sql, usage(organization, 1))
    queue = Queue()

    async def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(jobs, "purge_events", broken)
    sweep = MeteringSweep(jobs, Relay(jobs, queue, SystemClock(), 60), SystemClock())
    with pytest.raises(ZeroDivisionError):
        await sweep.sweep(5)
    assert sql.execute("SELECT count(*) FROM quota.outbox WHERE sent_at IS NULL").fetchone() == (0,)


# Usage by day ---------------------------------------------------------------------------------------------


async def test_usage_is_added_once_however_often_it_comes(rollup, organization, sql):
    events = [usage(organization, number, units=number + 1) for number in range(4)]
    news = [await rollup.add_usage(CONSUMER, event) for event in [*events, *reversed(events)]]
    assert news == [True] * 4 + [False] * 4
    rows = sql.execute(
        "SELECT day::text, meter, model, feature, units, cost_micro_usd FROM quota.usage_daily ORDER BY meter"
    ).fetchall()
    assert rows == [
        ("2026-11-25", "input_tokens", "m", "chat", 100, 70),
        ("2026-11-25", "messages", "", "chat", 10, 0),
    ]


async def test_the_day_is_that_of_utc(rollup, organization, sql):
    await rollup.add_usage(CONSUMER, usage(organization, 1, at="2026-11-26T01:30:00+02:00"))
    assert sql.execute("SELECT DISTINCT day::text FROM quota.usage_daily").fetchall() == [("2026-11-25",)]


async def test_another_content_under_the_same_id_is_refused_and_changes_nothing(rollup, organization, sql):
    await rollup.add_usage(CONSUMER, usage(organization, 1))
    with pytest.raises(EventMismatch):
        await rollup.add_usage(CONSUMER, usage(organization, 1, units=2))
    assert sql.execute("SELECT sum(units) FROM quota.usage_daily").fetchone() == (11,)


async def test_a_marker_without_its_effect_is_not_kept(rollup, organization, sql):
    broken = usage(organization, 1, lines=[{"meter": None, "model": "", "units": 1, "cost_micro_usd": 0}])
    with pytest.raises(psycopg.errors.NotNullViolation):
        await rollup.add_usage(CONSUMER, broken)
    assert sql.execute("SELECT count(*) FROM quota.processed_events").fetchone() == (0,)
    assert await rollup.add_usage(CONSUMER, usage(organization, 1))


async def test_usage_of_an_organization_that_is_gone_is_dropped(rollup, organization, sql):
    sql.execute("DELETE FROM core.organizations WHERE organization_id = %s", (organization.organization_id,))
    assert not await rollup.add_usage(CONSUMER, usage(organization, 1))


async def test_many_at_once_wait_for_each_other_and_never_in_a_circle(migrated_database, organization, sql):
    databases = [open_database(migrated_database) for _ in range(4)]
    rollups = [PostgresUsageRollup(database) for database in databases]
    events = [usage(organization, number) for number in range(25)]
    await asyncio.gather(*(one.add_usage(CONSUMER, event) for one in rollups for event in events))
    assert sql.execute("SELECT sum(units) FROM quota.usage_daily").fetchone() == (25 * 11,)
    for database in databases:
        await database.close()


async def test_old_events_of_payment_providers_are_forgotten_and_states_of_running_subscriptions_kept(
    jobs, organization, sql
):
    sql.execute(
        "INSERT INTO billing.provider_events (provider, event_id, type, outcome, processed_at)"
        " SELECT 'stripe', 'evt_' || n, 'a', 'applied', now() - make_interval(days => n)"
        " FROM unnest('{1,50,95,120}'::int[]) n"
    )
    names = {"o": organization.organization_id}
    sql.execute(
        "INSERT INTO billing.provider_states (organization_id, provider, subscription_ref, asked_at)"
        " SELECT %(o)s, 'stripe', ref, now() - make_interval(days => age)"
        " FROM (VALUES ('sub_runs', 100), ('sub_over', 100), ('sub_new', 1)) s (ref, age)",
        names,
    )
    sql.execute(
        "INSERT INTO billing.subscriptions (organization_id, subscription_id, plan, plan_version, provider,"
        " provider_ref, status, anchor, period_start, period_end, ended_at)"
        " SELECT %(o)s, gen_random_uuid(), 'pro', 1, 'stripe', ref, 'active', now(), now(),"
        " now() + interval '1 month', ended_at"
        " FROM (VALUES ('sub_runs', NULL::timestamptz), ('sub_over', now())) s (ref, ended_at)",
        names,
    )
    months = 90 * 86_400
    assert await jobs.purge_billing(months, months, 1) == 2
    assert await jobs.purge_billing(months, months, 100) == 1
    assert await jobs.purge_billing(months, months, 100) == 0
    left = sql.execute("SELECT event_id FROM billing.provider_events ORDER BY 1").fetchall()
    assert left == [("evt_1",), ("evt_50",)]
    kept = sql.execute("SELECT subscription_ref FROM billing.provider_states ORDER BY 1").fetchall()
    assert kept == [("sub_new",), ("sub_runs",)]
