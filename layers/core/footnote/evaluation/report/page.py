"""Puts the report together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from footnote.evaluation.comparison import Change, Comparison
from footnote.evaluation.gate import Verdict
from footnote.evaluation.report import plots
from footnote.evaluation.report.style import STYLE
from footnote.evaluation.scoring import QuestionResult
from footnote.evaluation.summary import METRICS, OVERALL_WEIGHTS, Figure, Group, Summary

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
    sections = [
        _head(title, summary, facts or {}),
        _verdict(verdict) if verdict else "",
        _comparison(comparison) if comparison else "",
        _metrics(summary),
        _groups(summary.groups),
        _latency(summary),
        _confidence(summary),
        _worst(results),
    ]
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{escape(title)} - Footnote evaluation</title><style>{STYLE}</style></head>"
        f"<body><main>{''.join(sections)}</main></body></html>\n"
    )


def _head(title: str, summary: Summary, facts: Mapping[str, str]) -> str:
    known = {"questions": str(summary.questions), **facts}
    if summary.errors:
        known["could not be asked"] = str(summary.errors)
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in known.items() if value
    )
    overall = ""
    if summary.overall:
        weights = ", ".join(f"{name} {weight:g}" for name, weight in OVERALL_WEIGHTS.items())
        overall = (
            f"<p><strong>Overall {summary.overall.value:.3f}</strong> "
            f"({summary.overall.low:.3f} to {summary.overall.high:.3f})</p>"
            f'<p class="soft">Weighted mean of {escape(weights)}; what the set cannot tell is left out.</p>'
        )
    return f"<h1>{escape(title)}</h1><dl>{rows}</dl>{overall}"


def _verdict(verdict: Verdict) -> str:
    word = "passed" if verdict.passed else "failed"
    findings = "".join(
        f'<li><span class="{_word(finding.passed)}">{_word(finding.passed)}</span>: '
        f"{escape(finding.reason)}</li>"
        for finding in verdict.findings
    )
    return f'<h2>Gate: <span class="{word}">{word}</span></h2><ul>{findings}</ul>'


def _word(passed: bool) -> str:
    return "passed" if passed else "failed"


def _comparison(comparison: Comparison) -> str:
    names = f"{comparison.name_b} against {comparison.name_a}"
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
    unpaired = f"; {comparison.unpaired} only in one and left out" if comparison.unpaired else ""
    shown = comparison.differences
    return (
        f"<h2>Compared: {escape(names)}</h2>"
        f'<p class="soft">a: {escape(comparison.name_a)}. b: {escape(comparison.name_b)}. '
        f"{comparison.paired} questions in both{unpaired}. Intervals from paired bootstrap samples, p-values "
        "from a randomisation test. Green where the interval leaves zero out.</p>"
        + (_plots([("Differences, b - a", plots.differences("differences", "Differences", shown))]))
        + _table("Paired differences", heads, rows)
        + _changes(comparison)
    )


def _changes(comparison: Comparison) -> str:
    if not comparison.changes:
        return "<p>No question changed.</p>"
    items = "".join(map(_change, comparison.changes))
    return f"<h3>Questions that changed most</h3>{items}"


def _change(change: Change) -> str:
    scores = ", ".join(f"{name} {a:.2f} → {b:.2f}" for name, (a, b) in change.scores.items() if a != b)
    rows = [
        ("scores", scores),
        ("found by a", ", ".join(change.found_a) or "nothing"),
        ("found by b", ", ".join(change.found_b) or "nothing"),
        ("answer of a", _shortened(change.answer_a)),
        ("answer of b", _shortened(change.answer_b)),
    ]
    return _details(f"{change.total:+.2f} {change.text}", rows)


def _metrics(summary: Summary) -> str:
    rows = [
        (
            name,
            f"{shown.value:.4f}",
            f"{shown.low:.4f} to {shown.high:.4f}",
            str(shown.n),
            METRICS.get(name, ""),
        )
        for name, shown in summary.metrics.items()
    ]
    heads = ("metric", "mean", "95 % interval", "questions", "what it says")
    plot = plots.intervals("metrics", "Metrics with their 95 % intervals", summary.metrics)
    return (
        "<h2>Metrics</h2>"
        + _plots([("Means with 95 % intervals", plot)])
        + _table("Metrics", heads, rows, words=True)
    )


def _groups(groups: Sequence[Group]) -> str:
    if not groups:
        return ""
    drawn = []
    for metric in _PLOTTED_GROUPS:
        figures = {
            f"{group.name} ({group.metrics[metric].n})": group.metrics[metric]
            for group in groups
            if metric in group.metrics
        }
        if figures:
            drawn.append(
                (metric, plots.intervals(f"groups-{metric}", f"{metric} by kind of question", figures))
            )
    metrics = [name for name in METRICS if any(name in group.metrics for group in groups)]
    rows = [
        (
            f"{group.aspect}: {group.name}",
            str(group.questions),
            *(_cell(group.metrics.get(name)) for name in metrics),
        )
        for group in groups
    ]
    table = _table("Figures by kind of question", ("kind", "questions", *metrics), rows)
    return f"<h2>By kind of question</h2>{_plots(drawn)}{table}"


def _cell(shown: Figure | None) -> str:
    return "–" if shown is None else f"{shown.value:.3f}"


def _latency(summary: Summary) -> str:
    if not summary.latency:
        return ""
    rows = [
        (name, f"{each.p50:g}", f"{each.p95:g}", f"{each.p99:g}") for name, each in summary.latency.items()
    ]
    drawn = [
        (name, plots.histogram(f"latency-{name}", f"Duration of {name}", each))
        for name, each in summary.latency.items()
    ]
    table = _table("Latency in milliseconds", ("milliseconds", "p50", "p95", "p99"), rows)
    return f"<h2>Latency</h2>{_plots(drawn)}{table}"


def _confidence(summary: Summary) -> str:
    confidence = summary.confidence
    if confidence is None:
        return ""
    drawn = []
    if confidence.curve:
        drawn.append(("Abstention curve", plots.abstention_curve("curve", "Abstention curve", confidence)))
    drawn.append(("Calibration", plots.calibration("calibration", "Calibration", confidence)))
    told = [f"Mean distance of confidence and outcome: {confidence.calibration_error:.3f}."]
    if confidence.auroc is not None and confidence.unanswerable_at_95 is not None:
        told.append(
            f"It tells answerable from unanswerable questions with an area of {confidence.auroc:.3f}; "
            f"where 95 % of the answerable are answered, {confidence.unanswerable_at_95:.1%} of the "
            "unanswerable are too."
        )
    return f"<h2>Confidence</h2><p>{escape(' '.join(told))}</p>{_plots(drawn)}"


def _worst(results: Sequence[QuestionResult]) -> str:
    scored = [(badness, result) for result in results if (badness := _badness(result)) is not None]
    scored.sort(key=lambda pair: (pair[0], pair[1].id))
    shown = [result for value, result in scored if value < 1.0][:WORST_SHOWN]
    if not shown:
        return "<h2>Worst questions</h2><p>Every question scored in full.</p>"
    return "<h2>Worst questions</h2>" + "".join(_details(result.text, _told(result)) for result in shown)


def _badness(result: QuestionResult) -> float | None:
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


def _details(head: str, rows: Iterable[tuple[str, str]]) -> str:
    body = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows if value)
    return f"<details><summary>{escape(head)}</summary><div><dl>{body}</dl></div></details>"


def _plots(drawn: Iterable[tuple[str, str]]) -> str:
    figures = "".join(
        f"<figure><figcaption>{escape(caption)}</figcaption>{plot}</figure>" for caption, plot in drawn
    )
    return f'<div class="plots">{figures}</div>'


def _table(name: str, heads: Sequence[str], rows: Iterable[Sequence[str]], *, words: bool = False) -> str:
    """A table that scrolls by itself where it is too wide, with the keyboard too."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(f"<tr>{_cells(row, words)}</tr>" for row in rows)
    region = f'class="scroll" role="region" tabindex="0" aria-label="{escape(name, quote=True)}"'
    return f"<div {region}><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _cells(row: Sequence[str], words: bool) -> str:
    """The first cell heads its row; with `words` the last one is prose."""
    cells = [f'<th scope="row">{escape(row[0])}</th>', *(f"<td>{escape(text)}</td>" for text in row[1:])]
    if words:
        cells[-1] = f'<td class="words">{escape(row[-1])}</td>'
    return "".join(cells)
