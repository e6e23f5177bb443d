"""Plots as SVG, with colours from the pages' style sheet.

They are drawn for the width of a phone and scaled up, so that their letters are readable everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from footnote.platform.pages import Markup, tag

WIDTH = 360
"""Width of every plot in its own units."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values `low..high` to places `start..end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low
        share = (min(self.high, max(self.low, value)) - self.low) / span if span else 0.5
        return self.start + share * (self.end - self.start)

    def ticks(self, about: int = 4) -> list[float]:
        """Round values within the scale, about so many."""
        span = self.high - self.low
        if span <= 0:
            return [self.low]
        rough = span / about
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * 0.999)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(place * step, 10) for place in range(first, last + 1)]


def figure(name: str, caption: str, description: str, height: float, parts: Iterable[Markup]) -> Markup:
    """A whole plot under its caption, named for those who hear the page.

    Args:
        name: Unique on the page.
        caption: What is shown.
        description: What is to be seen, in a sentence.
        height: In the plot's units.
        parts: Shapes.
    """
    drawn = tag(
        "svg",
        tag("title", caption, id=f"{name}-title"),
        tag("desc", description, id=f"{name}-text"),
        *parts,
        viewBox=f"0 0 {WIDTH} {height:g}",
        class_="plot",
        role="img",
        aria_labelledby=f"{name}-title {name}-text",
    )
    return tag("figure", tag("figcaption", caption), drawn)


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "axis") -> Markup:
    """A straight line; `kind` is a class of the style sheet."""
    return tag("line", class_=kind, x1=_place(x1), y1=_place(y1), x2=_place(x2), y2=_place(y2))


def rectangle(x: float, y: float, width: float, height: float, kind: str, hint: str) -> Markup:
    """A rectangle; the hint is shown when it is pointed at."""
    size = {"width": _place(width), "height": _place(max(0.0, height))}
    shape = tag("rect", class_=kind, x=_place(x), y=_place(y), **size)
    return tag("g", tag("title", hint), shape)


def dot(x: float, y: float, hint: str, radius: float = 4) -> Markup:
    """A point; the hint is shown when it is pointed at."""
    return tag("circle", tag("title", hint), class_="dot", cx=_place(x), cy=_place(y), r=_place(radius))


def label(x: float, y: float, text: str, anchor: str = "start", kind: str | None = None) -> Markup:
    """A piece of text; `anchor` is start, middle or end."""
    return tag("text", text, class_=kind, x=_place(x), y=_place(y), text_anchor=anchor)


def path(points: Sequence[tuple[float, float]], kind: str = "curve") -> Markup:
    """A line through points."""
    return tag("polyline", class_=kind, points=" ".join(f"{_place(x)},{_place(y)}" for x, y in points))


def number(value: float) -> str:
    """A tick's value, as short as it can be."""
    return f"{value:g}" if abs(value) < 10_000 else f"{value:,.0f}"


def _place(value: float) -> str:
    return f"{value:.1f}"
