"""Sliding windows in sub-buckets: never more than the limit in any window, at constant cost.

A window of W seconds is cut into `BUCKETS` = 120 buckets of W/120. A call at time t in bucket k is admitted
if the buckets k-120 .. k hold fewer than `limit` calls. Any true window (t-W, t] lies within those 121
buckets, and every call that a window holds was itself admitted by looking at them, the last one with all the
others in view. So no window of W seconds, wherever it begins, holds more than `limit` calls: exact, unlike
counters of fixed windows (which admit twice the limit across their border) and counters that weigh the
window before (which guess how its calls were spread). The price: a call is counted until its bucket has left
the window, at most W/120 = 0.83 % of the window longer than it should be. Under a steady overload that is
the most that is lost.

Only buckets with calls are kept, with running totals: `(bucket, total up to and including it)`, oldest first,
and in front the last one that has left the window, as the base. What the window holds is the newest total
less the base. Each call looks at the two ends and appends one element at most, and each element leaves once:
constant cost per call, at most 122 elements, whatever the limit. The script in `stores/redis/rates.py` does
the same on a list of Redis, and must give the same answers.

Time that goes back is held at the newest bucket, so that nothing is forgotten early; a clock that was set
back by more than a window begins anew.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence

from footnote.platform.clock import Clock
from footnote.quota.rates.models import Counter, Standing, Verdict

BUCKETS = 120
_SECOND_US = 1_000_000


def bucket_us(window_s: float) -> int:
    """The width of a bucket in microseconds; so many of them never fall short of the window."""
    return -(-round(window_s * _SECOND_US) // BUCKETS)


class SlidingWindow:
    """One caller's calls.

    Args:
        window_s: The window in seconds.
    """

    def __init__(self, window_s: float) -> None:
        self._width = bucket_us(window_s)
        self._window_s = window_s
        self._totals: deque[tuple[int, int]] = deque([(-BUCKETS - 1, 0)])

    def room(self, now_us: int, limit: int) -> int:
        """Calls that would be admitted now."""
        self._advance(now_us)
        return limit - self._counted()

    def add(self, now_us: int) -> None:
        """Counts a call that was admitted."""
        bucket = self._advance(now_us)
        newest, total = self._totals[-1]
        if newest == bucket:
            self._totals[-1] = (bucket, total + 1)
        else:
            self._totals.append((bucket, total + 1))

    def wait_s(self, now_us: int, limit: int) -> float:
        """Seconds until the next call is admitted; with room left, until the oldest call leaves."""
        self._advance(now_us)
        counted = self._counted()
        if counted == 0 or limit == 0:
            return 0.0 if limit > 0 else float(self._window_s)
        leaving = max(1, counted - limit + 1)
        base = self._totals[0][1]
        bucket = next(one for one, total in list(self._totals)[1:] if total - base >= leaving)
        return max(0, (bucket + BUCKETS + 1) * self._width - now_us) / _SECOND_US

    def _counted(self) -> int:
        return self._totals[-1][1] - self._totals[0][1]

    def _advance(self, now_us: int) -> int:
        """Lets buckets leave the window; returns the bucket of now."""
        bucket = now_us // self._width
        newest = self._totals[-1][0]
        if newest > bucket + BUCKETS:
            self._totals = deque([(bucket - BUCKETS - 1, 0)])
        elif newest > bucket:
            bucket = newest
        while len(self._totals) > 1 and self._totals[1][0] < bucket - BUCKETS:
            self._totals.popleft()
        return bucket


class LocalLimiter:
    """What is left of the limits while Redis is away: each process counts for itself.

    Coarse on purpose: several processes together may admit their number times the limit. The number of
    requests at the same time, which Postgres counts, still holds (reliability.md, j).

    Args:
        clock: Time.
        most: Counters that are remembered; those that were used last.
    """

    def __init__(self, clock: Clock, *, most: int = 10_000) -> None:
        self._clock = clock
        self._most = most
        self._windows: OrderedDict[tuple[object, ...], SlidingWindow] = OrderedDict()

    def count(self, counters: Sequence[Counter]) -> Verdict:
        """Counts one call in every counter, or in none if one refuses."""
        now_us = round(self._clock.monotonic() * _SECOND_US)
        windows = [self._window(counter) for counter in counters]
        pairs = list(zip(windows, counters, strict=True))
        refused = tuple(
            index for index, (window, counter) in enumerate(pairs) if window.room(now_us, counter.limit) < 1
        )
        if not refused:
            for window in windows:
                window.add(now_us)
        standings = tuple(
            Standing(
                counter.limit,
                counter.window_s,
                max(0, window.room(now_us, counter.limit)),
                window.wait_s(now_us, counter.limit),
            )
            for window, counter in pairs
        )
        return Verdict(standings, refused)

    def __len__(self) -> int:
        return len(self._windows)

    def _window(self, counter: Counter) -> SlidingWindow:
        name = (counter.organization_id, counter.kind, counter.name, counter.rate_class, counter.window_s)
        window = self._windows.pop(name, None) or SlidingWindow(counter.window_s)
        self._windows[name] = window
        if len(self._windows) > self._most:
            self._windows.popitem(last=False)
        return window
