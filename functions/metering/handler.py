"""Lambda entry point of `metering`."""

from __future__ import annotations

from typing import Any

from footnote.composition import container
from footnote.platform.invocations import run, seconds_left
from footnote.platform.logging import get_logger

logger = get_logger("metering")

# What is left of the time limit when the round ends; the next one goes on.
_RESERVE_S = 10.0


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Does one round; returns how much of each was done."""
    time_s = seconds_left(context, _RESERVE_S)
    done = run(container().metering_sweep.sweep(time_s))
    if any(done.values()):
        logger.info("metered", extra=done)
    return done
