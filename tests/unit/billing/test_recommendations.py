"""Recommendations: only what figures support."""

import math
from dataclasses import replace

import pytest

from footnote.billing.recommendations import (
    LEAST_ANSWERS,
    LEAST_HOURS,
    Patterns,
    autocorrelation,
    recommendations,
)

NOTHING = Patterns(0, 0, 0, 0, (), 0, 0, ())
BY_DAY = [round(1_000 * (1 + math.sin(2 * math.pi * hour / 24))) for hour in range(LEAST_HOURS)]


def kinds(patterns):
    return [one.kind for one in recommendations(patterns)]


def test_without_figures_nothing_is_recommended():
    assert recommendations(NOTHING) == ()


@pytest.mark.parametrize(("cached", "saving"), [(0, 800), (50, 300), (69, 110), (70, None), (100, None)])
def test_caching_below_seven_tenths(cached, saving):
    found = recommendations(replace(NOTHING, answers=100, cached_answers=cached, inference_cost=1_000))
    assert [one.saving for one in found] == ([] if saving is None else [saving])


def test_few_answers_say_nothing_of_a_cache():
    assert kinds(replace(NOTHING, answers=LEAST_ANSWERS - 1, inference_cost=1_000)) == []


def test_batching_where_requests_come_in_bursts():
    bursts = [0] * 99 + [100]
    seen = replace(NOTHING, embedding_cost=1_000)
    assert kinds(replace(seen, embedding_by_hour=bursts)) == ["batching"]
    assert recommendations(replace(seen, embedding_by_hour=bursts))[0].saving == 200
    assert kinds(replace(seen, embedding_by_hour=[1] * 100)) == []


def test_off_peak_where_days_are_alike():
    seen = replace(NOTHING, compute_cost=1_000)
    found = recommendations(replace(seen, cost_by_hour=BY_DAY))
    assert [(one.kind, one.saving) for one in found] == [("off_peak", 150)]
    assert kinds(replace(seen, cost_by_hour=BY_DAY[:-1])) == []  # less than two weeks
    assert kinds(replace(seen, cost_by_hour=[5] * LEAST_HOURS)) == []  # no peak
    assert kinds(replace(seen, cost_by_hour=BY_DAY, compute_cost=0)) == []


def test_right_sizing_where_it_is_known_what_is_provisioned():
    seen = replace(NOTHING, compute_cost=1_000, compute_ms=39 * 36_000)
    assert kinds(seen) == []
    assert recommendations(replace(seen, provisioned_hours=1.0))[0].saving == 300
    assert kinds(replace(seen, provisioned_hours=0.5)) == []


def test_the_greatest_saving_is_told_first():
    seen = replace(NOTHING, answers=100, inference_cost=1_000, compute_cost=9_000, cost_by_hour=BY_DAY)
    assert kinds(seen) == ["off_peak", "caching"]


def test_autocorrelation():
    assert autocorrelation([1, 1, 1], 1) is None
    assert autocorrelation([0, 1] * 100, 2) == pytest.approx(0.99)
    assert autocorrelation([0, 1] * 100, 1) == pytest.approx(-0.995)
