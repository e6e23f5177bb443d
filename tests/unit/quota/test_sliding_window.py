"""The sliding window against an exact log of calls."""

from bisect import bisect_right

from hypothesis import given
from hypothesis import strategies as st

from footnote.quota.rates import BUCKETS, Counter, LocalLimiter, SlidingWindow, bucket_us
from tests.support.clock import ManualClock

WINDOW_S = 60
WINDOW_US = WINDOW_S * 1_000_000
LONGER_US = WINDOW_US + bucket_us(WINDOW_S)


def admitted_of(limit, times):
    window, admitted = SlidingWindow(WINDOW_S), []
    for now in times:
        if window.room(now, limit) > 0:
            window.add(now)
            admitted.append(now)
    return admitted


def in_window(admitted, now, length):
    """Calls in (now - length, now]."""
    return bisect_right(admitted, now) - bisect_right(admitted, now - length)


@given(
    limit=st.integers(1, 20),
    gaps=st.lists(
        st.one_of(st.integers(0, 1_000_000), st.integers(0, 130_000_000), st.just(0)),
        min_size=1,
        max_size=300,
    ),
)
def test_no_window_holds_more_and_none_is_refused_for_longer_than_a_bucket(limit, gaps):
    times, now = [], 0
    for gap in gaps:
        now += gap
        times.append(now)
    window, admitted = SlidingWindow(WINDOW_S), []
    for now in times:
        if window.room(now, limit) > 0:
            window.add(now)
            admitted.append(now)
            assert in_window(admitted, now, WINDOW_US) <= limit
        else:
            # A log of a window that is one bucket longer would have refused as well.
            assert in_window(admitted, now, LONGER_US) >= limit


@given(limit=st.integers(1, 10), gaps=st.lists(st.integers(0, 30_000_000), min_size=1, max_size=100))
def test_who_waits_as_long_as_told_is_admitted_and_nobody_earlier(limit, gaps):
    window, now = SlidingWindow(WINDOW_S), 0
    for gap in gaps:
        now += gap
        if window.room(now, limit) > 0:
            window.add(now)
            continue
        wait_us = round(window.wait_s(now, limit) * 1_000_000)
        assert 0 < wait_us <= LONGER_US
        assert window.room(now + wait_us - 1, limit) <= 0
        assert window.room(now + wait_us, limit) > 0
        now += wait_us


def test_a_steady_overload_loses_less_than_one_percent():
    # 4 calls a second ask for 100 a minute, for an hour.
    times = range(0, 3600 * 1_000_000, 250_000)
    for limit in (30, 100):
        admitted = len(admitted_of(limit, times))
        assert limit * 60 * 0.99 <= admitted <= limit * 61


def test_memory_does_not_grow_with_the_limit():
    window = SlidingWindow(WINDOW_S)
    for now in range(0, 3 * WINDOW_US, 5_000):
        assert window.room(now, 10**6) > 0
        window.add(now)
    assert len(window._totals) <= BUCKETS + 2


def test_a_limit_that_was_lowered_refuses_until_enough_calls_have_left():
    window = SlidingWindow(WINDOW_S)
    for now in range(0, 10_000_000, 1_000_000):
        window.add(now)
    assert window.room(10_000_000, 3) == -7
    wait_us = round(window.wait_s(10_000_000, 3) * 1_000_000)
    assert window.room(10_000_000 + wait_us - 1, 3) == 0
    assert window.room(10_000_000 + wait_us, 3) == 1
    assert window.wait_s(10_000_000, 0) == WINDOW_S


def test_time_that_goes_back_forgets_nothing_and_a_clock_that_was_set_back_begins_anew():
    window = SlidingWindow(WINDOW_S)
    hour = 3600 * 1_000_000
    window.add(hour)
    assert window.room(hour - 10_000_000, 1) == 0
    assert window.room(hour + WINDOW_US - 1, 1) == 0
    assert window.room(hour // 2, 1) == 1


def counter(name="a", limit=2):
    return Counter(None, "address", name, "address", limit)


def test_the_local_limiter_counts_everywhere_or_nowhere():
    limiter = LocalLimiter(ManualClock())
    wide, narrow = counter("wide", 10), counter("narrow", 1)
    first = limiter.count([wide, narrow])
    assert (first.refused, [one.remaining for one in first.standings]) == ((), [9, 0])
    second = limiter.count([wide, narrow])
    assert (second.refused, [one.remaining for one in second.standings]) == ((1,), [9, 0])
    assert limiter.count([wide]).standings[0].remaining == 8


def test_the_local_limiter_remembers_a_bounded_number_of_callers():
    clock = ManualClock()
    limiter = LocalLimiter(clock, most=100)
    for index in range(1_000):
        limiter.count([counter(str(index))])
    assert len(limiter) == 100
    assert limiter.count([counter("999")]).standings[0].remaining == 0
    clock.advance(WINDOW_S + 1)
    assert limiter.count([counter("999")]).standings[0].remaining == 1
