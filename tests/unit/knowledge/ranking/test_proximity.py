"""Nearness of words by their positions, against counting it out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from footnote.knowledge.ranking.proximity import ADJACENT, WINDOW, follows, nearness, pairs, window_coverage

positions = st.dictionaries(
    st.integers(0, 4),
    st.lists(st.integers(1, 80), min_size=1, max_size=8, unique=True).map(sorted),
    max_size=5,
)
weights = st.lists(st.integers(1, 9).map(float), min_size=5, max_size=5)


@given(positions, weights)
def test_window_coverage_is_the_best_of_all_windows(found, worth):
    starts = [place for places in found.values() for place in places]
    best = max(
        (
            sum(worth[term] for term, places in found.items() if any(s <= p <= s + WINDOW for p in places))
            for s in starts
        ),
        default=0.0,
    )
    assert window_coverage(found, worth) == pytest.approx(best)


@given(positions)
def test_follows_and_nearness_are_as_counted(found):
    for one in range(5):
        for other in range(5):
            distances = [b - a for a in found.get(one, ()) for b in found.get(other, ())]
            assert follows(found, one, other) == any(0 < d <= ADJACENT for d in distances)
            nearest = min(map(abs, distances), default=None)
            assert nearness(found, one, other) == (
                0.0 if nearest is None else pytest.approx(1 / (1 + nearest / 3))
            )


def test_pairs_are_neighbours_that_differ():
    assert pairs([2, 0, 0, 1]) == [(2, 0), (0, 1)]
    assert pairs([3]) == []
