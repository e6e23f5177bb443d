"""Intervals and tests over scores of single questions. Everything is repeatable: seeds are fixed."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence

ROUNDS = 1_000
PERMUTATIONS = 5_000
_SEED = 7
_Z = 1.959963984540054  # the normal distribution's 97.5 % point
_EXACT_BELOW = 13
_TOLERANCE = 1e-9


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean, 0 for no values."""
    return math.fsum(values) / len(values) if values else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie, interpolated linearly; 0 for no values.

    Source: Hyndman and Fan 1996, definition 7.
    """
    if not values:
        return 0.0
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def bootstrap_interval(
    values: Sequence[float], rounds: int = ROUNDS, seed: int = _SEED
) -> tuple[float, float]:
    """95 % percentile interval of the mean (Efron 1979), with a fixed seed so that a report is repeatable.

    For a paired comparison of two systems pass the differences per query.
    """
    if not values:
        return 0.0, 0.0
    generator = random.Random(seed)  # noqa: S311 - statistics, not cryptography
    size = len(values)
    means = sorted(sum(generator.choices(values, k=size)) / size for _ in range(rounds))
    return means[int(0.025 * rounds)], means[min(rounds - 1, int(0.975 * rounds))]


def wilson_interval(successes: float, total: int) -> tuple[float, float]:
    """95 % score interval of a proportion (Wilson 1927); unlike the bootstrap's it is right at 0 and 1."""
    if not total:
        return 0.0, 0.0
    share, square = successes / total, _Z * _Z
    center = (share + square / (2 * total)) / (1 + square / total)
    spread = _Z * math.sqrt(share * (1 - share) / total + square / (4 * total * total)) / (1 + square / total)
    low = 0.0 if share <= 0.0 else max(0.0, center - spread)
    high = 1.0 if share >= 1.0 else min(1.0, center + spread)
    return low, high


def interval(values: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the mean: Wilson's where every value is 0 or 1, else the bootstrap's."""
    if all(value in {0.0, 1.0} for value in values):
        return wilson_interval(sum(values), len(values))
    return bootstrap_interval(values)


def permutation_test(differences: Sequence[float], rounds: int = PERMUTATIONS, seed: int = _SEED) -> float:
    """Two-sided p-value of "the mean of paired differences is zero", by flipping their signs (Fisher 1935).

    Exact over all sign patterns where at most 12 differences are not zero; drawn at random beyond that,
    with the observed pattern counted in, so that it is never 0 (Phipson and Smyth 2010).

    Args:
        differences: One per question, of system b minus system a.
        rounds: Random sign patterns.
        seed: Of the random patterns.
    """
    moved = [difference for difference in differences if difference]
    if not moved:
        return 1.0
    observed = abs(math.fsum(moved)) - _TOLERANCE
    if len(moved) < _EXACT_BELOW:
        patterns = 1 << len(moved)
        extreme = sum(abs(_flipped(moved, pattern)) >= observed for pattern in range(patterns))
        return extreme / patterns
    generator = random.Random(seed)  # noqa: S311 - statistics, not cryptography
    extreme = sum(abs(_flipped(moved, generator.getrandbits(len(moved)))) >= observed for _ in range(rounds))
    return (extreme + 1) / (rounds + 1)


def _flipped(values: Sequence[float], pattern: int) -> float:
    """The sum of the values, each with its sign turned where the pattern's bit is set."""
    total = 0.0
    for value in values:
        total += -value if pattern & 1 else value
        pattern >>= 1
    return total


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """P-values adjusted for having tested several metrics at once (Holm 1979)."""
    adjusted: dict[str, float] = {}
    highest = 0.0
    ordered = sorted(p_values, key=lambda name: p_values[name])
    for place, name in enumerate(ordered):
        highest = max(highest, min(1.0, (len(ordered) - place) * p_values[name]))
        adjusted[name] = highest
    return adjusted


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """Chance that a positive scores above a negative, ties half (Mann and Whitney 1947).

    `None` where one side is empty.
    """
    if not positive or not negative:
        return None
    ranks = _average_ranks([*positive, *negative])
    size = len(positive)
    above = math.fsum(ranks[:size]) - size * (size + 1) / 2
    return above / (size * len(negative))


def _average_ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share their mean rank."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    first = 0
    while first < len(order):
        last = first
        while last + 1 < len(order) and values[order[last + 1]] == values[order[first]]:
            last += 1
        for place in range(first, last + 1):
            ranks[order[place]] = (first + last) / 2 + 1
        first = last + 1
    return ranks
