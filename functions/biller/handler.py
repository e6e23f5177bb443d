"""Lambda entry point of `biller`."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

from footnote.composition import container
from footnote.platform.logging import get_logger

logger = get_logger("biller")

# What is left of the time limit when the next invocation has to go on: one invoice takes a while.
_RESERVE_S = 40.0


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    """One loop for the life of the environment: connections belong to it."""
    return asyncio.new_event_loop()


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Works until nothing is due or the time is nearly over; returns how much was done."""
    time_s = context.get_remaining_time_in_millis() / 1000 - _RESERVE_S
    done = _loop().run_until_complete(container().biller.work(time_s))
    if any(done.values()):
        logger.info("billed", extra=done)
    return done
