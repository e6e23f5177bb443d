"""How near to each other the words of a query stand in a text, from positions alone."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise

WINDOW = 25
"""Lexemes that a sentence or two have."""
ADJACENT = 2
"""Most lexemes from one word to the next for the two to count as said together."""
_NEAR = 3.0

Positions = Mapping[int, Sequence[int]]


def window_coverage(positions: Positions, weights: Sequence[float]) -> float:
    """The greatest sum of `weights` of different terms within `WINDOW` positions.

    Args:
        positions: Where each term stands, ascending, by its number.
        weights: Weight of each term by its number.
    """
    places = sorted((place, term) for term, found in positions.items() for place in found)
    counts = [0] * len(weights)
    best = held = 0.0
    first = 0
    for place, term in places:
        if counts[term] == 0:
            held += weights[term]
        counts[term] += 1
        while places[first][0] < place - WINDOW:
            gone = places[first][1]
            counts[gone] -= 1
            if counts[gone] == 0:
                held -= weights[gone]
            first += 1
        best = max(best, held)
    return best


def pairs(sequence: Sequence[int]) -> list[tuple[int, int]]:
    """Neighbours of a query that are different terms, in order."""
    return [(one, other) for one, other in pairwise(sequence) if one != other]


def follows(positions: Positions, one: int, other: int) -> bool:
    """Whether `other` stands after `one`, at most `ADJACENT` positions on."""
    later = positions.get(other, ())
    for place in positions.get(one, ()):
        at = bisect_right(later, place)
        if at < len(later) and later[at] - place <= ADJACENT:
            return True
    return False


def nearness(positions: Positions, one: int, other: int) -> float:
    """`1 / (1 + distance / 3)` of the nearest places of two terms in any order; 0 if one is missing."""
    first, second = positions.get(one, ()), positions.get(other, ())
    if not first or not second:
        return 0.0
    nearest = min(
        abs(second[at] - place)
        for place in first
        for at in (bisect_right(second, place) - 1, bisect_right(second, place))
        if 0 <= at < len(second)
    )
    return 1.0 / (1.0 + nearest / _NEAR)
