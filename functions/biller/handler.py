"""Lambda entry point of `biller`."""

from __future__ import annotations

from typing import Any

from footnote.composition import container
from footnote.platform.invocations import run, seconds_left
from footnote.platform.logging import get_logger

logger = get_logger("biller")

# What is left of the time limit when the next invocation has to go on: one invoice takes a while.
_RESERVE_S = 40.0


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Works until nothing is due or the time is nearly over; returns how much was done."""
    time_s = seconds_left(context, _RESERVE_S)
    done = run(container().biller.work(time_s))
    if any(done.values()):
        logger.info("billed", extra=done)
    return done
