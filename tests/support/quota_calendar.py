"""When windows begin and end, in dates of Python: what the database must say whatever the time zone was."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

LEVEL = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = (
    "UTC",
    "Pacific/Kiritimati",  # 14 hours before UTC
    "Etc/GMT+12",  # 12 hours behind
    "Pacific/Pago_Pago",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",  # clocks change by half an hour
    "Pacific/Chatham",
    "America/St_Johns",
    "Europe/Berlin",
    "America/Santiago",  # clocks go forward at midnight,
    "Atlantic/Azores",  # here and
    "America/Havana",  # here back to midnight as well
)


def period_of(meter: str) -> str:
    return "day" if meter == "api_calls" else "month"


@dataclass
class Calendar:
    """One organization's.

    Attributes:
        open: The windows that were open at the last change of time zone, by period.
    """

    zone: str = "UTC"
    open: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)

    def window(self, period: str, now: datetime) -> tuple[datetime, datetime]:
        """Start and end of the month or day that counts at a time."""
        start, end = self.open.get(period, (now, now))
        if now < end:
            return start, end
        return boundary(period, now, self.zone), boundary(period, now, self.zone, 1)

    def change(self, zone: str, due: datetime, now: datetime) -> None:
        """Makes, now, a change that was due before."""
        for period in ("month", "day"):
            start, _ = self.window(period, now)
            before = start.astimezone(ZoneInfo(self.zone)).replace(tzinfo=None)
            half = start + (instant(following(period, before), self.zone) - start) / 2
            ends = (boundary(period, max(due, half), zone, number) for number in (0, 1))
            self.open[period] = start, next(end for end in ends if end >= max(due, half))
        self.zone = zone


def boundary(period: str, at: datetime, zone: str, number: int = 0) -> datetime:
    """The start of the month or day of a time zone that a time lies in, or of the next one."""
    local = at.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if period == "month":
        local = local.replace(day=1)
    return instant(following(period, local) if number else local, zone)


def following(period: str, local: datetime) -> datetime:
    """The same time of the next day; or of the next month, or its last day if it is shorter."""
    if period == "day":
        return local + timedelta(days=1)
    first = (local.replace(day=1) + timedelta(days=32)).replace(day=1)
    last = (first + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return first.replace(day=min(local.day, last.day))


def instant(local: datetime, zone: str) -> datetime:
    """A time by the clocks of a place; where there is none or two of it, by standard time as in Postgres."""
    times = [local.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1)]
    return min(times, key=lambda time: time.utcoffset() or timedelta()).astimezone(UTC)
