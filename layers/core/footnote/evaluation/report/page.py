"""Puts the report together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from footnote.evaluation.comparison import Change, Comparison
from footnote.evaluation.gate import Verdict
from footnote.evaluation.report import plots
from footnote.evaluation.scoring import QuestionResult
from footnote.evaluation.summary import METRICS, OVERALL_WEIGHTS, Figure, Group, Summary
from footnote.platform import pages
from footnote.platform.pages import Content, Markup, definitions, paragraph, section, table, tag

WORST_SHOWN = 15
_WORST_BY = ("ndcg@10", "completeness", "citation_precision", "faithfulness", "abstention_accuracy")
_PLOTTED_GROUPS = ("ndcg@10", "completeness", "faithfulness", "abstention_accuracy")
_ANSWER_CHARACTERS = 600


def page(
    title: str,
    summary: Summary,
    results: Sequence[QuestionResult],
    *,
    facts: Mapping[str, str] | None = None,
    comparison: Comparison | None = None,
    verdict: Verdict | None = None,
) -> str:
    """The report as one HTML page without scripts, that loads nothing.

    Args:
        title: What was evaluated.
        summary: Its figures.
        results: Its questions, for the worst of them.
        facts: What else is to be known, by name.
        comparison: With another configuration, whose `b` is this one.
        verdict: What a gate said.
    """
    return pages.page(
        f"{title} - Footnote evaluation",
        *_head(title, summary, facts or {}),
        _verdict(verdict) if verdict else None,
        _comparison(comparison) if comparison else None,
        _metrics(summary),
        _groups(summary.groups) if summary.groups else None,
        _latency(summary) if summary.latency else None,
        _confidence(summary),
        _worst(results),
    )


def _head(title: str, summary: Summary, facts: Mapping[str, str]) -> list[Markup]:
    known = {"questions": str(summary.questions), **facts}
    if summary.errors:
        known["could not be asked"] = str(summary.errors)
    parts = [tag("h1", title), definitions(known.items())]
    if summary.overall:
        overall = summary.overall
        weights = ", ".join(f"{name} {weight:g}" for name, weight in OVERALL_WEIGHTS.items())
        value = tag("strong", f"Overall {overall.value:.3f}")
        parts += [
            paragraph(value, f" ({overall.low:.3f} to {overall.high:.3f})"),
            paragraph(f"Weighted mean of {weights}; what the set cannot tell is left out.", kind="note"),
        ]
    return parts


def _verdict(verdict: Verdict) -> Markup:
    findings = (tag("li", _judged(finding.passed), f": {finding.reason}") for finding in verdict.findings)
    return tag("section", tag("h2", "Gate: ", _judged(verdict.passed)), tag("ul", *findings))


def _judged(passed: bool) -> Markup:
    return tag("span", "passed" if passed else "failed", class_="good" if passed else "bad")


def _comparison(comparison: Comparison) -> Markup:
    unpaired = f"; {comparison.unpaired} only in one and left out" if comparison.unpaired else ""
    explained = (
        f"a: {comparison.name_a}. b: {comparison.name_b}. {comparison.paired} questions in both{unpaired}. "
        "Intervals from paired bootstrap samples, p-values from a randomisation test. Green where the "
        "interval leaves zero out."
    )
    rows = [
        (
            each.metric,
            f"{each.a:.3f}",
            f"{each.b:.3f}",
            f"{each.difference:+.4f}",
            f"{each.low:+.4f} to {each.high:+.4f}",
            f"{each.p_value:.3f}",
            f"{each.p_adjusted:.3f}",
            f"{each.wins} / {each.losses} / {each.ties}",
        )
        for each in comparison.differences
    ]
    heads = ("metric", "a", "b", "b - a", "95 % interval", "p", "p (Holm)", "wins / losses / ties")
    changes = [tag("h3", "Questions that changed most"), *map(_change, comparison.changes)]
    return section(
        f"Compared: {comparison.name_b} against {comparison.name_a}",
        paragraph(explained, kind="note"),
        _plots([plots.differences("differences", "Differences, b - a", comparison.differences)]),
        table("Paired differences", heads, rows),
        *(changes if comparison.changes else [paragraph("No question changed.")]),
    )


def _change(change: Change) -> Markup:
    scores = ", ".join(f"{name} {a:.2f} → {b:.2f}" for name, (a, b) in change.scores.items() if a != b)
    rows = [
        ("scores", scores),
        ("found by a", ", ".join(change.found_a) or "nothing"),
        ("found by b", ", ".join(change.found_b) or "nothing"),
        ("answer of a", _shortened(change.answer_a)),
        ("answer of b", _shortened(change.answer_b)),
    ]
    return _details(f"{change.total:+.2f} {change.text}", rows)


def _metrics(summary: Summary) -> Markup:
    rows = [
        (
            name,
            f"{shown.value:.4f}",
            f"{shown.low:.4f} to {shown.high:.4f}",
            shown.n,
            METRICS.get(name, ""),
        )
        for name, shown in summary.metrics.items()
    ]
    heads = ("metric", "mean", "95 % interval", "questions", "what it says")
    return section(
        "Metrics",
        _plots([plots.intervals("metrics", "Means with 95 % intervals", summary.metrics)]),
        table("All metrics", heads, rows),
    )


def _groups(groups: Sequence[Group]) -> Markup:
    drawn = []
    for metric in _PLOTTED_GROUPS:
        figures = {
            f"{group.name} ({group.metrics[metric].n})": group.metrics[metric]
            for group in groups
            if metric in group.metrics
        }
        if figures:
            drawn.append(plots.intervals(f"groups-{metric}", metric, figures))
    metrics = [name for name in METRICS if any(name in group.metrics for group in groups)]
    rows = [
        (
            f"{group.aspect}: {group.name}",
            group.questions,
            *(_cell(group.metrics.get(name)) for name in metrics),
        )
        for group in groups
    ]
    heads = ("kind", "questions", *metrics)
    return section("By kind of question", _plots(drawn), table("Figures by kind of question", heads, rows))


def _cell(shown: Figure | None) -> str | None:
    return None if shown is None else f"{shown.value:.3f}"


def _latency(summary: Summary) -> Markup:
    rows = [(name, each.p50, each.p95, each.p99) for name, each in summary.latency.items()]
    drawn = [
        plots.histogram(f"latency-{name}", f"Duration of {name}", each)
        for name, each in summary.latency.items()
    ]
    heads = ("milliseconds", "p50", "p95", "p99")
    return section("Latency", _plots(drawn), table("Percentiles of durations", heads, rows))


def _confidence(summary: Summary) -> Markup | None:
    confidence = summary.confidence
    if confidence is None:
        return None
    drawn = [plots.calibration("calibration", "Calibration", confidence)]
    told = [f"Mean distance of confidence and outcome: {confidence.calibration_error:.3f}."]
    if confidence.curve:
        drawn.insert(0, plots.abstention_curve("curve", "Abstention curve", confidence))
    if confidence.auroc is not None and confidence.unanswerable_at_95 is not None:
        told.append(
            f"It tells answerable from unanswerable questions with an area of {confidence.auroc:.3f}; "
            f"where 95 % of the answerable are answered, {confidence.unanswerable_at_95:.1%} of the "
            "unanswerable are too."
        )
    return section("Confidence", paragraph(" ".join(told)), _plots(drawn))


def _worst(results: Sequence[QuestionResult]) -> Markup:
    scored = [(goodness, result) for result in results if (goodness := _goodness(result)) is not None]
    scored.sort(key=lambda pair: (pair[0], pair[1].id))
    shown = [result for value, result in scored if value < 1.0][:WORST_SHOWN]
    if not shown:
        return section("Worst questions", paragraph("Every question scored in full."))
    return section("Worst questions", *(_details(result.text, _told(result)) for result in shown))


def _goodness(result: QuestionResult) -> float | None:
    told = [result.scores[name] for name in _WORST_BY if name in result.scores]
    return sum(told) / len(told) if told else None


def _told(result: QuestionResult) -> list[tuple[str, str]]:
    scores = ", ".join(f"{name} {result.scores[name]:.2f}" for name in _WORST_BY if name in result.scores)
    confidence = f"{result.confidence:.2f}" if result.confidence is not None else ""
    expected = ", ".join(result.expected) or ("no answer" if result.unanswerable else "")
    return [
        ("scores", scores),
        ("found", ", ".join(result.found) or "nothing"),
        ("expected", expected),
        ("answer", _shortened(result.answer)),
        ("reference", _shortened(" / ".join(result.golden))),
        ("confidence", confidence),
        ("error", result.error or ""),
    ]


def _shortened(text: str | None) -> str:
    text = " ".join((text or "").split())
    return text if len(text) <= _ANSWER_CHARACTERS else text[:_ANSWER_CHARACTERS].rstrip() + " …"


def _details(head: str, rows: Iterable[tuple[str, Content]]) -> Markup:
    return tag("details", tag("summary", head), definitions(rows))


def _plots(drawn: Iterable[Markup]) -> Markup:
    return tag("div", *drawn, class_="plots")
