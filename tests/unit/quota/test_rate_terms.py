"""Which rate holds for whom."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.settings import RateSettings
from footnote.quota.errors import Blocked, RateLimited
from footnote.quota.rates import (
    Block,
    Caller,
    KeptTerms,
    LocalLimiter,
    RateOverride,
    Rates,
    RateTerms,
    Standing,
    Subject,
    Verdict,
    defaults_of,
)
from tests.support.clock import ManualClock

ORGANIZATION, USER, KEY, MANAGER = (UUID(int=number) for number in range(1, 5))
CALLER = Caller(ORGANIZATION, USER, KEY)
CONTEXT = OrganizationContext(ORGANIZATION, USER, key_id=KEY)
SUBJECTS = {
    "key": Subject("key", KEY),
    "user": Subject("user", USER),
    "organization": Subject("organization", ORGANIZATION),
}
DEFAULTS = defaults_of(RateSettings())


def override(kind, per_minute, *, created_by=None, expires_at=None, rate_class="chat"):
    return RateOverride(SUBJECTS[kind], rate_class, per_minute, created_by, expires_at)


def terms(*overrides, **changes):
    return RateTerms(overrides={(one.subject, one.rate_class): one for one in overrides}, **changes)


def allowed(known, rate_class="chat", caller=CALLER):
    found = known.allowance(caller, rate_class, DEFAULTS, ManualClock().now())
    return None if found is None else (found.per_minute, found.source)


@given(set_for=st.sets(st.sampled_from(["key", "user", "organization", "plan"])))
def test_the_narrowest_rate_holds(set_for):
    figures = {"key": 1, "user": 2, "organization": 3, "plan": 4, "default": 30}
    known = terms(
        *(override(kind, figures[kind]) for kind in SUBJECTS if kind in set_for),
        rates={"chat": 4} if "plan" in set_for else {},
    )
    source = next(kind for kind in figures if kind in {*set_for, "default"})
    assert allowed(known) == (figures[source], source)
    # Another class is another matter.
    assert allowed(known, "search") == (60, "default")
    assert allowed(known, "default") == (100, "default")
    assert allowed(known, "organization") is None


def test_a_member_without_a_key_is_not_held_to_a_keys_rate():
    assert allowed(terms(override("key", 1)), caller=Caller(ORGANIZATION, USER)) == (30, "default")


def test_managers_never_allow_more_than_the_plan_but_the_platform_may():
    assert allowed(terms(override("user", 500, created_by=MANAGER))) == (30, "user")
    assert allowed(terms(override("user", 500))) == (500, "user")
    assert allowed(terms(override("user", 500, created_by=MANAGER), rates={"chat": 90})) == (90, "user")


def test_a_rate_that_has_ended_does_not_hold():
    now = ManualClock().now()
    assert allowed(terms(override("key", 1, expires_at=now - timedelta(seconds=1)))) == (30, "default")
    assert allowed(terms(override("key", 1, expires_at=now + timedelta(hours=1)))) == (1, "key")


@pytest.mark.parametrize("changes", [{"stage": "hard"}, {"platform_stage": "hard"}, {"stage": "emergency"}])
def test_a_nearly_spent_budget_leaves_seven_tenths(changes):
    assert allowed(terms(**changes)) == (21, "default")
    assert allowed(terms(override("key", 1), **changes)) == (1, "key")
    assert allowed(terms(override("key", 0), **changes)) == (0, "key")
    assert allowed(terms(stage="soft")) == (30, "default")


class Source:
    """Terms that may be away."""

    def __init__(self, known):
        self.known, self.is_away, self.asked = known, False, 0

    async def rate_terms(self, context):
        self.asked += 1
        if self.is_away:
            raise ServiceUnavailable("The database is away.")
        return self.known


class AwayLimiter:
    async def count(self, counters, caller=None):
        raise ServiceUnavailable("Redis is away.")


def rates_with(source, clock, **settings):
    kept = KeptTerms(source, clock, keep_s=10)
    return Rates(RateSettings(**settings), AwayLimiter(), LocalLimiter(clock), kept, clock), kept


async def test_terms_are_read_anew_after_a_while_and_the_last_known_hold_without_the_database():
    clock, source = ManualClock(), Source(terms(override("key", 7)))
    _, kept = rates_with(source, clock)
    assert (await kept.get(CONTEXT)).overrides
    source.known = terms(override("key", 8))
    assert allowed(await kept.get(CONTEXT)) == (7, "key")
    clock.advance(10)
    assert allowed(await kept.get(CONTEXT)) == (8, "key")
    source.is_away = True
    clock.advance(10)
    for _ in range(5):
        assert allowed(await kept.get(CONTEXT)) == (8, "key")
    assert source.asked == 3
    source.is_away, source.known = False, terms()
    clock.advance(10)
    assert allowed(await kept.get(CONTEXT)) == (30, "default")


async def test_without_redis_and_database_the_settings_hold_in_this_process():
    clock, source = ManualClock(), Source(terms())
    source.is_away = True
    rates, _ = rates_with(source, clock, chat_per_minute=3)
    assert [(await rates.allow(CONTEXT, "chat")).remaining for _ in range(3)] == [2, 1, 0]
    with pytest.raises(RateLimited) as error:
        await rates.allow(CONTEXT, "chat")
    wait_s = error.value.retry_after_s
    assert 60 <= wait_s <= 61
    reset_at = datetime.fromisoformat(error.value.details.pop("reset_at"))
    assert timedelta(0) <= reset_at - clock.now() - timedelta(seconds=wait_s) < timedelta(seconds=1)
    assert error.value.details == {"current_usage": 3, "limit": 3, "window_s": 60, "retry": wait_s}
    assert (await rates.allow(CONTEXT, "search")).limit == 60
    clock.advance(61)
    assert (await rates.allow(CONTEXT, "chat")).remaining == 2


async def test_a_block_holds_without_redis_until_it_ends():
    clock = ManualClock()
    until = clock.now() + timedelta(minutes=5)
    source = Source(terms(blocks={SUBJECTS["key"]: Block(SUBJECTS["key"], "leaked", until)}))
    rates, _ = rates_with(source, clock)
    with pytest.raises(Blocked) as error:
        await rates.allow(CONTEXT, "default")
    assert error.value.details == {
        "blocked_until": until.isoformat(timespec="seconds").replace("+00:00", "Z")
    }
    # Another key of the same member is not blocked.
    assert (await rates.allow(OrganizationContext(ORGANIZATION, USER), "default")).remaining == 99
    clock.advance(301)
    assert (await rates.allow(CONTEXT, "default")).remaining == 99


async def test_the_organization_as_a_whole_has_a_limit_where_one_is_set():
    clock, source = ManualClock(), Source(terms(rates={"organization": 3}))
    rates, _ = rates_with(source, clock)
    first, second = (OrganizationContext(ORGANIZATION, user) for user in (USER, MANAGER))
    standings = [await rates.allow(caller, "chat") for caller in (first, second, first)]
    assert [(one.limit, one.remaining) for one in standings] == [(3, 2), (3, 1), (3, 0)]
    with pytest.raises(RateLimited):
        await rates.allow(second, "search")


@pytest.mark.parametrize(
    ("reset_s", "told"),
    [((12.2, 40.001), (300, 41)), ((50.0, 40.0), (30, 50)), ((0.0, 0.0), (30, 1)), ((0.4, 0.2), (30, 1))],
)
async def test_of_several_limits_the_longest_is_told_alike_in_body_and_headers(reset_s, told):
    class BothRefuse:
        async def count(self, counters, caller=None):
            standings = [
                Standing(one.limit, 60, 0, wait) for one, wait in zip(counters, reset_s, strict=True)
            ]
            return Verdict(tuple(standings), refused=(0, 1))

    clock = ManualClock()
    kept = KeptTerms(Source(terms(rates={"organization": 300})), clock, keep_s=10)
    rates = Rates(RateSettings(), BothRefuse(), LocalLimiter(clock), kept, clock)
    with pytest.raises(RateLimited) as error:
        await rates.allow(CONTEXT, "chat")
    details, standing = error.value.details, error.value.standing
    assert (details["limit"], details["retry"]) == (standing.limit, error.value.retry_after_s) == told
    assert standing.reset_s == error.value.retry_after_s


async def test_who_may_not_ask_at_all_is_not_told_to_wait():
    rates, _ = rates_with(Source(terms(rates={"chat": 0})), ManualClock())
    with pytest.raises(RateLimited, match="switched off") as error:
        await rates.allow(CONTEXT, "chat")
    assert (error.value.details["limit"], error.value.retry_after_s) == (0, 60)
    assert (await rates.allow(CONTEXT, "search")).limit == 60


async def test_nothing_but_blocks_holds_where_limits_are_off():
    clock, source = ManualClock(), Source(terms())
    rates, kept = rates_with(source, clock, enabled=False, chat_per_minute=0)
    assert await rates.allow(CONTEXT, "chat") is None
    assert await rates.allow_address("203.0.113.9") is None
    until = clock.now() + timedelta(minutes=5)
    source.known = terms(blocks={SUBJECTS["user"]: Block(SUBJECTS["user"], "abuse", until)})
    kept.forget(ORGANIZATION)
    with pytest.raises(Blocked):
        await rates.allow(CONTEXT, "chat")


async def test_a_database_that_is_away_is_asked_once_for_all_organizations():
    clock, source = ManualClock(), Source(terms(override("key", 7)))
    _, kept = rates_with(source, clock)
    await kept.get(CONTEXT)
    source.is_away = True
    clock.advance(10)
    for number in range(20):
        assert not (await kept.get(OrganizationContext(UUID(int=100 + number)))).overrides
    assert allowed(await kept.get(CONTEXT)) == (7, "key")
    assert source.asked == 2
