"""How well the month's forecast does: `python -m tests.evaluation.cost_forecast [--csv FILE]`.

On each day of each month from the eighth on, the month's sum is forecast from what was known then, and
compared with what it became: by the product's rule and by simpler ones. The error is the mean of
|forecast - month| / month.
`inside` is how often the month ended in the interval that nine in ten should.

The series are made: each of one kind of traffic. A real one is measured with --csv: what
`GET /billing/costs?group_by=day&format=csv` gives, of at least ten weeks.
"""

from __future__ import annotations

import argparse
import csv
import math
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

from footnote.billing.forecast import LEAST_DAYS, MOST_DAYS, Forecast, Month, forecast

_START = date(2025, 1, 1)
_DAYS = 540
Rule = Callable[[Sequence[int], int], float]
"""What all days to come cost, from the complete days and how many there are to come."""


def _last(past: Sequence[int], days: int) -> float:
    return float(past[-1] * days)


def _mean(past: Sequence[int], days: int) -> float:
    return days * sum(past) / len(past)


def _recent_mean(past: Sequence[int], days: int) -> float:
    return _mean(past[-MOST_DAYS:], days)


NAIVE: Mapping[str, Rule] = {"last value": _last, "mean": _mean, "mean of 28 days": _recent_mean}


def synthetic(seed: int = 1) -> dict[str, list[int]]:
    """Series of one kind of traffic each, in micro-USD a day."""
    source = random.Random(seed)

    def noise(size: float) -> float:
        return math.exp(source.gauss(0, size))

    def weekday(day: int) -> float:
        return 0.3 if (_START + timedelta(days=day)).weekday() >= 5 else 1.0

    kinds: dict[str, Callable[[int], float]] = {
        "even": lambda _: noise(0.2),
        "weekly": lambda day: weekday(day) * noise(0.2),
        "weekly, growing 5 % a month": lambda day: weekday(day) * 1.05 ** (day / 30) * noise(0.2),
        "weekly, heavy tailed": lambda day: weekday(day) * noise(0.8),
        "weekly, doubled after a year": lambda day: weekday(day) * (2 if day > 365 else 1) * noise(0.2),
        "mostly idle": lambda _: noise(0.5) if source.random() < 0.15 else 0.0,
    }
    return {name: [round(10_000_000 * kind(day)) for day in range(_DAYS)] for name, kind in kinds.items()}


def origins(first: date, days: int) -> Iterator[tuple[int, int, int]]:
    """Each day to forecast on: its place, that of its month's first day and that of the next month's."""
    for place in range(2 * MOST_DAYS, days):
        today = first + timedelta(days=place)
        start = place - today.day + 1
        end = start + ((today.replace(day=1) + timedelta(days=32)).replace(day=1) - today.replace(day=1)).days
        if today.day > LEAST_DAYS and end <= days:
            yield place, start, end


def forecast_at(series: Sequence[int], first: date, place: int, start: int, end: int) -> Forecast:
    """The product's forecast in the morning of the day at `place`."""
    known = series[max(0, place - MOST_DAYS) : place]
    so_far = tuple((first + timedelta(days=one), series[one]) for one in range(start, place))
    month = Month(first + timedelta(days=place), first + timedelta(days=end), so_far, 0)
    found = forecast(known, month.today - timedelta(days=len(known)), month)
    assert isinstance(found, Forecast)
    return found


def backtest(series: Sequence[int], first: date) -> dict[str, float]:
    """The mean relative error of each rule, and how often the interval held."""
    errors: dict[str, list[float]] = {name: [] for name in ("this", *NAIVE)}
    inside: list[bool] = []
    for place, start, end in origins(first, len(series)):
        month = sum(series[start:end])
        if month == 0:
            continue
        found = forecast_at(series, first, place, start, end)
        errors["this"].append(abs(found.amount - month) / month)
        inside.append(found.low <= month <= found.high)
        for name, rule in NAIVE.items():
            amount = sum(series[start:place]) + rule(series[:place], end - place)
            errors[name].append(abs(amount - month) / month)
    figures = {name: sum(values) / len(values) for name, values in errors.items()}
    return figures | {"inside": sum(inside) / len(inside)}


def read_csv(path: Path) -> tuple[date, list[int]]:
    """The first day and the costs of a file that the API gave; days without a line cost nothing."""
    with path.open(newline="", encoding="utf-8") as file:
        costs = {date.fromisoformat(row["day"]): int(row["total_micro_usd"]) for row in csv.DictReader(file)}
    first, last = min(costs), max(costs)
    return first, [costs.get(first + timedelta(days=place), 0) for place in range((last - first).days + 1)]


def main() -> None:
    """Prints a line a series."""
    parser = argparse.ArgumentParser(description="Back-test the forecast of the month's cost.")
    parser.add_argument("--csv", type=Path, help="a series of the API")
    path = parser.parse_args().csv
    if path is None:
        series = {name: (_START, costs) for name, costs in synthetic().items()}
    else:
        series = {path.name: read_csv(path)}
    names = ("this", *NAIVE, "inside")
    print(f"{'mean error':32}" + "".join(f"{name:>17}" for name in names))
    for title, (first, costs) in series.items():
        figures = backtest(costs, first)
        print(f"{title:32}" + "".join(f"{figures[name]:17.1%}" for name in names))


if __name__ == "__main__":
    main()
