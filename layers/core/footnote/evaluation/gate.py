"""The gate: what an evaluation must reach before a configuration goes live."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from footnote.evaluation.comparison import paired_difference
from footnote.evaluation.scoring import QuestionResult
from footnote.evaluation.statistics import percentile
from footnote.evaluation.summary import LOWER_IS_BETTER, METRICS, overall_score, values_by_metric
from footnote.platform.errors import InvalidRequest

OVERALL = "overall"
SEARCH_LATENCY = "search_p95_ms"
ANSWER_LATENCY = "answer_p95_ms"
GATED = frozenset({*METRICS, OVERALL, SEARCH_LATENCY, ANSWER_LATENCY})
"""What a condition may be about; paired comparison with a baseline is possible for `METRICS` only."""

MINIMUM_PAIRS = 20
"""Fewer questions cannot show that nothing was lost: an interval from so few says too little."""

_BOUNDS = ("minimum", "maximum", "maximum_drop")


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, at least one bound of which is set.

    Attributes:
        metric: Of `GATED`.
        minimum: The mean must be at least this.
        maximum: The mean must be at most this.
        maximum_drop: Non-inferiority margin against the baseline: the 95 % interval of the paired difference
            must lie above minus this (for a metric that is better when lower: below plus this).
    """

    metric: str
    minimum: float | None = None
    maximum: float | None = None
    maximum_drop: float | None = None

    def __post_init__(self) -> None:
        if self.metric not in GATED:
            known = ", ".join(sorted(GATED))
            raise InvalidRequest(f"There is no metric '{self.metric}'. Choose from {known}.")
        if all(getattr(self, bound) is None for bound in _BOUNDS):
            raise InvalidRequest(f"'{self.metric}' needs one of {', '.join(_BOUNDS)}.")
        if self.maximum_drop is not None and self.metric not in METRICS:
            raise InvalidRequest(f"'{self.metric}' has no value per question, so it takes no 'maximum_drop'.")
        if self.maximum_drop is not None and self.maximum_drop < 0:
            raise InvalidRequest(f"'maximum_drop' of '{self.metric}' is below 0.")

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one bound of one condition, in words."""

    metric: str
    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Passed if every finding passed."""

    passed: bool
    findings: tuple[Finding, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it failed; empty if it passed."""
        return tuple(finding.reason for finding in self.findings if not finding.passed)

    def as_json(self) -> dict[str, Any]:
        return {"passed": self.passed, "findings": [asdict(finding) for finding in self.findings]}


def parse_conditions(data: Any) -> tuple[Condition, ...]:
    """Conditions from `{"ndcg@10": {"minimum": 0.85, "maximum_drop": 0.01}}`, as a YAML file holds them.

    Raises:
        InvalidRequest: The form, a metric or a bound is wrong; the message names it.
    """
    if not isinstance(data, Mapping) or not data:
        raise InvalidRequest("Thresholds are a table: metric to 'minimum', 'maximum' or 'maximum_drop'.")
    return tuple(_condition(str(metric), bounds) for metric, bounds in data.items())


def _condition(metric: str, bounds: Any) -> Condition:
    if not isinstance(bounds, Mapping):
        raise InvalidRequest(f"'{metric}' needs a table with one of {', '.join(_BOUNDS)}.")
    for name, value in bounds.items():
        if name not in _BOUNDS:
            raise InvalidRequest(f"'{metric}': there is no bound '{name}'. Choose from {', '.join(_BOUNDS)}.")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InvalidRequest(f"'{metric}': '{name}' is not a number.")
    return Condition(metric, **{name: float(value) for name, value in bounds.items()})


def judge(
    conditions: Sequence[Condition],
    candidate: Sequence[QuestionResult],
    baseline: Sequence[QuestionResult] | None = None,
) -> Verdict:
    """Checks every condition; one that cannot be checked fails.

    Args:
        conditions: At least one.
        candidate: The scored questions of the configuration in question.
        baseline: Those of the one it is to replace.
    """
    findings: list[Finding] = []
    values = values_by_metric(candidate)
    for condition in conditions:
        findings += _check_value(condition, _value(condition.metric, candidate, values))
        if condition.maximum_drop is not None:
            findings.append(_check_drop(condition.metric, condition.maximum_drop, candidate, baseline))
    return Verdict(bool(findings) and all(finding.passed for finding in findings), tuple(findings))


def _value(
    metric: str, results: Sequence[QuestionResult], values: Mapping[str, Sequence[float]]
) -> float | None:
    if metric == OVERALL:
        return overall_score(results)
    if metric in {SEARCH_LATENCY, ANSWER_LATENCY}:
        name = "search_ms" if metric == SEARCH_LATENCY else "answer_ms"
        times = [time for result in results if (time := getattr(result, name)) is not None]
        return percentile(times, 0.95) if times else None
    scores = values.get(metric)
    return sum(scores) / len(scores) if scores else None


def _check_value(condition: Condition, value: float | None) -> list[Finding]:
    metric, findings = condition.metric, []
    for bound, word, sign in (("minimum", "at least", 1), ("maximum", "at most", -1)):
        limit = getattr(condition, bound)
        if limit is None:
            continue
        if value is None:
            findings.append(Finding(metric, False, f"{metric} could not be measured on these questions."))
            continue
        passed = sign * (value - limit) >= 0
        findings.append(Finding(metric, passed, f"{metric} is {value:.4f}; {word} {limit:g} is asked for."))
    return findings


def _check_drop(
    metric: str,
    margin: float,
    candidate: Sequence[QuestionResult],
    baseline: Sequence[QuestionResult] | None,
) -> Finding:
    if baseline is None:
        return Finding(metric, False, f"{metric} may drop by {margin:g}, but there is no baseline.")
    difference = paired_difference(baseline, candidate, metric)
    if difference is None:
        return Finding(metric, False, f"{metric}: candidate and baseline share no question that tells it.")
    if difference.n < MINIMUM_PAIRS:
        reason = f"{metric}: {difference.n} questions in common; at least {MINIMUM_PAIRS} are needed."
        return Finding(metric, False, reason)
    worst = -difference.high if metric in LOWER_IS_BETTER else difference.low
    reason = (
        f"{metric} changed by {difference.difference:+.4f} over {difference.n} questions "
        f"(95 % interval {difference.low:+.4f} to {difference.high:+.4f}, p {difference.p_value:.3f}); "
        f"a loss of {margin:g} is allowed."
    )
    return Finding(metric, worst >= -margin, reason)
