"""Ways of counting calls in simulated time, and traffic that tells them apart."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence

from footnote.quota.rates import SlidingWindow

_SEED = 20260


class Method:
    """Admits calls by their times.

    Args:
        limit: Calls in a window.
        window_s: The window in seconds.
    """

    name = ""

    def __init__(self, limit: int, window_s: int) -> None:
        self.limit = limit
        self.window_s = window_s

    def admits(self, now: float) -> bool:
        """Whether a call is admitted now; it is counted then."""
        raise NotImplementedError

    def admitted(self, times: Sequence[float]) -> list[float]:
        """The times of those that were admitted."""
        return [now for now in times if self.admits(now)]


class Log(Method):
    """Every admitted call is remembered: exact, at the cost of the limit."""

    name = "exact log"

    def __init__(self, limit: int, window_s: int) -> None:
        super().__init__(limit, window_s)
        self._held: deque[float] = deque()

    def admits(self, now: float) -> bool:
        while self._held and self._held[0] <= now - self.window_s:
            self._held.popleft()
        if len(self._held) >= self.limit:
            return False
        self._held.append(now)
        return True


class FixedWindow(Method):
    """One counter a minute."""

    name = "fixed windows"

    def __init__(self, limit: int, window_s: int) -> None:
        super().__init__(limit, window_s)
        self._window, self._count = -1, 0

    def admits(self, now: float) -> bool:
        window = int(now // self.window_s)
        if window != self._window:
            self._window, self._count = window, 0
        if self._count >= self.limit:
            return False
        self._count += 1
        return True


class TwoWindows(Method):
    """The counters of this minute and of the one before, weighted by how much of that is still in view."""

    name = "two weighted windows"

    def __init__(self, limit: int, window_s: int) -> None:
        super().__init__(limit, window_s)
        self._window, self._count, self._before = -1, 0, 0

    def admits(self, now: float) -> bool:
        window = int(now // self.window_s)
        if window != self._window:
            self._before = self._count if window == self._window + 1 else 0
            self._window, self._count = window, 0
        share = 1 - (now % self.window_s) / self.window_s
        if self._before * share + self._count >= self.limit:
            return False
        self._count += 1
        return True


class Footnote(Method):
    """Sub-buckets, as in Redis."""

    name = "footnote"

    def __init__(self, limit: int, window_s: int) -> None:
        super().__init__(limit, window_s)
        self._counted = SlidingWindow(window_s)

    def admits(self, now: float) -> bool:
        now_us = round(now * 1_000_000)
        if self._counted.room(now_us, self.limit) < 1:
            return False
        self._counted.add(now_us)
        return True


def traffic(limit: int, window_s: int, windows: int = 60) -> dict[str, list[float]]:
    """Times of calls by kind of traffic, for so many windows.

    Args:
        limit: Twice as many calls a window are made.
        window_s: The window in seconds.
        windows: The length.
    """
    chance = random.Random(_SEED)
    length, calls = window_s * windows, 2 * limit * windows
    starts = [chance.uniform(0, length) for _ in range(calls // 40)]
    bursts = [start + chance.uniform(0, 1.0) for start in starts for _ in range(40)]
    # All that is allowed just before a window ends, then without a pause.
    borders = [window_s - 1 + index / (2 * limit) for index in range(2 * limit)]
    borders += [window_s + index * window_s / (4 * limit) for index in range(4 * limit)]
    return {
        "steady": [index * length / calls for index in range(calls)],
        "at random": sorted(chance.uniform(0, length) for _ in range(calls)),
        "in bursts": sorted(bursts),
        "across a border": sorted(borders),
    }


def most_in_any_window(admitted: Sequence[float], window_s: float) -> int:
    """The most calls in any `window_s` seconds, wherever they begin."""
    return max(
        (index + 1 - bisect_right(admitted, now - window_s) for index, now in enumerate(admitted)), default=0
    )
