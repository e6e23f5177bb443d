"""The month's forecast: what holds for every series, and what it is compared with."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.billing.forecast import LEAST_DAYS, Forecast, Month, forecast
from tests.evaluation.cost_forecast import NAIVE, backtest, origins, synthetic

TODAY = date(2027, 6, 16)
END = date(2027, 7, 1)
COSTS = st.integers(0, 10**12)


def of(daily, of_today=0):
    so_far = tuple((TODAY - timedelta(days=back), daily[-back]) for back in range(min(15, len(daily)), 0, -1))
    return forecast(daily, TODAY - timedelta(days=len(daily)), Month(TODAY, END, so_far, of_today))


@given(st.lists(COSTS, max_size=LEAST_DAYS - 1))
def test_too_few_days_are_told_and_not_guessed_from(daily):
    assert (
        of(daily)
        == f"A forecast needs {LEAST_DAYS} complete days since the first cost; there are {len(daily)}."
    )


@given(st.lists(COSTS, min_size=LEAST_DAYS, max_size=90), COSTS)
def test_the_forecast_lies_in_its_interval_and_above_what_is_spent(daily, of_today):
    found = of(daily, of_today)
    assert isinstance(found, Forecast)
    assert found.spent == sum(daily[-15:]) + of_today
    assert found.spent <= found.low <= found.amount <= found.high
    assert found.amount == sum(cost for _, cost in (*found.so_far, *found.by_day))
    assert [day for day, _ in found.by_day] == [TODAY + timedelta(days=place) for place in range(15)]


@given(COSTS, st.integers(LEAST_DAYS, 60))
def test_a_cost_that_never_changes_is_forecast_exactly(cost, days):
    found = of([cost] * days)
    assert found.amount == found.high == min(15, days) * cost + 15 * cost
    assert found.low == found.amount


@given(st.lists(COSTS, min_size=7, max_size=7))
def test_a_week_that_repeats_is_nearly_forecast(week):
    daily = week * 4
    expected = sum(week[place % 7] for place in range(15))
    # Each weekday was seen four times: a fifth of what it differs from the mean is held back.
    assert abs(of(daily).amount - sum(daily[-15:]) - expected) <= 0.2 * max(week) * 15 / 7 * 7 + 15


@given(st.lists(COSTS, min_size=LEAST_DAYS, max_size=60), st.integers(1, 1000))
def test_costs_in_another_unit_have_the_forecast_in_that_unit(daily, factor):
    once, scaled = of(daily), of([cost * factor for cost in daily])
    assert scaled.amount == pytest.approx(once.amount * factor, abs=16 * factor)


def test_it_is_better_than_simpler_rules_where_weekdays_differ():
    series = synthetic()["weekly"]
    figures = backtest(series, date(2025, 1, 1))
    assert all(figures["this"] < figures[name] for name in NAIVE)
    assert 0.8 < figures["inside"] < 0.99


def test_no_forecast_is_made_from_what_was_not_known_yet():
    """A change of the days to come changes no forecast that was made before."""
    from tests.evaluation.cost_forecast import forecast_at

    first = date(2025, 1, 1)
    series = synthetic()["weekly"][:150]
    for place, start, end in origins(first, len(series)):
        changed = [*series[:place], *[0] * (len(series) - place)]
        one, other = (forecast_at(costs, first, place, start, end) for costs in (series, changed))
        assert one == other
