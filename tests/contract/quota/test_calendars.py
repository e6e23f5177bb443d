"""Windows are a chain, whatever becomes of the time zone: changes give nobody more quotas than months."""

import asyncio
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from footnote.billing import ProfileChange
from footnote.platform.ids import new_id
from footnote.quota import Denied, Meter, Settlement, Used
from footnote.stores.postgres.billing_profiles import PostgresProfileStore
from footnote.stores.postgres.billing_subscriptions import PostgresSubscriptionStore
from footnote.stores.postgres.quota import PostgresQuotaStore
from footnote.stores.postgres.quota_settings import PostgresQuotaSettings
from tests.support.organizations import new_organization, open_database
from tests.support.quota import NIGHTLY, assert_books_agree, limit, moved_clock, request_of
from tests.support.quota_calendar import ZONES, Calendar, boundary, period_of

# In Havana clocks go back in the first hour of November. Far ahead: no hold is kept for its 48 hours alone.
START = datetime(2037, 10, 31, 12, tzinfo=UTC)
LIMITS = {"messages": 3, "api_calls": 2}
HOUR = timedelta(hours=1)
# Clocks change by an hour at most.
LENGTHS = {
    "day": (11 * HOUR, 38 * HOUR),
    "month": (timedelta(days=28) - 27 * HOUR, timedelta(days=31) + 27 * HOUR),
}
ZONE = st.sampled_from(ZONES)
MINUTES = st.sampled_from([1, 20, 90]) | st.integers(1, 40 * 24 * 60)
LATE = st.sampled_from([0, 1, 30, 60]) | st.integers(0, 12 * 24 * 60)
ACTS = st.lists(
    st.tuples(st.just("ask"), ZONE)
    | st.tuples(st.just("wait"), MINUTES)
    | st.tuples(st.just("change"), LATE)
    | st.tuples(st.just("boundary"), st.sampled_from([-1, 0, 1, 90])),
    min_size=4,
    max_size=16,
)


class History:
    """One organization that uses all it may, whenever it may."""

    def __init__(self, database):
        self.dsn = database.superuser_dsn
        self.context = new_organization(database)
        self.connection = open_database(database)
        self.quota = PostgresQuotaStore(self.connection, "free")
        self.settings = PostgresQuotaSettings(self.connection, "free")
        self.profiles = PostgresProfileStore(self.connection)
        self.periods = PostgresSubscriptionStore(self.connection, "free")
        self.superuser = psycopg.connect(self.dsn, autocommit=True)
        self.calendar, self.now, self.asked = Calendar(), START, None
        self.changes = 0
        self.used = dict.fromkeys(LIMITS, 0)
        limit(self.dsn, self.context.organization_id, LIMITS)
        budget = "INSERT INTO billing.budgets (organization_id, amount) VALUES (%s, 900)"
        self.superuser.execute(budget, (self.context.organization_id,))
        self.go(START)

    def go(self, moment):
        self.now = max(self.now, moment)
        self.superuser.execute("UPDATE public.test_time SET now = %s", (self.now,))

    async def run(self, acts):
        await self.use_everything()
        for act, value in acts:
            await getattr(self, act)(value)
            await self.use_everything()
        await self.connection.close()
        self.check()
        self.superuser.close()

    async def wait(self, minutes):
        self.go(self.now + timedelta(minutes=minutes))

    async def boundary(self, minutes):
        """To the next end of a day that counts."""
        self.go(self.calendar.window("day", self.now)[1] + timedelta(minutes=minutes))

    async def ask(self, zone):
        profile = await self.profiles.write(self.context, ProfileChange("", "", "", "", zone))
        if zone == self.calendar.zone:
            self.asked = None
        elif self.asked is None or self.asked[0] != zone:
            self.asked = zone, boundary("month", self.now, zone, 1)
        assert (profile.next_time_zone, profile.next_from) == (self.asked or (None, None))

    async def change(self, minutes):
        """The biller comes so late."""
        if self.asked is not None:
            zone, due = self.asked
            self.go(due + timedelta(minutes=minutes))
            self.calendar.change(zone, due, self.now)
            self.asked = None
            self.changes += 1
            assert await self.periods.advance(self.context)
        assert not await self.periods.advance(self.context)

    async def use_everything(self):
        """What is told of ends is what the calendar says."""
        for meter, other in ((Meter.MESSAGES, {Meter.COST: 1}), (Meter.API_CALLS, {})):
            _, end = self.calendar.window(period_of(meter), self.now)
            while True:
                units = {meter: 1, **other}
                answer = await self.quota.reserve(self.context, request_of(units))
                if isinstance(answer, Denied):
                    assert {one.reset_at for one in answer.denials} == {end}
                    break
                used = (Used(meter, 1, cost_micro_usd=len(other)),)
                await self.quota.settle(self.context, Settlement(answer.hold_id, answer.attempt, used))
                self.used[meter] += 1
        for one in await self.settings.usage(self.context):
            if one.reset_at is not None:
                window = one.started_at, one.reset_at
                assert window == self.calendar.window(period_of(one.meter), self.now)
        month = self.calendar.window("month", self.now)
        assert (await self.profiles.read(self.context)).month_ends == month[1]
        ((budget, spent),) = self.superuser.execute(
            "SELECT billing.budget_of(organization_id), committed FROM quota.windows"
            " WHERE organization_id = %s AND subject = organization_id AND meter = 'cost'"
            " AND window_start = %s",
            (self.context.organization_id, month[0]),
        )
        told = budget["spent"], *(datetime.fromisoformat(budget[f"window_{end}"]) for end in ("start", "end"))
        assert told == (spent, *month)

    def check(self):
        rows = self.superuser.execute(
            "SELECT subject, meter, window_start, window_end, committed FROM quota.windows"
            " WHERE organization_id = %s ORDER BY 1, 2, 3",
            (self.context.organization_id,),
        ).fetchall()
        for before, after in pairwise(rows):
            assert before[:2] != after[:2] or before[3] <= after[2], (before, after)
        for _, meter, start, end, committed in rows:
            shortest, longest = LENGTHS[period_of(meter)]
            assert shortest <= end - start <= longest, (meter, start, end)
            assert committed <= LIMITS.get(meter, 3)
        forgotten_early = self.superuser.execute(
            "SELECT count(*) FROM quota.holds h, unnest(h.lines) l JOIN quota.windows w"
            " USING (subject, meter, window_start) WHERE h.keep_until < w.window_end"
            " AND h.organization_id = %(id)s AND w.organization_id = %(id)s",
            {"id": self.context.organization_id},
        ).fetchone()
        assert forgotten_early == (0,)
        for meter, total in self.used.items():
            windows = [row for row in rows if row[:2] == (self.context.organization_id, meter)]
            assert total == sum(committed for *_, committed in windows)
        months = (self.now.year - START.year) * 12 + self.now.month - START.month + 1
        assert self.used["messages"] <= (months + 1) * LIMITS["messages"]
        days = (self.now.date() - START.date()).days + 1
        assert self.used["api_calls"] <= (days + 1 + self.changes) * LIMITS["api_calls"]


@pytest.fixture(scope="module")
def clocked(module_database):
    with moved_clock(module_database.superuser_dsn, str(START)):
        yield module_database


FAR_WEST = [("ask", "Etc/GMT+12"), ("change", 0), ("boundary", 0), ("wait", 24 * 60 * 31)]
THERE_AND_BACK = [
    ("ask", "Pacific/Kiritimati"), ("change", 1), ("ask", "Etc/GMT+12"), ("change", 30), ("wait", 20),
    ("ask", "UTC"), ("ask", "Pacific/Kiritimati"), ("change", 0), ("boundary", 0), ("boundary", 1),
]  # fmt: skip
VERY_LATE = [("ask", "Asia/Kolkata"), ("change", 60 * 24 * 3), ("boundary", 0), ("wait", 60 * 24 * 40)]
AT_MIDNIGHT_CLOCKS_CHANGE = [
    ("ask", "America/Havana"), ("change", 30), ("boundary", -1), ("wait", 60 * 24 * 127), ("boundary", -1),
    *[("boundary", 0)] * 3,
]  # fmt: skip


@pytest.mark.timeout(0 if NIGHTLY else 200)
@settings(max_examples=1_000 if NIGHTLY else 40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@example(FAR_WEST)
@example(THERE_AND_BACK)
@example(VERY_LATE)
@example(AT_MIDNIGHT_CLOCKS_CHANGE)
@given(ACTS)
def test_windows_are_a_chain_through_all_changes_of_the_time_zone(clocked, acts):
    asyncio.run(History(clocked).run(acts))
    assert_books_agree(clocked.superuser_dsn)


@pytest.mark.parametrize("has_terms", [True, False])
def test_windows_made_while_the_time_zone_changes_end_with_the_others(migrated_database, has_terms):
    """A reservation that is not committed yet has made rows that no change can see: the change waits."""
    dsn, context = migrated_database.superuser_dsn, new_organization(migrated_database)
    if has_terms:
        limit(dsn, context.organization_id, {})
    one_of_both = "'{messages,api_calls}', '{1,1}'"
    reserve = f"SELECT quota.reserve(gen_random_uuid(), '', 'chat', {one_of_both}, 60, true, 'free')"
    with psycopg.connect(dsn) as one, psycopg.connect(dsn) as other, ThreadPoolExecutor() as pool:
        for connection, user in ((one, new_id()), (other, new_id())):
            names = (str(context.organization_id), str(user))
            connection.execute(
                "SELECT set_config('app.organization_id', %s, false), set_config('app.user_id', %s, false)",
                names,
            )
            connection.commit()
        one.execute(reserve)
        entitle = "SELECT billing.entitle('free', 1, '{}', '{}', '[]')"
        change = "SELECT billing.change_time_zone('Pacific/Kiritimati')"
        if not has_terms:
            # As the biller does.
            change = f"{entitle}; {change}"
        changed = pool.submit(other.execute, change)
        wait([changed], timeout=0.5)
        one.commit()
        changed.result(timeout=30)
        other.execute(reserve)
        other.commit()
        ends = (
            "SELECT meter, count(*), count(DISTINCT window_end) FROM quota.windows GROUP BY meter ORDER BY 1"
        )
        assert one.execute(ends).fetchall() == [("api_calls", 3, 1), ("messages", 3, 1)]
        calendar = "SELECT month_start < month_end, day_start < day_end FROM quota.entitlements"
        assert one.execute(calendar).fetchall() == [(True, True)]
