"""What caches do, counted per kind and tier, and told as CloudWatch metrics."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Literal

from footnote.platform.clock import Clock

Tier = Literal["memory", "redis", "store", "none"]
Event = Literal[
    "hits",
    "misses",
    "sets",
    "invalidations",
    "bytes",
    "stampede_waits",
    "unavailable",
    "undecodable",
    "rejected",
]
NAMESPACE = "Footnote/Caches"
_REMEMBERED = 4_096


class CacheStatistics:
    """Counters of one process since its start.

    `rejected` counts near questions that the second check of the semantic cache refused; tier `none` is what
    no tier answered, `bytes` what was written.

    Args:
        clock: Says when the counters are told.
        interval_s: Seconds between two tellings; they happen when something is counted.
    """

    def __init__(self, clock: Clock, *, interval_s: float = 60.0) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._told: Counter[tuple[str, str, str]] = Counter()
        self._told_at = clock.monotonic()
        self._accesses: OrderedDict[str, int] = OrderedDict()

    def count(self, kind: str, tier: Tier, event: Event, by: int = 1) -> None:
        """Counts an event; tells what has gathered if it is time to."""
        self._counts[kind, tier, event] += by
        if self._clock.monotonic() - self._told_at >= self._interval_s:
            self.tell()

    def accessed(self, name: str) -> int:
        """Notes that a key was asked for; how often lately. Only the latest keys are remembered."""
        times = self._accesses.pop(name, 0) + 1
        self._accesses[name] = times
        if len(self._accesses) > _REMEMBERED:
            self._accesses.popitem(last=False)
        return times

    def accesses(self, name: str) -> int:
        """How often a key was asked for lately."""
        return self._accesses.get(name, 0)

    def snapshot(self) -> dict[str, dict[str, dict[str, int]]]:
        """All counters: kind, tier, event."""
        found: dict[str, dict[str, dict[str, int]]] = {}
        for (kind, tier, event), number in sorted(self._counts.items()):
            found.setdefault(kind, {}).setdefault(tier, {})[event] = number
        return found

    def tell(self) -> None:
        """Writes what was counted since the last time, in CloudWatch's embedded metric format."""
        self._told_at = self._clock.monotonic()
        news = self._counts - self._told
        self._told = self._counts.copy()
        if not news:
            return
        from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

        for kind, tier in sorted({(kind, tier) for kind, tier, _ in news}):
            metrics = EphemeralMetrics(namespace=NAMESPACE)
            metrics.add_dimension("kind", kind)
            metrics.add_dimension("tier", tier)
            for (of_kind, of_tier, event), number in news.items():
                if (of_kind, of_tier) == (kind, tier):
                    unit = MetricUnit.Bytes if event == "bytes" else MetricUnit.Count
                    metrics.add_metric(name=event, unit=unit, value=number)
            metrics.flush_metrics()
