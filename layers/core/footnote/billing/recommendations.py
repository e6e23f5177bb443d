"""What would make answers cheaper (section 16.1), each with the figures that it rests on.

The thresholds and shares are those of the reference document; every amount is a share of what was really
paid in the period. Where a figure is not known nothing is recommended.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

LEAST_ANSWERS = 50
"""Fewer answers say nothing of how many a cache could give."""

LEAST_HOURS = 14 * 24
"""A day's pattern is one if it comes back for two weeks."""

_HIT_RATE, _POSSIBLE_HIT_RATE = 0.7, 0.8
_SPORADIC = 2.0
_PREDICTABLE = 0.5
_BUSY = 0.4
_DAY = 24


@dataclass(frozen=True, slots=True)
class Patterns:
    """What is known of a period. Amounts are micro-USD; `None`: not known.

    Attributes:
        answers, cached_answers: Answers given, and those of them that a cache gave.
        inference_cost: What models that write answers cost.
        embedding_cost: What embedding cost.
        embedding_by_hour: Requests that embedded something, by hour of the whole period.
        compute_cost, compute_ms: What self-hosted models cost, and were busy.
        cost_by_hour: All costs, by hour of the whole period.
        provisioned_hours: Hours for which self-hosted models were kept for this organization alone.
    """

    answers: int
    cached_answers: int
    inference_cost: int
    embedding_cost: int
    embedding_by_hour: Sequence[int]
    compute_cost: int
    compute_ms: int
    cost_by_hour: Sequence[int]
    provisioned_hours: float | None = None


@dataclass(frozen=True, slots=True)
class Recommendation:
    """One way to save.

    Attributes:
        kind: For programs.
        title, how: For people.
        saving: Micro-USD in a period like this one.
        figures: What it rests on.
    """

    kind: str
    title: str
    how: str
    saving: int
    figures: Mapping[str, float]


def recommendations(patterns: Patterns) -> tuple[Recommendation, ...]:
    """All that the figures support, the greatest saving first."""
    found = [*_caching(patterns), *_batching(patterns), *_off_peak(patterns), *_right_sizing(patterns)]
    return tuple(sorted((one for one in found if one.saving > 0), key=lambda one: (-one.saving, one.kind)))


def _caching(seen: Patterns) -> Iterator[Recommendation]:
    if seen.answers < LEAST_ANSWERS:
        return
    rate = seen.cached_answers / seen.answers
    if rate < _HIT_RATE:
        yield Recommendation(
            "caching",
            "Improve caching",
            "Keep answers longer (APP_CACHES__ANSWER_TTL_S); put standing questions into a page of answers.",
            round((_POSSIBLE_HIT_RATE - rate) * seen.inference_cost),
            {"answers": seen.answers, "hit_rate": round(rate, 4), "inference_cost": seen.inference_cost},
        )


def _batching(seen: Patterns) -> Iterator[Recommendation]:
    requests = sum(seen.embedding_by_hour)
    if requests < LEAST_ANSWERS:
        return
    variation = _variation(seen.embedding_by_hour)
    if variation > _SPORADIC:
        yield Recommendation(
            "batching",
            "Batch embedding",
            "Requests come in bursts: embed those of the same 100 ms together.",
            round(0.2 * seen.embedding_cost),
            {
                "requests": requests,
                "variation_by_hour": round(variation, 3),
                "embedding_cost": seen.embedding_cost,
            },
        )


def _off_peak(seen: Patterns) -> Iterator[Recommendation]:
    if len(seen.cost_by_hour) < LEAST_HOURS or seen.compute_cost == 0:
        return
    likeness = autocorrelation(seen.cost_by_hour, _DAY)
    if likeness is not None and likeness >= _PREDICTABLE:
        yield Recommendation(
            "off_peak",
            "Schedule heavy tasks off-peak",
            "Days are alike: add documents, and run evaluations, from 2 to 6 in the morning.",
            round(0.15 * seen.compute_cost),
            {"likeness_of_days": round(likeness, 3), "compute_cost": seen.compute_cost},
        )


def _right_sizing(seen: Patterns) -> Iterator[Recommendation]:
    if not seen.provisioned_hours or seen.compute_cost == 0:
        return
    busy = seen.compute_ms / (seen.provisioned_hours * 3_600_000)
    if busy < _BUSY:
        yield Recommendation(
            "right_sizing",
            "Downsize instances",
            "The model's instances are mostly idle: take them one size smaller.",
            round(0.3 * seen.compute_cost),
            {
                "utilisation": round(busy, 4),
                "provisioned_hours": seen.provisioned_hours,
                "compute_cost": seen.compute_cost,
            },
        )


def _variation(values: Sequence[int]) -> float:
    """The standard deviation, in means."""
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / len(values)) / mean


def autocorrelation(values: Sequence[int], lag: int) -> float | None:
    """How like a series is to itself `lag` steps before, -1..1; `None` for one that never changes."""
    mean = sum(values) / len(values)
    total = sum((value - mean) ** 2 for value in values)
    if total == 0:
        return None
    pairs = zip(values[lag:], values[:-lag], strict=True)
    return sum((value - mean) * (before - mean) for value, before in pairs) / total
