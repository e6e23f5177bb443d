"""Figures told to CloudWatch in its embedded metric format: one line of the log, no call to anybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Unit = Literal["Count", "Seconds"]


def tell_metrics(namespace: str, figures: Mapping[str, float], *, unit: Unit = "Count") -> None:
    """Writes the figures; what is 0 is written as well, so that an alarm knows that somebody looked.

    Args:
        namespace: For instance `Footnote/Metering`.
        figures: By name.
        unit: Of all of them.
    """
    from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

    metrics = EphemeralMetrics(namespace=namespace)
    for name, value in figures.items():
        metrics.add_metric(name=name, unit=MetricUnit(unit), value=value)
    metrics.flush_metrics()
