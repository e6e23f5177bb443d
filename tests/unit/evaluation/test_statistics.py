"""Intervals and tests against published values, and against chance itself."""

import random
from itertools import product

import pytest

from footnote.evaluation.statistics import (
    auroc,
    bootstrap_interval,
    holm,
    interval,
    percentile,
    permutation_test,
    wilson_interval,
)


def test_bootstrap_interval_holds_the_mean_and_repeats():
    values = [0.0, 1.0] * 50
    low, high = bootstrap_interval(values)
    assert low < 0.5 < high
    assert (low, high) == bootstrap_interval(values)


def test_bootstrap_interval_covers_the_true_mean_about_95_times_in_100():
    drawn = random.Random(1)
    samples = [[drawn.gauss(2.0, 1.0) for _ in range(60)] for _ in range(200)]
    covered = sum(
        low <= 2.0 <= high for low, high in (bootstrap_interval(sample, rounds=300) for sample in samples)
    )
    assert 180 <= covered <= 198


@pytest.mark.parametrize(
    ("successes", "total", "expected"),
    [  # Newcombe 1998, table I, method 3 (score, no continuity correction)
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_interval_as_published(successes, total, expected):
    assert wilson_interval(successes, total) == pytest.approx(expected, abs=0.00006)


def test_proportions_get_the_interval_of_proportions():
    assert interval([1.0] * 20) == wilson_interval(20, 20)
    assert interval([1.0] * 20)[0] < 1.0  # the bootstrap would claim certainty
    assert interval([0.5, 1.0]) == bootstrap_interval([0.5, 1.0])
    assert interval([]) == (0.0, 0.0)


def test_permutation_test_is_exact_for_few_differences():
    differences = [0.3, 0.1, -0.2, 0.4]
    observed = abs(sum(differences))
    extreme = [
        abs(sum(sign * value for sign, value in zip(signs, differences, strict=True))) >= observed - 1e-9
        for signs in product((1, -1), repeat=4)
    ]
    assert permutation_test(differences) == sum(extreme) / 16
    assert permutation_test([0.0, 0.0]) == 1.0
    assert permutation_test([]) == 1.0
    assert permutation_test([0.1] * 5) == 2 / 32


def test_p_values_are_uniform_where_there_is_no_difference():
    """Of p-values under the null, a share t is at most t: counted at several t over 400 experiments."""
    drawn = random.Random(3)
    p_values = [
        permutation_test([drawn.gauss(0.0, 1.0) for _ in range(40)], rounds=400, seed=seed)
        for seed in range(400)
    ]
    for share in (0.05, 0.2, 0.5, 0.8):
        expected = 400 * share
        spread = 4 * (400 * share * (1 - share)) ** 0.5
        assert abs(sum(p <= share for p in p_values) - expected) < spread, share


def test_a_real_difference_is_found():
    drawn = random.Random(5)
    assert permutation_test([drawn.gauss(0.5, 1.0) for _ in range(200)]) < 0.001


def test_holm_as_worked_by_hand():
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert adjusted == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({"a": 0.7, "b": 0.9}) == {"a": 1.0, "b": 1.0}


def test_percentiles_are_interpolated():
    assert percentile([1, 2, 3, 4], 0.5) == 2.5
    assert percentile([10], 0.99) == 10
    assert percentile([], 0.5) == 0.0
    assert percentile(list(range(101)), 0.95) == pytest.approx(95)


def test_auroc_counts_pairs():
    positive, negative = [0.9, 0.5, 0.5, 0.2], [0.5, 0.1]
    pairs = [(p > n) + 0.5 * (p == n) for p in positive for n in negative]
    assert auroc(positive, negative) == pytest.approx(sum(pairs) / 8)
    assert auroc([], negative) is None
