"""Periods and parts of prices."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.billing.proration import add_months, half_up, period_after, share

START = datetime(2026, 1, 31, 12, tzinfo=UTC)
MOMENTS = st.integers(0, 10**9).map(
    lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(st.integers(0, 10**12), st.integers(1, 10**6))
def test_halves_are_rounded_up(numerator, denominator):
    exact = Fraction(numerator, denominator)
    rounded = half_up(numerator, denominator)
    assert exact - Fraction(1, 2) < rounded <= exact + Fraction(1, 2)


@pytest.mark.parametrize(
    ("months", "expected"), [(1, (2, 28)), (2, (3, 31)), (3, (4, 30)), (11, (12, 31)), (25, (2, 29))]
)
def test_a_day_that_a_month_lacks_is_its_last(months, expected):
    found = add_months(START, months)
    assert (found.month, found.day, found.hour) == (*expected, 12)


@given(MOMENTS, st.integers(1, 40))
def test_periods_follow_each_other_without_a_gap_and_keep_their_day(anchor, periods):
    start = anchor
    for number in range(1, periods + 1):
        end = period_after(anchor, start)
        assert timedelta(days=27) < end - start < timedelta(days=32)
        assert end == add_months(anchor, number)
        start = end


@given(st.integers(0, 10**7), MOMENTS, st.integers(0, 31 * 86_400))
def test_a_share_is_a_part_of_the_price_and_never_grows(price, start, second):
    end = period_after(start, start)
    at = start + timedelta(seconds=second)
    part = share(price, at, start, end)
    assert 0 <= part <= price
    assert share(price, start, start, end) == price
    assert share(price, end, start, end) == 0
    assert share(price, at + timedelta(seconds=1), start, end) <= part


@given(st.integers(0, 10**6), st.integers(0, 10**6), MOMENTS, st.lists(st.integers(0, 2_419_200), max_size=6))
def test_however_often_plans_change_the_period_never_costs_less_than_nothing(first, second, start, seconds):
    end = period_after(start, start)
    total, prices = first, (first, second)
    for number, after in enumerate(sorted(seconds)):
        at = start + timedelta(seconds=after)
        total += share(prices[(number + 1) % 2], at, start, end) - share(prices[number % 2], at, start, end)
    assert 0 <= total <= 7 * max(prices)
