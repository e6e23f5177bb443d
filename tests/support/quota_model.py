"""The quota as a few dictionaries: what the store must be equal to after any sequence of calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tests.support.quota_calendar import LEVEL, Calendar, period_of

MINE, OURS = "member", "organization"
Line = tuple[str, str, datetime]  # whose, meter, start of the period


@dataclass
class Hold:
    digest: int
    call: int
    lines: dict[Line, int]
    state: str = "open"
    attempt: int = 1
    is_over: bool = False
    is_dispatched: bool = True


class QuotaModel:
    """One organization with one member."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self.calendar = Calendar()
        self.limits: dict[tuple[str, str], int | None] = {}
        self.committed: Counter[Line] = Counter()
        self.reserved: Counter[Line] = Counter()
        self.holds: dict[int, Hold] = {}
        self.internal: dict[tuple[int, int, str], tuple[datetime, int]] = {}
        self.attempts: Counter[int] = Counter()
        self.shown: dict[Line, int | None] = {}
        self.warned: dict[Line, tuple[int | None, int]] = {}
        self.warnings: set[tuple[Line, int, int]] = set()

    def start(self, meter: str) -> datetime:
        if meter == "storage_bytes":
            return LEVEL
        return self.calendar.window(period_of(meter), self.now)[0]

    def lines(self, units: Mapping[str, int]) -> dict[Line, int]:
        ours = {(OURS, meter, self.start(meter)): number for meter, number in units.items()}
        counted = ("messages", "api_calls", "cost")
        return ours | {(MINE, meter, at): n for (_, meter, at), n in ours.items() if meter in counted}

    def reserve(
        self, key: int, digest: int, call: int, units: Mapping[str, int], *, is_dispatched: bool
    ) -> str:
        hold = self.holds.get(key)
        if hold is not None:
            if hold.digest != digest:
                return "Mismatch"
            if hold.state == "committed":
                return "Replayed"
            if hold.state == "open" and not hold.is_over:
                return "Reserved" if hold.call == call else "InProgress"
            if hold.state == "open":
                self.expire(key)
        lines = self.lines(units)
        for line, number in lines.items():
            lim = self.limits.get(line[:2])
            if number and lim is not None and self.committed[line] + self.reserved[line] + number > lim:
                return "Denied"
        attempt = hold.attempt + 1 if hold else self.attempts[key] + 1
        self.holds[key] = Hold(digest, call, lines, attempt=attempt, is_dispatched=is_dispatched)
        self.reserved.update(lines)
        self.shown.update({line: self.limits.get(line[:2]) for line in lines})
        return "Reserved"

    def settle(self, key: int, attempt: int, used: Mapping[str, int], cost: int) -> str:
        hold = self.holds[key]
        if attempt != hold.attempt:
            return self._stale(key, attempt, cost)
        if hold.state in {"committed", "released"}:
            return "replayed"
        estimate = self._recorded(key, attempt)
        self._record(key, attempt, "correction", -estimate)
        outcome = "late" if hold.state == "expired" else "settled"
        if any(used.values()) or cost:
            self.attempts[key] = attempt
        self._end(hold, "committed", {**used, "cost": cost - estimate})
        return outcome

    def release(self, key: int, attempt: int, cost: int) -> None:
        hold = self.holds[key]
        if attempt == hold.attempt and hold.state in {"committed", "released"}:
            return
        if attempt != hold.attempt or hold.state == "expired":
            if attempt == hold.attempt:
                hold.state = "released"
            self._stale(key, attempt, cost)
            return
        self._record(key, attempt, "released", cost)
        self._end(hold, "released", {"cost": cost})

    def expire(self, key: int) -> None:
        hold = self.holds[key]
        cost = next((n for (who, meter, _), n in hold.lines.items() if (who, meter) == (OURS, "cost")), 0)
        estimate = cost if hold.is_dispatched else 0
        self._record(key, hold.attempt, "expired", estimate)
        self._end(hold, "expired", {"cost": estimate})

    def adjust(self, meter: str, units: int) -> None:
        line = (OURS, meter, self.start(meter))
        self.committed[line] += units
        self._warn([line])

    def _end(self, hold: Hold, state: str, used: Mapping[str, int]) -> None:
        if hold.state == "open":
            self.reserved.subtract(hold.lines)
        hold.state = state
        self.committed.update({line: used.get(line[1], 0) for line in hold.lines})
        self._warn(hold.lines)

    def _stale(self, key: int, attempt: int, cost: int) -> str:
        hold = self.holds[key]
        month = next(at for _, meter, at in hold.lines if meter == "cost")
        rows = [
            row
            for (k, a, source), row in self.internal.items()
            if (k, a) == (key, attempt) and source != "stale"
        ]
        month = min((at for at, _ in rows), default=month)
        change = self._record(key, attempt, "stale", cost, month)
        change += self._record(key, attempt, "correction", -sum(n for _, n in rows), month)
        if change:
            lines = [(who, "cost", month) for who in (OURS, MINE)]
            self.committed.update(dict.fromkeys(lines, change))
            self._warn(lines)
        return "stale"

    def _recorded(self, key: int, attempt: int) -> int:
        return sum(n for (k, a, _), (_, n) in self.internal.items() if (k, a) == (key, attempt))

    def _record(self, key: int, attempt: int, source: str, cost: int, month: datetime | None = None) -> int:
        if not cost or (key, attempt, source) in self.internal:
            return 0
        own = next(at for _, meter, at in self.holds[key].lines if meter == "cost")
        self.internal[key, attempt, source] = (month or own, cost)
        self.attempts[key] = max(self.attempts[key], attempt)
        return cost

    def _warn(self, lines: Iterable[Line]) -> None:
        for line in lines:
            lim = self.shown.get(line)
            was_lim, was = self.warned.get(line, (None, 0))
            was = was if was_lim == lim else 0
            reached = [t for t in (50, 80, 90, 100) if lim and self.committed[line] * 100 >= t * lim]
            self.warnings.update((line, lim or 0, t) for t in reached if t > was)
            self.warned[line] = (lim, max([was, *reached]))


def nonzero(books: Mapping[Any, int]) -> dict[Any, int]:
    """Books without empty pages."""
    return {line: units for line, units in books.items() if units}
