"""Figures of an evaluation: metrics, intervals, latency; as JSON and as a page of text."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from footnote.evaluation import (
    EvaluationQuery,
    answer_contained,
    bootstrap_interval,
    mean,
    ndcg,
    recall,
    reciprocal_rank,
    success,
)

_FAILURES_SHOWN = 10

Metric = Callable[[Sequence[str], dict[str, int]], float]

RETRIEVAL_METRICS: tuple[tuple[str, Metric], ...] = (
    ("ndcg@10", lambda ranking, relevance: ndcg(ranking, relevance, 10)),
    ("recall@5", lambda ranking, relevance: recall(ranking, relevance, 5)),
    ("recall@10", lambda ranking, relevance: recall(ranking, relevance, 10)),
    ("mrr@10", lambda ranking, relevance: reciprocal_rank(ranking, relevance, 10)),
    ("success@1", lambda ranking, relevance: success(ranking, relevance, 1)),
)


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """One search: corpus rows, best first, and how long the caller waited."""

    query: EvaluationQuery
    ranking: list[str]
    milliseconds: float


@dataclass(frozen=True, slots=True)
class AnswerOutcome:
    """One answer: `cited` has for each source the corpus rows it may be (several if their text is equal)."""

    query: EvaluationQuery
    answer: str
    abstained: bool
    confidence: float | None
    cited: list[list[str]]
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """All outcomes of one run; `searches` by strategy, the first one being the product's own."""

    dataset: str
    documents: int
    failures: list[str]
    chunks: int
    ingestion_s: float
    searches: dict[str, list[SearchOutcome]]
    answers: list[AnswerOutcome]

    def metrics(self) -> dict[str, float]:
        """The main figures by name, of the first strategy."""
        first = next(iter(self.searches.values()), [])
        return {name: mean(values) for name, values in (_retrieval(first) | self._answer_values()).items()}

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs. `intervals` are 95 % bootstrap intervals of the same metrics."""
        first = next(iter(self.searches.values()), [])
        values = _retrieval(first) | self._answer_values()
        return {
            "dataset": self.dataset,
            "metrics": {name: round(mean(scores), 4) for name, scores in values.items()},
            "intervals": {
                name: [round(bound, 4) for bound in bootstrap_interval(scores)]
                for name, scores in values.items()
            },
            "strategies": {
                strategy: {name: round(mean(scores), 4) for name, scores in _retrieval(outcomes).items()}
                for strategy, outcomes in self.searches.items()
            },
            "counts": {
                "documents": self.documents,
                "documents_failed": len(self.failures),
                "chunks": self.chunks,
                "queries_judged": len(first),
                "answers": len(self.answers),
                "unanswerable": sum(one.query.unanswerable for one in self.answers),
            },
            "ingestion": {
                "seconds": round(self.ingestion_s, 2),
                "documents_per_s": round(self.documents / self.ingestion_s, 2) if self.ingestion_s else None,
                "chunks_per_s": round(self.chunks / self.ingestion_s, 2) if self.ingestion_s else None,
            },
            "latency_ms": {
                **{f"search_{name}": _latency(outcomes) for name, outcomes in self.searches.items()},
                "answer": _latency(self.answers),
            },
        }

    def _answer_values(self) -> dict[str, list[float]]:
        """Scores of answers, one list a metric; what a set cannot tell is left out.

        `answer_containment`: a golden answer stands in the answer, over answerable questions that have
        golden answers. `citation_precision`: share of cited documents that are judged relevant, over
        answers that cite. `abstention_unanswerable` and `abstention_answerable`: how often it abstains.
        """
        answerable = [one for one in self.answers if not one.query.unanswerable and one.query.relevance]
        unanswerable = [one for one in self.answers if one.query.unanswerable]
        golden = [one for one in answerable if one.query.answers]
        citing = [one for one in answerable if one.cited]
        values = {
            "answer_containment": [float(answer_contained(one.answer, one.query.answers)) for one in golden],
            "citation_precision": [_precision(one) for one in citing],
            "abstention_answerable": [float(one.abstained) for one in answerable],
            "abstention_unanswerable": [float(one.abstained) for one in unanswerable],
        }
        return {name: scores for name, scores in values.items() if scores}


def _precision(outcome: AnswerOutcome) -> float:
    relevant = [any(outcome.query.relevance.get(row, 0) > 0 for row in rows) for rows in outcome.cited]
    return sum(relevant) / len(relevant)


def _retrieval(outcomes: Sequence[SearchOutcome]) -> dict[str, list[float]]:
    if not outcomes:
        return {}
    return {
        name: [metric(one.ranking, one.query.relevance) for one in outcomes]
        for name, metric in RETRIEVAL_METRICS
    }


def _latency(outcomes: Sequence[SearchOutcome | AnswerOutcome]) -> dict[str, float]:
    times = sorted(one.milliseconds for one in outcomes)
    if not times:
        return {}
    return {"p50": round(statistics.median(times), 2), "p95": round(times[int(0.95 * (len(times) - 1))], 2)}


def render(report: Report) -> str:
    """The report as text for a terminal."""
    data = report.as_json()
    lines = [
        (
            f"{data['dataset']}: {report.documents} documents, {report.chunks} chunks, "
            f"ingested in {report.ingestion_s:.0f} s ({data['ingestion']['chunks_per_s']} chunks/s)"
        ),
        "",
        f"{'search':<10}"
        + "".join(f"{name:>11}" for name, _ in RETRIEVAL_METRICS)
        + f"{'p50 ms':>9}{'p95 ms':>9}",
    ]
    for strategy, scores in data["strategies"].items():
        latency = data["latency_ms"][f"search_{strategy}"]
        row = "".join(f"{scores.get(name, 0.0):>11.4f}" for name, _ in RETRIEVAL_METRICS)
        lines.append(f"{strategy:<10}{row}{latency.get('p50', 0):>9.1f}{latency.get('p95', 0):>9.1f}")
    if report.answers:
        lines += ["", f"{'answers':<26}{'value':>8}   95 % interval"]
        for name in data["metrics"]:
            if name not in dict(RETRIEVAL_METRICS):
                low, high = data["intervals"][name]
                lines.append(f"{name:<26}{data['metrics'][name]:>8.4f}   [{low:.4f}, {high:.4f}]")
        latency = data["latency_ms"]["answer"]
        lines.append(f"{'milliseconds p50 / p95':<26}{latency['p50']:>8.1f} / {latency['p95']:.1f}")
    if report.failures:
        lines += ["", f"{len(report.failures)} documents failed and count as not found:"]
        lines += [f"  {failure}" for failure in report.failures[:_FAILURES_SHOWN]]
    return "\n".join(lines)
