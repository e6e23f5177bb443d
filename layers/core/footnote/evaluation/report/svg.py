"""A little SVG: shapes as text, with colours from the page's style sheet.

Plots are drawn for the width of a phone and scaled up, so that their letters are readable everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

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


def figure(name: str, title: str, description: str, height: float, parts: Iterable[str]) -> str:
    """A whole plot, named for those who hear the page.

    Args:
        name: Unique on the page.
        title: What is shown.
        description: What is to be seen, in a sentence.
        height: In the plot's units.
        parts: Shapes.
    """
    key = escape(name, quote=True)
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-labelledby="{key}-title {key}-text">'
        f'<title id="{key}-title">{escape(title)}</title><desc id="{key}-text">{escape(description)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "axis") -> str:
    """A straight line; `kind` is a class of the style sheet."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def rectangle(x: float, y: float, width: float, height: float, kind: str = "bar", hint: str = "") -> str:
    """A rectangle; the hint is shown when it is pointed at."""
    shape = f'class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{max(0.0, height):.1f}"'
    return f"<rect {shape}>{_hint(hint)}</rect>"


def dot(x: float, y: float, radius: float = 4, kind: str = "dot", hint: str = "") -> str:
    """A point."""
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}">{_hint(hint)}</circle>'


def label(x: float, y: float, text: str, anchor: str = "start", kind: str = "label") -> str:
    """A piece of text; `anchor` is start, middle or end."""
    place = f'class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(text)}</text>"


def path(points: Sequence[tuple[float, float]], kind: str = "curve") -> str:
    """A line through points."""
    steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline class="{kind}" points="{steps}"/>'


def number(value: float) -> str:
    """A tick's value, as short as it can be."""
    return f"{value:g}" if abs(value) < 10_000 else f"{value:,.0f}"


def _hint(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""
