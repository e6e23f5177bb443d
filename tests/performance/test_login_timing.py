"""The statistics of the login timing benchmark."""

import random

from tests.performance.login_timing import mann_whitney_p


def test_samples_of_one_distribution_are_not_told_apart():
    source = random.Random(7)
    one, other = ([source.gauss(20, 1) for _ in range(500)] for _ in range(2))
    assert mann_whitney_p(one, other) > 0.01


def test_a_small_shift_is_found():
    source = random.Random(7)
    one = [source.gauss(20, 1) for _ in range(500)]
    other = [source.gauss(20.4, 1) for _ in range(500)]
    assert mann_whitney_p(one, other) < 0.001


def test_agrees_with_a_worked_example():
    # U = 0 for separated samples of 25 and 25: z = 312.5 / sqrt(25 * 25 * 51 / 12) = 6.0634.
    p = mann_whitney_p(range(25), range(100, 125))
    assert abs(p - 1.333e-9) < 1e-11
