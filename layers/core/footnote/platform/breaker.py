"""A circuit breaker: stops asking a dependency that keeps failing, and tries it again after a while."""

from __future__ import annotations

from collections import deque

from footnote.platform.clock import Clock


class Breaker:
    """Counts failures of one dependency in this process.

    Closed, until `failures` calls failed within `window_s` seconds. Then open for `open_s` seconds:
    `allows()` is false. Then half open: one call is let through, and its outcome closes or opens it again.

    Args:
        clock: Time.
        failures: How many failures open it.
        window_s: Seconds within which they count together.
        open_s: Seconds it stays open.
    """

    def __init__(self, clock: Clock, *, failures: int, window_s: float, open_s: float) -> None:
        self._clock = clock
        self._limit = failures
        self._window_s = window_s
        self._open_s = open_s
        self._failed_at: deque[float] = deque(maxlen=failures)
        self._open_until: float | None = None

    def allows(self) -> bool:
        """Whether a call may be made now; report its outcome by `succeeded` or `failed`."""
        if self._open_until is None:
            return True
        now = self._clock.monotonic()
        if now < self._open_until:
            return False
        # Half open: others wait for another period while this call probes.
        self._open_until = now + self._open_s
        return True

    def succeeded(self) -> None:
        """The call worked: the breaker is closed and has forgotten all failures."""
        self._open_until = None
        self._failed_at.clear()

    def failed(self) -> None:
        """The call failed."""
        now = self._clock.monotonic()
        self._failed_at.append(now)
        is_full = len(self._failed_at) == self._limit
        if self._open_until is not None or (is_full and now - self._failed_at[0] <= self._window_s):
            self._open_until = now + self._open_s
