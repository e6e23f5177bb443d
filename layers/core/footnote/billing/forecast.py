"""What the running month will have cost: simple enough to be checked by hand.

A day to come is expected to cost what the last weeks' days did on average, moved by what its weekday differs
from that, as far as that was seen. The interval comes from how far the days lay from this rule.
`python -m tests.evaluation.cost_forecast` compares it with simpler rules.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

LEAST_DAYS = 7
"""Fewer complete days say nothing: not every weekday is among them."""

MOST_DAYS = 28
"""Older days say little of those to come."""

_WEEK = 7
# An interval of 90 % under a normal distribution.
_WIDTH = 1.645


@dataclass(frozen=True, slots=True)
class Forecast:
    """The expected cost of a whole month, in micro-USD.

    Attributes:
        low, high: The interval that nine in ten months end in, if days go on to differ as they did.
        spent: What is spent already, today's part included.
        so_far: What each complete day of the month cost.
        by_day: What each day is expected to cost in all, from today to the month's last.
        complete_days: How many past days it rests on.
        basis: The rule in words.
    """

    amount: int
    low: int
    high: int
    spent: int
    so_far: tuple[tuple[date, int], ...]
    by_day: tuple[tuple[date, int], ...]
    complete_days: int
    basis: str


@dataclass(frozen=True, slots=True)
class Month:
    """The running month so far.

    Attributes:
        today: The day that is not complete.
        end: The first day of the next month.
        so_far: Micro-USD spent on each of its complete days.
        of_today: Micro-USD spent today.
    """

    today: date
    end: date
    so_far: tuple[tuple[date, int], ...]
    of_today: int

    @property
    def before_today(self) -> int:
        """Micro-USD spent on all complete days."""
        return sum(cost for _, cost in self.so_far)


class Rule:
    """What days cost, learned from the complete days that end yesterday.

    Args:
        daily: Micro-USD by day, at least one, oldest first; without gaps.
        first: The day of the first value.
    """

    def __init__(self, daily: Sequence[int], first: date) -> None:
        recent = list(daily)[-MOST_DAYS:]
        self._first_weekday = (first + timedelta(days=len(daily) - len(recent))).weekday()
        self._level = sum(recent) / len(recent)
        self._effects = [self._effect(recent, weekday) for weekday in range(_WEEK)]
        residuals = [
            value - self._level - self._effects[(self._first_weekday + place) % _WEEK]
            for place, value in enumerate(recent)
        ]
        self.days = len(recent)
        self.is_weekday_aware = self.days >= 2 * _WEEK
        freedom = max(1, self.days - (_WEEK if self.is_weekday_aware else 1))
        self._variance = sum(residual**2 for residual in residuals) / freedom

    def _effect(self, recent: Sequence[int], weekday: int) -> float:
        """How far a weekday lies from the level; drawn towards it while few of them were seen."""
        if len(recent) < 2 * _WEEK:
            return 0.0
        seen = recent[(weekday - self._first_weekday) % _WEEK :: _WEEK]
        return (sum(seen) / len(seen) - self._level) * len(seen) / (len(seen) + 1)

    def expected(self, day: date) -> float:
        """Micro-USD that a day costs."""
        return max(0.0, self._level + self._effects[day.weekday()])

    def spread(self, days: int) -> float:
        """Half the width of the interval around the sum of so many days: each day's own, and the level's."""
        return _WIDTH * math.sqrt(self._variance * (days + days**2 / self.days))


def forecast(daily: Sequence[int], first: date, month: Month) -> Forecast | str:
    """The month's expected cost; in words, why there is none.

    Args:
        daily: Micro-USD of complete days without gaps, oldest first, up to yesterday.
        first: The day of the first value.
        month: What is known of the month.
    """
    if len(daily) < LEAST_DAYS:
        return f"A forecast needs {LEAST_DAYS} complete days since the first cost; there are {len(daily)}."
    rule = Rule(daily, first)
    days = [month.today + timedelta(days=place) for place in range((month.end - month.today).days)]
    by_day = [(day, round(rule.expected(day))) for day in days]
    # Today costs what it has cost already, at least.
    by_day[0] = (month.today, max(by_day[0][1], month.of_today))
    spent = month.before_today + month.of_today
    amount = month.before_today + sum(cost for _, cost in by_day)
    spread = round(rule.spread(len(days)))
    basis = f"the mean of the last {rule.days} complete days"
    if rule.is_weekday_aware:
        basis += ", moved by what each weekday differs from it"
    return Forecast(
        amount=amount,
        low=max(spent, amount - spread),
        high=amount + spread,
        spent=spent,
        so_far=month.so_far,
        by_day=tuple(by_day),
        complete_days=len(daily),
        basis=basis,
    )
