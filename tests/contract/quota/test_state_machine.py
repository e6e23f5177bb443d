"""Any sequence of calls, times and plans, against a model of a few dictionaries, on real Postgres."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid5

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from footnote.platform.ids import new_id
from footnote.quota import Denied, HoldRequest, Meter, Reserved, Settlement, Used
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.organizations import new_organization, open_database
from tests.support.quota import NIGHTLY, assert_books_agree, limit, moved_clock
from tests.support.quota_calendar import LEVEL, ZONES, boundary, period_of
from tests.support.quota_model import MINE, OURS, QuotaModel, nonzero

EXAMPLES, STEPS = (2_000, 50) if NIGHTLY else (60, 30)
START = datetime(2027, 1, 30, 20, tzinfo=UTC)
METERS = ("messages", "api_calls", "storage_bytes", "cost")
LIMITS = st.none() | st.integers(0, 30)
KEYS = st.integers(0, 3)
PICKS = st.integers(0, 11)
UNITS = st.fixed_dictionaries(
    {"messages": st.integers(0, 4), "api_calls": st.integers(0, 3), "cost": st.integers(0, 9)},
    optional={"storage_bytes": st.integers(0, 9)},
)


class Quota(RuleBasedStateMachine):
    """One organization; a subclass names the database, whose clock stands still."""

    database = None

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.dsn = self.database.superuser_dsn
        self.context = new_organization(self.database)
        self.connection = open_database(self.database)
        self.store = PostgresQuotaStore(self.connection, "free")
        self.superuser = psycopg.connect(self.dsn, autocommit=True)
        self.superuser.execute(
            "SELECT set_config('app.organization_id', %s, false)", (str(self.context.organization_id),)
        )
        self.superuser.execute(
            "INSERT INTO billing.profiles (organization_id) VALUES (%s)", (self.context.organization_id,)
        )
        self.model = QuotaModel(START)
        self.calls = {}
        self.events = {}
        self.set_limits(20, 20, 20, None)
        self.set_clock()

    def hold_id(self, key):
        return uuid5(self.context.organization_id, str(key))

    def set_clock(self):
        self.superuser.execute("UPDATE public.test_time SET now = %s", (self.model.now,))

    def request(self, key, digest, units, is_dispatched, repeats):
        """A call, or the one before once more: its answer was lost."""
        if repeats and key in self.calls:
            return self.calls[key]
        meters = {Meter(name): number for name, number in units.items()}
        request = HoldRequest(
            self.hold_id(key), bytes([digest]), "chat", meters, 3600, is_dispatched, new_id()
        )
        self.calls[key] = (request, digest, units, is_dispatched)
        return self.calls[key]

    @rule(key=KEYS, digest=st.sampled_from([0, 0, 0, 1]), units=UNITS, is_dispatched=st.booleans(),
          repeats=st.booleans())  # fmt: skip
    def reserve(self, key, digest, units, is_dispatched, repeats):
        request, digest, units, is_dispatched = self.request(key, digest, units, is_dispatched, repeats)
        answer = self.runner.run(self.store.reserve(self.context, request))
        expected = self.model.reserve(key, digest, request.call_id, units, is_dispatched=is_dispatched)
        assert type(answer).__name__ == expected
        if isinstance(answer, Reserved):
            assert answer.attempt == self.model.holds[key].attempt
        if isinstance(answer, Denied):
            assert all(one.reset_at == self.end(one.meter) for one in answer.denials)

    def end(self, meter):
        if meter == "storage_bytes":
            return None
        return self.model.calendar.window(period_of(meter), self.model.now)[1]

    def pick(self, number, *states):
        """One of the holds in these states, or in any."""
        fitting = [key for key, hold in self.model.holds.items() if not states or hold.state in states]
        return fitting[number % len(fitting)] if fitting else None

    @rule(pick=PICKS, back=st.sampled_from([0, 0, 0, 1]), share=st.integers(0, 3), cost=st.integers(0, 12))
    @precondition(lambda self: self.model.holds)
    def settle(self, pick, back, share, cost):
        """With what was reserved or less; of the present attempt, or of one that was replaced."""
        key = self.pick(pick)
        hold = self.model.holds[key]
        back = min(back, hold.attempt - 1)
        used = {
            meter: units * share // 3
            for (who, meter, _), units in hold.lines.items()
            if who == OURS and meter != "cost"
        }
        told = tuple(
            Used(Meter(meter), units, "", cost if meter == "messages" else 0) for meter, units in used.items()
        )
        settlement = Settlement(self.hold_id(key), hold.attempt - back, told, 1, {"key": key})
        settled = self.runner.run(self.store.settle(self.context, settlement))
        assert settled.outcome == self.model.settle(key, hold.attempt - back, used, cost)

    @rule(key=KEYS, units=UNITS, share=st.integers(0, 3), cost=st.integers(0, 12))
    def reserve_and_settle(self, key, units, share, cost):
        self.reserve(key, 0, units, is_dispatched=True, repeats=False)
        if key in self.model.holds:
            self.settle([*self.model.holds].index(key), 0, share, cost)

    @rule(key=KEYS, units=UNITS, cost=st.integers(0, 12))
    def reserve_settle_late(self, key, units, cost):
        self.reserve(key, 0, units, is_dispatched=True, repeats=False)
        if self.pick(0, "open") is not None:
            self.time_of_hold_passes(0, is_swept=True)
        if key in self.model.holds:
            self.settle([*self.model.holds].index(key), 0, 2, cost)

    @rule(pick=PICKS, back=st.sampled_from([0, 0, 1]), cost=st.integers(0, 9))
    @precondition(lambda self: self.model.holds)
    def release(self, pick, back, cost):
        key = self.pick(pick, *(() if back else ("open", "expired")))
        if key is None:
            return
        hold = self.model.holds[key]
        attempt = hold.attempt - min(back, hold.attempt - 1)
        self.runner.run(self.store.release(self.context, self.hold_id(key), attempt, cost))
        self.model.release(key, attempt, cost)

    @rule(pick=PICKS, is_swept=st.booleans())
    @precondition(lambda self: self.pick(0, "open") is not None)
    def time_of_hold_passes(self, pick, is_swept):
        key = self.pick(pick, "open")
        self.model.holds[key].is_over = True
        self.superuser.execute(
            "UPDATE quota.holds SET expires_at = now() - interval '1 hour'"
            " WHERE organization_id = %s AND hold_id = %s",
            (self.context.organization_id, self.hold_id(key)),
        )

        if is_swept:
            self.sweep()

    def sweep(self):
        while self.superuser.execute("SELECT metering.expire_next(5)").fetchone() == (True,):
            pass
        for key, hold in self.model.holds.items():
            if hold.state == "open" and hold.is_over:
                self.model.expire(key)

    @rule(pick=PICKS)
    @precondition(lambda self: self.pick(0, "committed", "released", "expired") is not None)
    def purge(self, pick):
        """Long after its keys' time; the same key may come again."""
        key = self.pick(pick, "committed", "released", "expired")
        del self.model.holds[key]
        self.superuser.execute(
            "UPDATE quota.holds SET keep_until = now() - interval '1 hour'"
            " WHERE organization_id = %s AND hold_id = %s",
            (self.context.organization_id, self.hold_id(key)),
        )
        assert self.superuser.execute("SELECT metering.purge_holds(10)").fetchone() == (1,)

    @rule(hours=st.sampled_from([1, 5, 24, 24 * 20]))
    def time_passes(self, hours):
        self.model.now += timedelta(hours=hours)
        self.set_clock()

    @rule(zone=st.sampled_from(ZONES), hours=st.sampled_from([0, 0, 1, 12, 70]))
    def time_zone_changes(self, zone, hours):
        """At the next month of the new one, or so much later."""
        due = boundary("month", self.model.now, zone, 1)
        self.model.now = due + timedelta(hours=hours)
        self.set_clock()
        self.superuser.execute(
            "UPDATE billing.profiles SET time_zone_from = %s WHERE organization_id = %s",
            (due, self.context.organization_id),
        )
        self.superuser.execute("SELECT billing.change_time_zone(%s)", (zone,))
        self.model.calendar.change(zone, due, self.model.now)

    @rule(messages=LIMITS, api_calls=LIMITS, storage=LIMITS, cost=LIMITS, cap=LIMITS)
    def set_limits(self, messages, api_calls, storage, cost, cap=None):
        if cap is not None:
            self.set_cap(cap)
        limits = {"messages": messages, "api_calls": api_calls, "storage_bytes": storage}
        limit(self.dsn, self.context.organization_id, limits, cost_limit=cost)
        self.model.limits.update({(OURS, meter): lim for meter, lim in limits.items()})
        self.model.limits[OURS, "cost"] = cost

    def set_cap(self, lim):
        self.superuser.execute(
            "INSERT INTO quota.member_caps VALUES (%s, %s, 'messages', %s)"
            " ON CONFLICT (organization_id, user_id, meter) DO UPDATE SET lim = excluded.lim",
            (self.context.organization_id, self.context.user_id, lim),
        )
        self.model.limits[MINE, "messages"] = lim

    @rule(number=st.integers(0, 5), units=st.integers(-9, 9).filter(bool))
    @precondition(lambda self: self.model.committed[OURS, "storage_bytes", LEVEL] >= 9)
    def adjust(self, number, units):
        is_new = number not in self.events
        event_id = self.events.setdefault(number, new_id())
        call = self.store.adjust(self.context, event_id, "documents", {Meter.STORAGE_BYTES: units})
        assert self.runner.run(call) == is_new
        if is_new:
            self.model.adjust("storage_bytes", units)

    @invariant()
    def windows_are_those_of_the_model(self):
        rows = self.superuser.execute(
            "SELECT subject, meter, window_start, committed, reserved, window_end FROM quota.windows"
            " WHERE organization_id = %s ORDER BY 1, 2, 3",
            (self.context.organization_id,),
        ).fetchall()
        lines = {self.line(*row[:3]): row[3:5] for row in rows}
        overlaps = [two for two in pairwise(rows) if two[0][:2] == two[1][:2] and two[0][5] > two[1][2]]
        assert not overlaps
        assert nonzero({line: units for line, (units, _) in lines.items()}) == nonzero(self.model.committed)
        assert nonzero({line: units for line, (_, units) in lines.items()}) == nonzero(self.model.reserved)

    @invariant()
    def warnings_are_told_once_for_a_window_and_limit(self):
        rows = self.superuser.execute(
            "SELECT payload ->> 'user_id', payload ->> 'meter', (payload ->> 'window_start')::timestamptz,"
            " (payload ->> 'limit')::int, (payload ->> 'threshold')::int FROM quota.outbox"
            " WHERE organization_id = %s AND topic = 'quota.warning'",
            (self.context.organization_id,),
        ).fetchall()
        told = [(self.line(user, meter, at), lim, threshold) for user, meter, at, lim, threshold in rows]
        assert len(told) == len(set(told))
        assert set(told) == self.model.warnings

    def line(self, subject, meter, start):
        is_ours = subject in {None, self.context.organization_id}
        return OURS if is_ours else MINE, meter, start.astimezone(UTC)

    def teardown(self):
        self.runner.run(self.connection.close())
        self.runner.close()
        self.superuser.close()


@pytest.mark.timeout(0 if NIGHTLY else 200)
def test_any_sequence_of_calls_leaves_the_books_of_the_model(migrated_database):
    health = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    figures = settings(
        max_examples=EXAMPLES, stateful_step_count=STEPS, deadline=None, suppress_health_check=health
    )
    with moved_clock(migrated_database.superuser_dsn, "2027-01-30 20:00+00"):
        machine = type("Bound", (Quota,), {"database": migrated_database})
        run_state_machine_as_test(machine, settings=figures)
        assert_books_agree(migrated_database.superuser_dsn)
