"""Lambda entry point of `budgeter`."""

from __future__ import annotations

from typing import Any

from footnote.composition import container
from footnote.platform.invocations import run, seconds_left
from footnote.platform.logging import get_logger

logger = get_logger("budgeter")

# What is left of the time limit when a round ends that has not reached all organizations.
_RESERVE_S = 20.0


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Reviews all budgets; returns how many, and how many stages changed."""
    time_s = seconds_left(context, _RESERVE_S)
    done = run(container().budgeter.run(time_s))
    logger.info("reviewed", extra=done)
    return done
