"""Charts of costs: inline SVG, each with its values in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import accumulate

from footnote.billing.costs import CostGroup
from footnote.billing.forecast import Forecast
from footnote.platform.pages import Markup, tag
from functions.billing.money import dollars

_WIDTH, _HEIGHT = 680, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 14, 26
_LINES = 4
_MOST_LABELS = 8


class Frame:
    """Places on a chart: `places` steps to the right, amounts up to `top` upwards."""

    def __init__(self, places: int, top: int) -> None:
        self.places = max(places, 1)
        self.top = _round_up(max(top, 1))

    def x(self, place: float) -> float:
        """Where a step begins."""
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * place / self.places

    def y(self, amount: float) -> float:
        """How high an amount is."""
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * amount / self.top

    def grid(self) -> list[Markup]:
        """Lines and amounts at the side."""
        drawn = []
        for step in range(_LINES + 1):
            amount = self.top * step // _LINES
            height = f"{self.y(amount):.1f}"
            kind = "axis" if step == 0 else "grid"
            drawn.append(tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=height, y2=height, class_=kind))
            drawn.append(
                tag("text", dollars(amount), x=_LEFT - 6, y=f"{self.y(amount) + 4:.1f}", text_anchor="end")
            )
        return drawn

    def days(self, days: Sequence[date]) -> list[Markup]:
        """As many days below as there is room for."""
        every = -(-len(days) // _MOST_LABELS)
        return [
            tag(
                "text", f"{day:%b} {day.day}", x=f"{self.x(place + 0.5):.1f}", y=_HEIGHT - 8,
                text_anchor="middle",
            )
            for place, day in enumerate(days)
            if place % every == 0
        ]  # fmt: skip


def daily_chart(daily: Sequence[CostGroup]) -> Markup:
    """A bar for each day; above it, lighter, what nobody pays for."""
    frame = Frame(len(daily), max((one.total for one in daily), default=0))
    bars: list[Markup] = []
    for place, one in enumerate(daily):
        words = f"{one.key}: {dollars(one.total)}"
        if one.unbilled > 0:
            words += f", of which nobody pays for {dollars(one.unbilled)}"
        billed = _bar(frame, place, 0, one.billed, None)
        unbilled = _bar(frame, place, one.billed, max(one.total, one.billed), "light")
        bars.append(tag("g", tag("title", words), billed, unbilled))
    days = [date.fromisoformat(one.key) for one in daily if one.key]
    dearest = max(daily, key=lambda one: one.total)
    told = f"From {days[0]} to {days[-1]}; the dearest day was {dearest.key} with {dollars(dearest.total)}."
    if any(one.unbilled for one in daily):
        told += " Lighter: attempts that nobody pays for."
    return _figure("Cost of each day", told, [*frame.grid(), *bars, *frame.days(days)])


def month_chart(forecast: Forecast, limit: int | None) -> Markup:
    """The month's sum day by day, what is expected of it with its interval, and the budget."""
    days = [day for day, _ in (*forecast.so_far, *forecast.by_day)]
    past = [0, *accumulate(cost for _, cost in forecast.so_far)]
    expected = list(accumulate((cost for _, cost in forecast.by_day), initial=past[-1]))
    frame = Frame(len(days), max(forecast.high, limit or 0))
    start, end = len(forecast.so_far), len(days)
    band = [(start, past[-1]), (end, forecast.high), (end, forecast.low)]
    drawn = [
        *frame.grid(),
        tag("polygon", points=_points(frame, band), class_="band"),
        tag("polyline", points=_points(frame, list(enumerate(past))), class_="line"),
        tag("polyline", points=_points(frame, list(enumerate(expected, start))), class_="line ahead"),
        *frame.days(days),
    ]
    told = (
        f"{dollars(forecast.spent)} spent so far; {dollars(forecast.amount)} expected,"
        f" {dollars(forecast.low)} to {dollars(forecast.high)}"
    )
    if limit is not None:
        height = f"{frame.y(limit):.1f}"
        drawn.append(tag("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=height, y2=height, class_="limit"))
        drawn.append(
            tag(
                "text", f"Budget {dollars(limit)}", x=_LEFT + 6, y=f"{frame.y(limit) - 5:.1f}", class_="value"
            )
        )
        told += f"; the budget is {dollars(limit)}"
    return _figure("The month's sum: spent, and expected with its interval", f"{told}.", drawn)


def _bar(frame: Frame, place: int, low: int, high: int, kind: str | None) -> Markup | None:
    if high <= low:
        return None
    width = (frame.x(1) - frame.x(0)) * 0.8
    return tag(
        "rect",
        x=f"{frame.x(place + 0.1):.2f}",
        y=f"{frame.y(high):.2f}",
        width=f"{width:.2f}",
        height=f"{frame.y(low) - frame.y(high):.2f}",
        class_=kind,
    )


def _points(frame: Frame, points: Sequence[tuple[int, int]]) -> str:
    return " ".join(f"{frame.x(place):.1f},{frame.y(amount):.1f}" for place, amount in points)


def _figure(title: str, told: str, drawn: Sequence[Markup]) -> Markup:
    image = tag(
        "svg", *drawn, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", class_="plot wide", role="img", aria_label=told
    )
    # Where the page is narrower than a chart that can be read, the chart scrolls.
    shown = tag("div", image, class_="scroll", role="region", aria_label=title, tabindex=0)
    return tag("figure", tag("figcaption", title), shown, tag("p", told, class_="note"))


def _round_up(amount: int) -> int:
    """The next round amount, so that lines stand at round ones."""
    step = 1
    while True:
        for factor in (4, 8, 12, 20):
            if factor * step >= amount:
                return factor * step
        step *= 10
