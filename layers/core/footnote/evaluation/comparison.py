"""Two configurations on the same questions: paired differences, their intervals, and what may be chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from footnote.evaluation.scoring import QuestionResult
from footnote.evaluation.statistics import bootstrap_interval, holm, mean, permutation_test
from footnote.evaluation.summary import LOWER_IS_BETTER, METRICS

SHOWN_CHANGES = 10

_CHANGE_METRICS = ("ndcg@10", "completeness", "citation_precision", "faithfulness", "abstention_accuracy")


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric, b minus a, over the questions that both tell.

    Attributes:
        low, high: 95 % interval of the difference, from paired bootstrap samples.
        p_value: Of "there is no difference", by a randomisation test.
        p_adjusted: The same, adjusted for having tested all metrics (Holm).
        wins, losses, ties: Questions on which b is better, worse, or equal.
    """

    metric: str
    n: int
    a: float
    b: float
    difference: float
    low: float
    high: float
    p_value: float
    p_adjusted: float
    wins: int
    losses: int
    ties: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Change:
    """One question that changed: `scores` holds (a, b) by metric; `total` sums b minus a."""

    id: str
    text: str
    total: float
    scores: Mapping[str, tuple[float, float]]
    found_a: tuple[str, ...]
    found_b: tuple[str, ...]
    answer_a: str | None
    answer_b: str | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a paired comparison shows.

    Attributes:
        paired: Questions that both have.
        unpaired: Questions that only one has; they are left out.
        changes: Those that changed most.
    """

    name_a: str
    name_b: str
    paired: int
    unpaired: int
    differences: tuple[Difference, ...]
    changes: tuple[Change, ...]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "a": self.name_a,
            "b": self.name_b,
            "paired": self.paired,
            "unpaired": self.unpaired,
            "differences": {difference.metric: asdict(difference) for difference in self.differences},
            "changes": [asdict(change) for change in self.changes],
        }


def compare(
    a: Sequence[QuestionResult], b: Sequence[QuestionResult], names: tuple[str, str] = ("a", "b")
) -> Comparison:
    """Compares two evaluations of the same questions, matched by id."""
    first = {result.id: result for result in a}
    pairs = [(first[result.id], result) for result in b if result.id in first]
    found = {metric: _scores(pairs, metric) for metric in METRICS}
    told = {metric: scores for metric, scores in found.items() if scores}
    p_values = {metric: permutation_test(_differences(scores)) for metric, scores in told.items()}
    adjusted = holm(p_values)
    return Comparison(
        name_a=names[0],
        name_b=names[1],
        paired=len(pairs),
        unpaired=len(a) + len(b) - 2 * len(pairs),
        differences=tuple(
            _difference(metric, scores, p_values[metric], adjusted[metric]) for metric, scores in told.items()
        ),
        changes=_changes(pairs),
    )


def paired_difference(
    a: Sequence[QuestionResult], b: Sequence[QuestionResult], metric: str
) -> Difference | None:
    """One metric of `compare`; `None` where no question tells it in both."""
    first = {result.id: result for result in a}
    scores = _scores([(first[result.id], result) for result in b if result.id in first], metric)
    if not scores:
        return None
    p_value = permutation_test(_differences(scores))
    return _difference(metric, scores, p_value, p_value)


def _scores(pairs: Sequence[tuple[QuestionResult, QuestionResult]], metric: str) -> list[tuple[float, float]]:
    return [
        (one.scores[metric], other.scores[metric])
        for one, other in pairs
        if metric in one.scores and metric in other.scores
    ]


def _differences(scores: Sequence[tuple[float, float]]) -> list[float]:
    return [b - a for a, b in scores]


def _difference(
    metric: str, scores: Sequence[tuple[float, float]], p_value: float, p_adjusted: float
) -> Difference:
    differences = _differences(scores)
    low, high = bootstrap_interval(differences)
    better = -1 if metric in LOWER_IS_BETTER else 1
    wins = sum(better * difference > 0 for difference in differences)
    losses = sum(better * difference < 0 for difference in differences)
    return Difference(
        metric=metric,
        n=len(scores),
        a=round(mean([a for a, _ in scores]), 4),
        b=round(mean([b for _, b in scores]), 4),
        difference=round(mean(differences), 4) + 0.0,  # never minus zero
        low=round(low, 4) + 0.0,
        high=round(high, 4) + 0.0,
        p_value=round(p_value, 4),
        p_adjusted=round(p_adjusted, 4),
        wins=wins,
        losses=losses,
        ties=len(scores) - wins - losses,
    )


def _changes(pairs: Sequence[tuple[QuestionResult, QuestionResult]]) -> tuple[Change, ...]:
    changes = [_change(one, other) for one, other in pairs]
    moved = [change for change in changes if any(a != b for a, b in change.scores.values())]
    moved.sort(key=lambda change: (-abs(change.total), -_moved(change), change.id))
    return tuple(moved[:SHOWN_CHANGES])


def _moved(change: Change) -> float:
    """How much changed in either direction."""
    return sum(abs(b - a) for a, b in change.scores.values())


def _change(one: QuestionResult, other: QuestionResult) -> Change:
    scores = {
        metric: (one.scores[metric], other.scores[metric])
        for metric in _CHANGE_METRICS
        if metric in one.scores and metric in other.scores
    }
    return Change(
        id=one.id,
        text=one.text,
        total=round(sum(b - a for a, b in scores.values()), 4),
        scores=scores,
        found_a=one.found[:3],
        found_b=other.found[:3],
        answer_a=one.answer,
        answer_b=other.answer,
    )
