"""The plots of the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from footnote.evaluation.comparison import Difference
from footnote.evaluation.confidence import Confidence
from footnote.evaluation.report.svg import (
    WIDTH,
    Scale,
    dot,
    figure,
    label,
    line,
    number,
    path,
    rectangle,
)
from footnote.evaluation.summary import Figure, Latency
from footnote.platform.pages import Markup

_ROW = 22
_LABELS = 162
_VALUES = 46
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 14, 12, 40
_SQUARE = 260


def intervals(name: str, title: str, figures: Mapping[str, Figure]) -> Markup:
    """A row for each figure: a point with its 95 % interval on a scale from 0 to 1."""
    scale = Scale(0.0, 1.0, _LABELS, WIDTH - _VALUES)
    height = len(figures) * _ROW + 34
    parts = _vertical_grid(scale, height - 26)
    for place, (text, shown) in enumerate(figures.items()):
        y = 16 + place * _ROW
        hint = f"{text}: {shown.value:.3f} ({shown.low:.3f} to {shown.high:.3f}), {shown.n} questions"
        parts += [
            label(_LABELS - 8, y + 4, text, "end"),
            line(scale(shown.low), y, scale(shown.high), y, "range"),
            dot(scale(shown.value), y, hint),
            label(WIDTH - 4, y + 4, f"{shown.value:.3f}", "end", "value"),
        ]
    spoken = "; ".join(f"{text} {shown.value:.3f}" for text, shown in figures.items())
    return figure(name, title, f"Means with 95 % intervals. {spoken}.", height, parts)


def differences(name: str, title: str, shown: Sequence[Difference]) -> Markup:
    """A row for each metric: the paired difference with its interval around zero."""
    reach = max([0.01, *(max(abs(each.low), abs(each.high)) for each in shown)]) * 1.05
    scale = Scale(-reach, reach, _LABELS, WIDTH - _VALUES - 6)
    height = len(shown) * _ROW + 34
    parts = _vertical_grid(scale, height - 26)
    parts.append(line(scale(0), 4, scale(0), height - 26, "zero"))
    for place, each in enumerate(shown):
        y = 16 + place * _ROW
        kind = "clear" if each.is_clear else "range"
        hint = f"{each.metric}: {each.difference:+.4f} ({each.low:+.4f} to {each.high:+.4f})"
        parts += [
            label(_LABELS - 8, y + 4, each.metric, "end"),
            line(scale(each.low), y, scale(each.high), y, kind),
            dot(scale(each.difference), y, hint),
            label(WIDTH - 2, y + 4, f"{each.difference:+.3f}", "end", "value"),
        ]
    spoken = "; ".join(f"{each.metric} {each.difference:+.3f}" for each in shown)
    return figure(name, title, f"Differences with 95 % intervals. {spoken}.", height, parts)


def histogram(name: str, title: str, latency: Latency) -> Markup:
    """How many requests took how long; the last bar holds all that took longer."""
    height = 180
    most = max(count for _, count in latency.histogram)
    bottom = height - _BOTTOM
    tall = Scale(0, most, bottom, _TOP)
    width = (WIDTH - _LEFT - _RIGHT) / len(latency.histogram)
    parts = _horizontal_grid(tall, ticks=3)
    start = 0.0
    for place, (bound, count) in enumerate(latency.histogram):
        x = _LEFT + place * width
        until = f"up to {bound:g} ms" if bound is not None else f"more than {start:g} ms"
        hint = f"{until}: {count}"
        kind = "bar" if bound is not None else "bar last"
        parts.append(rectangle(x + 0.5, tall(count), width - 1, bottom - tall(count), kind, hint))
        if place % 8 == 7 and bound is not None:
            parts.append(label(x + width, bottom + 14, number(round(bound)), "middle"))
        start = bound if bound is not None else start
    parts += [
        line(_LEFT, bottom, WIDTH - _RIGHT, bottom),
        label((_LEFT + WIDTH - _RIGHT) / 2, height - 8, "milliseconds", "middle"),
    ]
    told = f"p50 {latency.p50:g} ms, p95 {latency.p95:g} ms, p99 {latency.p99:g} ms."
    return figure(name, title, f"Distribution of durations: {told}", height, parts)


def abstention_curve(name: str, title: str, confidence: Confidence) -> Markup:
    """Share of unanswerable questions answered, against the share of answerable ones kept."""
    points = [(point.answerable, point.unanswerable) for point in confidence.curve]
    right, up, parts = _square("answerable questions answered", "unanswerable answered")
    parts.append(path([(right(x), up(y)) for x, y in points]))
    parts.append(path([(right(0), up(0)), (right(1), up(1))], "chance"))
    if confidence.unanswerable_at_95 is not None:
        hint = f"95 % kept: {confidence.unanswerable_at_95:.1%} of the unanswerable are answered"
        parts.append(dot(right(0.95), up(confidence.unanswerable_at_95), hint))
    told = f"Area {confidence.auroc:.3f}." if confidence.auroc is not None else ""
    if confidence.unanswerable_at_95 is not None:
        kept = f"{confidence.unanswerable_at_95:.1%}"
        told += f" Where 95 % of the answerable questions are answered, {kept} of the unanswerable are too."
    return figure(name, title, told.strip(), _SQUARE + _BOTTOM, parts)


def calibration(name: str, title: str, confidence: Confidence) -> Markup:
    """Share of right answers against confidence; points on the diagonal are honest."""
    right, up, parts = _square("confidence", "share that was right")
    parts.append(path([(right(0), up(0)), (right(1), up(1))], "chance"))
    parts.append(path([(right(one.confidence), up(one.right)) for one in confidence.calibration]))
    largest = max(one.n for one in confidence.calibration)
    for one in confidence.calibration:
        hint = f"confidence {one.confidence:.2f}: {one.right:.0%} of {one.n} right"
        size = 2.5 + 5.5 * (one.n / largest) ** 0.5
        parts.append(dot(right(one.confidence), up(one.right), hint, size))
    told = f"Mean distance of confidence and outcome: {confidence.calibration_error:.3f}."
    return figure(name, title, told, _SQUARE + _BOTTOM, parts)


def _square(across: str, upwards: str) -> tuple[Scale, Scale, list[Markup]]:
    """Axes from 0 to 1 in both directions."""
    right = Scale(0.0, 1.0, _LEFT, WIDTH - _RIGHT)
    up = Scale(0.0, 1.0, _SQUARE, _TOP + 14)
    parts = _horizontal_grid(up)
    for value in right.ticks(5):
        parts += [
            line(right(value), up(0), right(value), up(1), "grid"),
            label(right(value), _SQUARE + 14, number(value), "middle"),
        ]
    parts += [
        label((_LEFT + WIDTH - _RIGHT) / 2, _SQUARE + 32, across, "middle"),
        label(4, _TOP, upwards),
    ]
    return right, up, parts


def _horizontal_grid(scale: Scale, ticks: int = 5) -> list[Markup]:
    parts: list[Markup] = []
    for value in scale.ticks(ticks):
        parts += [
            line(_LEFT, scale(value), WIDTH - _RIGHT, scale(value), "grid"),
            label(_LEFT - 6, scale(value) + 4, number(value), "end"),
        ]
    return parts


def _vertical_grid(scale: Scale, bottom: float, ticks: int = 4) -> list[Markup]:
    parts: list[Markup] = []
    for value in scale.ticks(ticks):
        parts += [
            line(scale(value), 4, scale(value), bottom, "grid"),
            label(scale(value), bottom + 16, number(value), "middle"),
        ]
    return parts
