"""Periods and parts of prices: exact, in integers."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

_MONTHS = 12


def half_up(numerator: int, denominator: int) -> int:
    """The quotient of two integers that are not negative, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)


def add_months(anchor: datetime, months: int) -> datetime:
    """The same day and time (UTC) some months later; the month's last day where it has no such day."""
    at = anchor.astimezone(UTC)
    year, month = divmod(at.year * _MONTHS + at.month - 1 + months, _MONTHS)
    day = min(at.day, calendar.monthrange(year, month + 1)[1])
    return at.replace(year=year, month=month + 1, day=day)


def period_after(anchor: datetime, start: datetime) -> datetime:
    """When the period that begins at `start` ends: the first month's day of `anchor` behind it."""
    at, first = start.astimezone(UTC), anchor.astimezone(UTC)
    months = (at.year - first.year) * _MONTHS + at.month - first.month
    end = add_months(first, max(1, months))
    while end <= at:
        months += 1
        end = add_months(first, max(1, months))
    return end


def share(price_cents: int, at: datetime, start: datetime, end: datetime) -> int:
    """Cents of a period's price for the time from `at` to its end, by the second, rounded half up.

    Whole seconds that have begun before `at` are over.
    """
    total = (end - start) // timedelta(seconds=1)
    left = min(max((end - at) // timedelta(seconds=1), 0), total)
    return half_up(price_cents * left, max(total, 1))
