"""Figures of an evaluation: metrics, intervals, kinds of questions, latency; as JSON and as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from footnote.evaluation import Comparison, Figure, QuestionResult, Summary, mean, summarise
from footnote.evaluation.scoring import RETRIEVAL_METRICS
from footnote.evaluation.statistics import percentile
from local.evaluation.corpus import Corpus
from local.evaluation.outcomes import AnswerOutcome, SearchOutcome, scored

_FAILURES_SHOWN = 10
_SHOWN_BY_STRATEGY = ("ndcg@10", "recall@5", "recall@10", "mrr@10", "success@1", "map")
_SHOWN_BY_GROUP = ("ndcg@10", "answer_containment", "completeness", "faithfulness", "abstention_accuracy")


@dataclass(frozen=True)
class Report:
    """All outcomes of one run; `searches` by strategy, the first one being the product's own."""

    dataset: str
    corpus: Corpus
    searches: dict[str, list[SearchOutcome]]
    answers: list[AnswerOutcome]
    configuration: str = ""

    @cached_property
    def results(self) -> list[QuestionResult]:
        """The scored questions, by the first strategy."""
        return scored(next(iter(self.searches.values()), []), self.answers)

    @cached_property
    def summary(self) -> Summary:
        """The figures of the first strategy and of the answers."""
        return summarise(self.results)

    def metrics(self) -> dict[str, float]:
        """The main figures by name."""
        return {name: figure.value for name, figure in self.summary.metrics.items()}

    def as_json(self) -> dict[str, Any]:
        """Everything, for programs, and for `--compare`. `intervals` are 95 % intervals of the metrics."""
        summary = self.summary.as_json()
        metrics = self.summary.metrics
        return {
            "dataset": self.dataset,
            "configuration": self.configuration,
            "metrics": {name: figure.value for name, figure in metrics.items()},
            "intervals": {name: [figure.low, figure.high] for name, figure in metrics.items()},
            "overall": summary["overall"],
            "groups": summary["groups"],
            "strategies": {
                strategy: _by_strategy(outcomes, RETRIEVAL_METRICS)
                for strategy, outcomes in self.searches.items()
            },
            "counts": {
                "documents": self.corpus.documents,
                "documents_failed": len(self.corpus.failures),
                "chunks": self.corpus.chunks,
                "queries_judged": len(next(iter(self.searches.values()), [])),
                "answers": len(self.answers),
                "unanswerable": sum(one.query.unanswerable for one in self.answers),
            },
            "ingestion": {
                "seconds": round(self.corpus.seconds, 2),
                "documents_per_s": self._per_second(self.corpus.documents),
                "chunks_per_s": self._per_second(self.corpus.chunks),
            },
            "latency_ms": {
                **{f"search_{name}": _latency(outcomes) for name, outcomes in self.searches.items()},
                "answer": _latency(self.answers),
            },
            "confidence": summary["confidence"],
            "questions": [result.as_json() for result in self.results],
        }

    def _per_second(self, count: int) -> float | None:
        return round(count / self.corpus.seconds, 2) if self.corpus.seconds else None


def _by_strategy(outcomes: Sequence[SearchOutcome], names: Iterable[str]) -> dict[str, float]:
    return {
        name: round(mean([RETRIEVAL_METRICS[name](one.ranking, one.query.relevance) for one in outcomes]), 4)
        for name in names
        if outcomes
    }


def _latency(outcomes: Sequence[SearchOutcome | AnswerOutcome]) -> dict[str, float]:
    times = [one.milliseconds for one in outcomes]
    if not times:
        return {}
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {name: round(percentile(times, share), 2) for name, share in shares.items()}


def render(report: Report) -> str:
    """The report as text for a terminal."""
    data = report.as_json()
    ingestion = data["ingestion"]
    lines = [
        (
            f"{data['dataset']}: {report.corpus.documents} documents, {report.corpus.chunks} chunks, "
            f"ingested in {report.corpus.seconds:.0f} s ({ingestion['chunks_per_s']} chunks/s)"
        ),
        "",
        _row("search", [*_SHOWN_BY_STRATEGY, "p50 ms", "p95 ms"]),
    ]
    for strategy, outcomes in report.searches.items():
        latency = data["latency_ms"][f"search_{strategy}"]
        scores = _by_strategy(outcomes, _SHOWN_BY_STRATEGY)
        cells = [f"{scores.get(name, 0.0):.4f}" for name in _SHOWN_BY_STRATEGY]
        lines.append(_row(strategy, [*cells, *(f"{latency.get(name, 0):.1f}" for name in ("p50", "p95"))]))
    answered = {name: one for name, one in report.summary.metrics.items() if name not in RETRIEVAL_METRICS}
    if answered:
        lines += ["", f"{'answers':<26}{'value':>8}   95 % interval      questions"]
        lines += [_figure(name, figure) for name, figure in answered.items()]
        latency = data["latency_ms"]["answer"]
        times = " / ".join(f"{latency[name]:.1f}" for name in ("p50", "p95", "p99"))
        lines.append(f"{'ms p50 / p95 / p99':<26}{times}")
    if report.summary.overall:
        lines.append(_figure("overall score", report.summary.overall))
    lines += _groups(report.summary)
    failures = report.corpus.failures
    if failures:
        lines += ["", f"{len(failures)} documents failed and count as not found:"]
        lines += [f"  {failure}" for failure in failures[:_FAILURES_SHOWN]]
    return "\n".join(lines)


def _row(head: str, cells: Sequence[str]) -> str:
    return f"{head:<10}" + "".join(f"{cell:>11}" for cell in cells)


def _figure(name: str, figure: Figure) -> str:
    return f"{name:<26}{figure.value:>8.4f}   [{figure.low:.4f}, {figure.high:.4f}]   {figure.n}"


def _groups(summary: Summary) -> list[str]:
    shown = [name for name in _SHOWN_BY_GROUP if any(name in group.metrics for group in summary.groups)]
    lines = ["", f"{'kind of question':<28}{'n':>6}" + "".join(f"{name:>20}" for name in shown)]
    for group in summary.groups:
        cells = "".join(f"{_cell(group.metrics, name):>20}" for name in shown)
        lines.append(f"{group.aspect + ': ' + group.name:<28}{group.questions:>6}{cells}")
    return lines


def _cell(metrics: Mapping[str, Figure], name: str) -> str:
    return f"{metrics[name].value:.4f}" if name in metrics else "-"


def render_comparison(comparison: Comparison) -> str:
    """A comparison as text for a terminal."""
    lines = [
        f"a: {comparison.name_a}",
        f"b: {comparison.name_b}",
        f"{comparison.paired} questions in both, {comparison.unpaired} in one only",
        "",
        f"{'metric':<26}{'a':>8}{'b':>8}{'b - a':>9}   95 % interval        p    p (Holm)  wins/losses/ties",
    ]
    for one in comparison.differences:
        mark = " *" if one.is_clear else ""
        lines.append(
            f"{one.metric:<26}{one.a:>8.4f}{one.b:>8.4f}{one.difference:>+9.4f}   "
            f"[{one.low:+.4f}, {one.high:+.4f}]  {one.p_value:.4f}  {one.p_adjusted:.4f}    "
            f"{one.wins}/{one.losses}/{one.ties}{mark}"
        )
    lines += ["", "* the interval leaves zero out"]
    if comparison.changes:
        lines += ["", "questions that changed most (sum of the changes, b better above zero):"]
        lines += [f"  {change.total:+.2f}  {change.text}" for change in comparison.changes]
    return "\n".join(lines)
