"""Lambda entry point of `evaluator`."""

from __future__ import annotations

from typing import Any

from footnote.composition import container
from footnote.platform.invocations import run, seconds_left
from footnote.platform.logging import get_logger

logger = get_logger("evaluator")

# What is left of the time limit when the runs are handed on to the next invocation.
_RESERVE_S = 40.0


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Works until no run waits or the time is nearly over; returns how much was done."""
    time_s = seconds_left(context, _RESERVE_S)
    done = run(container().evaluator.work(time_s))
    if any(done.values()):
        logger.info("evaluated", extra=done)
    return done
