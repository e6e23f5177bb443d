"""Whether the process and what it depends on work (reference document, section 7.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from footnote.platform.clock import Clock
from footnote.platform.logging import get_logger

logger = get_logger("health")

HEALTHY = "healthy"
DEGRADED = "degraded"


@dataclass(frozen=True, slots=True)
class Check:
    """One dependency.

    Attributes:
        name: As it stands in the report.
        probe: Returns if the dependency works and raises anything if it does not.
        limit_s: Seconds after which it counts as failed.
        is_critical: Whether its failure degrades the whole.
        failed: What the report says then; never the error's own text.
    """

    name: str
    probe: Callable[[], Awaitable[object]]
    limit_s: float
    is_critical: bool = True
    failed: str = "unhealthy"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check, and how long it took in milliseconds."""

    status: str
    latency_ms: float


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The outcome of several checks. `status` is `healthy`, or `degraded` if a critical one failed."""

    status: str
    checked_at: datetime
    findings: Mapping[str, Finding]


class Health:
    """Runs checks side by side, each within its own time limit.

    A finding is kept for a second: the report is open to everybody, and asking for it often must not become a
    load on what it checks.

    Args:
        checks: The dependencies, in the order of the report.
        clock: Time.
        keep_s: Seconds a finding is kept.
    """

    def __init__(self, checks: Sequence[Check], clock: Clock, *, keep_s: float = 1.0) -> None:
        self._checks = {check.name: check for check in checks}
        self._clock = clock
        self._keep_s = keep_s
        self._found: dict[str, tuple[float, Finding]] = {}

    async def report(self, names: Collection[str] | None = None) -> HealthReport:
        """Checks the dependencies of these names; all of them by default."""
        checks = [self._checks[name] for name in (self._checks if names is None else names)]
        findings = await asyncio.gather(*(self._current(check) for check in checks))
        is_degraded = any(
            check.is_critical and finding.status != HEALTHY
            for check, finding in zip(checks, findings, strict=True)
        )
        return HealthReport(
            status=DEGRADED if is_degraded else HEALTHY,
            checked_at=self._clock.now(),
            findings={check.name: finding for check, finding in zip(checks, findings, strict=True)},
        )

    async def _current(self, check: Check) -> Finding:
        known = self._found.get(check.name)
        if known and self._clock.monotonic() < known[0] + self._keep_s:
            return known[1]
        finding = await self._run(check)
        self._found[check.name] = (self._clock.monotonic(), finding)
        return finding

    async def _run(self, check: Check) -> Finding:
        started = self._clock.monotonic()
        probe = asyncio.ensure_future(check.probe())
        # A driver may take seconds to give up a call to a server that hangs; the report does not wait for it.
        await asyncio.wait({probe}, timeout=check.limit_s)
        latency_ms = round((self._clock.monotonic() - started) * 1000, 1)
        problem = _problem(probe)
        if problem is None:
            return Finding(HEALTHY, latency_ms)
        logger.warning("check failed", extra={"check": check.name, "error": problem})
        return Finding(check.failed, latency_ms)


def _problem(probe: asyncio.Future[object]) -> str | None:
    """The kind of error that the probe ended with; one that has not ended is given up."""
    if not probe.done():
        probe.add_done_callback(lambda late: late.cancelled() or late.exception())
        probe.cancel()
        return "TimeoutError"
    error = probe.exception()
    return type(error).__name__ if error else None
