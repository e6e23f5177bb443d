"""How well an answer's confidence tells what can be answered: the abstention curve and the calibration."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from footnote.evaluation.scoring import QuestionResult
from footnote.evaluation.statistics import auroc, mean

_BINS = 10
_CURVE_POINTS = 101
_SHORT_WORDS = 10  # a longer reference answer stands in no answer word for word


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """Shares of the answerable and unanswerable questions with a confidence of at least `threshold`."""

    threshold: float
    answerable: float
    unanswerable: float


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Questions of similar confidence: its mean, and the share that was answered rightly."""

    confidence: float
    right: float
    n: int


@dataclass(frozen=True, slots=True)
class Confidence:
    """What confidence is worth.

    Attributes:
        curve: By rising threshold; empty without unanswerable questions.
        auroc: Chance that an answerable question has more confidence than an unanswerable one.
        unanswerable_at_95: Share of the unanswerable questions answered where 95 % of the answerable are.
        calibration: By rising confidence.
        calibration_error: Mean distance of confidence and outcome over the bins, weighted by their size
            (expected calibration error, Naeini et al. 2015).
    """

    curve: tuple[CurvePoint, ...]
    auroc: float | None
    unanswerable_at_95: float | None
    calibration: tuple[CalibrationBin, ...]
    calibration_error: float

    def as_json(self) -> dict[str, Any]:
        """For storing and showing; `from_json` reads it."""
        return asdict(self) | {
            "curve": [asdict(point) for point in self.curve],
            "calibration": [asdict(one) for one in self.calibration],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Confidence:
        """What `as_json` wrote."""
        return cls(
            **{
                **data,
                "curve": tuple(CurvePoint(**point) for point in data["curve"]),
                "calibration": tuple(CalibrationBin(**one) for one in data["calibration"]),
            }
        )


def confidence_of(results: Sequence[QuestionResult]) -> Confidence | None:
    """Curve and calibration of answered questions; `None` where no answer has a confidence."""
    known = [result for result in results if result.confidence is not None and _is_decided(result)]
    if not known:
        return None
    positive = [_confidence(result) for result in known if not result.unanswerable]
    negative = [_confidence(result) for result in known if result.unanswerable]
    bins = _calibration(known)
    error = sum(one.n * abs(one.confidence - one.right) for one in bins) / len(known)
    area = auroc(positive, negative)
    return Confidence(
        curve=_curve(positive, negative),
        auroc=None if area is None else round(area, 4),
        unanswerable_at_95=_kept_at(positive, negative, 0.95),
        calibration=bins,
        calibration_error=round(error, 4),
    )


def is_right(result: QuestionResult) -> bool:
    """Whether the right answer was at hand: the question has one, and the answer (withheld or not) tells it.

    It tells it where a short reference answer stands in it or, without one, where a cited document is judged
    relevant. An answer that was withheld shows neither and counts as not right.
    """
    if result.unanswerable:
        return False
    has_short = any(len(golden.split()) <= _SHORT_WORDS for golden in result.golden)
    told_by = "answer_containment" if has_short else "citation_precision"
    return result.scores.get(told_by, 0.0) > 0


def _is_decided(result: QuestionResult) -> bool:
    return "abstention_accuracy" in result.scores


def _confidence(result: QuestionResult) -> float:
    return min(1.0, max(0.0, result.confidence or 0.0))


def _curve(positive: Sequence[float], negative: Sequence[float]) -> tuple[CurvePoint, ...]:
    if not positive or not negative:
        return ()
    thresholds = (place / (_CURVE_POINTS - 1) for place in range(_CURVE_POINTS))
    return tuple(
        CurvePoint(
            round(threshold, 4),
            round(mean([float(value >= threshold) for value in positive]), 4),
            round(mean([float(value >= threshold) for value in negative]), 4),
        )
        for threshold in thresholds
    )


def _kept_at(positive: Sequence[float], negative: Sequence[float], share: float) -> float | None:
    """Share of the negative at or above the threshold that keeps `share` of the positive."""
    if not positive or not negative:
        return None
    ordered = sorted(positive, reverse=True)
    threshold = ordered[max(1, math.ceil(share * len(ordered))) - 1]
    return round(mean([float(value >= threshold) for value in negative]), 4)


def _calibration(known: Sequence[QuestionResult]) -> tuple[CalibrationBin, ...]:
    bins: list[list[QuestionResult]] = [[] for _ in range(_BINS)]
    for result in known:
        bins[min(_BINS - 1, int(_confidence(result) * _BINS))].append(result)
    return tuple(
        CalibrationBin(
            round(mean([_confidence(result) for result in those]), 4),
            round(mean([float(is_right(result)) for result in those]), 4),
            len(those),
        )
        for those in bins
        if those
    )
