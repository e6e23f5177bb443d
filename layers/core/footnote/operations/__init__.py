"""Running it: health."""

from footnote.operations.health import HEALTHY, Check, Finding, Health, HealthReport

__all__ = ["HEALTHY", "Check", "Finding", "Health", "HealthReport"]
