"""Lambda entry point of `metering`."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

from footnote.composition import container
from footnote.platform.logging import get_logger

logger = get_logger("metering")

# What is left of the time limit when the round ends; the next one goes on.
_RESERVE_S = 10.0


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    """One loop for the life of the environment: connections belong to it."""
    return asyncio.new_event_loop()


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Does one round; returns how much of each was done."""
    time_s = context.get_remaining_time_in_millis() / 1000 - _RESERVE_S
    done = _loop().run_until_complete(container().metering_sweep.sweep(time_s))
    if any(done.values()):
        logger.info("metered", extra=done)
    return done
