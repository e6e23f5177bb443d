"""From scored questions to figures: means with intervals, by kind of question, latency, one overall score."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

from footnote.evaluation.confidence import Confidence, confidence_of
from footnote.evaluation.scoring import QuestionResult
from footnote.evaluation.statistics import ROUNDS, interval, mean, percentile

METRICS: Mapping[str, str] = MappingProxyType(
    {
        "ndcg@10": "Ranking quality of the first ten documents, with grades and discounts",
        "map": "Mean average precision over all documents found",
        "mrr@10": "One over the rank of the first relevant document",
        "success@1": "The first document is relevant",
        "precision@5": "Share of relevant documents among the first five",
        "recall@5": "Share of the relevant documents found among the first five",
        "recall@10": "Share of the relevant documents found among the first ten",
        "faithfulness": "Share of the answer's sentences that are supported by what they cite",
        "groundedness": "Share of sentences that the supplied passages support, by the product's own check",
        "relevance": "Share of the question's words that the answer takes up",
        "relevance_cosine": "Cosine of answer and question",
        "fluency": "Share of whole sentences, none said twice",
        "answer_containment": "A reference answer stands in the answer word for word",
        "completeness": "Share of the reference answer's words that the answer holds",
        "similarity_f1": "Word F1 of answer and reference answer",
        "similarity_cosine": "Cosine of answer and reference answer, where one was given",
        "citation_precision": "Share of cited documents that are judged relevant",
        "citation_recall": "Share of the relevant documents that are cited",
        "abstention_accuracy": "Answered what can be answered and refused what cannot",
        "abstention_precision": "Share of refusals that were right",
        "abstention_recall": "Share of unanswerable questions that were refused",
        "abstention_unanswerable": "Unanswerable questions that were refused",
        "abstention_answerable": "Answerable questions that were refused (lower is better)",
    }
)
"""All metrics and what they say, in the order in which they are shown."""

LOWER_IS_BETTER = frozenset({"abstention_answerable", "search_ms", "answer_ms"})

OVERALL_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {
        "ndcg@10": 0.30,
        "faithfulness": 0.20,
        "abstention_accuracy": 0.20,
        "completeness": 0.15,
        "citation_precision": 0.15,
    }
)
"""The overall score is this weighted mean; what a set cannot tell is left out and the rest scaled up."""

BREAKDOWN_METRICS = (
    "ndcg@10",
    "success@1",
    "recall@5",
    "faithfulness",
    "answer_containment",
    "completeness",
    "citation_precision",
    "abstention_accuracy",
)


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over `n` questions with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        low, high = interval(values)
        return cls(round(mean(values), 4), round(low, 4), round(high, 4), len(values))


@dataclass(frozen=True, slots=True)
class Group:
    """Questions of one kind: `aspect` is `type`, `turn` or `answerability`, `name` its value."""

    aspect: str
    name: str
    questions: int
    metrics: Mapping[str, Figure]


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds: percentiles and the share of requests per class of duration.

    Attributes:
        histogram: Upper bound of a class in milliseconds (`None`: beyond the last) and how many it holds.
    """

    p50: float
    p95: float
    p99: float
    histogram: tuple[tuple[float | None, int], ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one evaluation.

    Attributes:
        overall: By `OVERALL_WEIGHTS`; `None` where none of its metrics could be told.
        latency: By `search` and `answer`.
        errors: Questions that could not be asked.
    """

    questions: int
    errors: int
    metrics: Mapping[str, Figure]
    overall: Figure | None
    groups: tuple[Group, ...]
    latency: Mapping[str, Latency]
    confidence: Confidence | None

    def as_json(self) -> dict[str, Any]:
        """For storing and showing; `from_json` reads it."""
        return {
            "questions": self.questions,
            "errors": self.errors,
            "overall": asdict(self.overall) if self.overall else None,
            "metrics": {name: asdict(figure) for name, figure in self.metrics.items()},
            "groups": [
                {
                    "aspect": group.aspect,
                    "name": group.name,
                    "questions": group.questions,
                    "metrics": {name: asdict(figure) for name, figure in group.metrics.items()},
                }
                for group in self.groups
            ],
            "latency_ms": {name: asdict(latency) for name, latency in self.latency.items()},
            "confidence": self.confidence.as_json() if self.confidence else None,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Summary:
        """What `as_json` wrote."""
        return cls(
            questions=data["questions"],
            errors=data["errors"],
            overall=Figure(**data["overall"]) if data["overall"] else None,
            metrics={name: Figure(**figure) for name, figure in data["metrics"].items()},
            groups=tuple(
                Group(
                    group["aspect"],
                    group["name"],
                    group["questions"],
                    {name: Figure(**figure) for name, figure in group["metrics"].items()},
                )
                for group in data["groups"]
            ),
            latency={
                name: Latency(
                    **{**latency, "histogram": tuple((bound, count) for bound, count in latency["histogram"])}
                )
                for name, latency in data["latency_ms"].items()
            },
            confidence=Confidence.from_json(data["confidence"]) if data["confidence"] else None,
        )


def summarise(results: Sequence[QuestionResult]) -> Summary:
    """The figures of scored questions; repeatable."""
    return Summary(
        questions=len(results),
        errors=sum(result.error is not None for result in results),
        metrics={name: Figure.of(values) for name, values in values_by_metric(results).items()},
        overall=_overall(results),
        groups=tuple(_groups(results)),
        latency=_latencies(results),
        confidence=confidence_of(results),
    )


def values_by_metric(results: Sequence[QuestionResult]) -> dict[str, list[float]]:
    """Values of each metric that at least one question tells, in the order of `METRICS`.

    Where every question can be answered, no refusal can be right: then their precision says nothing.
    """
    values: dict[str, list[float]] = defaultdict(list)
    for result in results:
        for name, value in result.scores.items():
            values[name].append(value)
    if not any(result.unanswerable for result in results):
        values.pop("abstention_precision", None)
    return {name: values[name] for name in METRICS if name in values}


def overall_score(results: Sequence[QuestionResult]) -> float | None:
    """The weighted mean of `OVERALL_WEIGHTS`, 0..1; `None` where none of its metrics is told."""
    totals: dict[str, list[float]] = {name: [0.0, 0.0] for name in OVERALL_WEIGHTS}
    for result in results:
        for name, total in totals.items():
            value = result.scores.get(name)
            if value is not None:
                total[0] += value
                total[1] += 1
    told = {name: total / count for name, (total, count) in totals.items() if count}
    weight = sum(OVERALL_WEIGHTS[name] for name in told)
    return sum(OVERALL_WEIGHTS[name] * value for name, value in told.items()) / weight if told else None


def _overall(results: Sequence[QuestionResult], rounds: int = ROUNDS // 4) -> Figure | None:
    """With its bootstrap interval over questions."""
    value = overall_score(results)
    if value is None:
        return None
    generator = random.Random(7)  # noqa: S311 - statistics, not cryptography
    drawn = (overall_score(generator.choices(results, k=len(results))) for _ in range(rounds))
    scores = sorted(score for score in drawn if score is not None)
    low, high = scores[int(0.025 * len(scores))], scores[int(0.975 * (len(scores) - 1))]
    return Figure(round(value, 4), round(low, 4), round(high, 4), len(results))


def _groups(results: Sequence[QuestionResult]) -> Iterable[Group]:
    members: dict[tuple[str, str], list[QuestionResult]] = defaultdict(list)
    for result in results:
        for aspect, name in result.groups.items():
            members[aspect, name].append(result)
    for (aspect, name), those in sorted(members.items()):
        values = values_by_metric(those)
        figures = {metric: Figure.of(values[metric]) for metric in BREAKDOWN_METRICS if metric in values}
        yield Group(aspect, name, len(those), figures)


def _latencies(results: Sequence[QuestionResult]) -> dict[str, Latency]:
    searches = [result.search_ms for result in results if result.search_ms is not None]
    answers = [result.answer_ms for result in results if result.answer_ms is not None]
    return {name: latency(times) for name, times in (("search", searches), ("answer", answers)) if times}


def latency(times: Sequence[float], classes: int = 24) -> Latency:
    """Percentiles and histogram of durations in milliseconds, at least one.

    The histogram's classes are of equal width up to the 99th percentile or four times the median; what is
    slower is one more.
    """
    p50, p95, p99 = (round(percentile(times, share), 2) for share in (0.5, 0.95, 0.99))
    low = min(times)
    width = max((min(p99, 4 * p50) - low) / classes, 0.01)
    counts = [0] * (classes + 1)
    for time in times:
        counts[min(classes, int(max(0.0, time - low) / width))] += 1
    bounds: list[float | None] = [round(low + width * (place + 1), 2) for place in range(classes)]
    return Latency(p50, p95, p99, tuple(zip([*bounds, None], counts, strict=True)))
