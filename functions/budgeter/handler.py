"""Lambda entry point of `budgeter`."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

from footnote.composition import container
from footnote.platform.logging import get_logger

logger = get_logger("budgeter")

# What is left of the time limit when a round ends that has not reached all organizations.
_RESERVE_S = 20.0


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    """One loop for the life of the environment: connections belong to it."""
    return asyncio.new_event_loop()


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Reviews all budgets; returns how many, and how many stages changed."""
    time_s = context.get_remaining_time_in_millis() / 1000 - _RESERVE_S
    done = _loop().run_until_complete(container().budgeter.run(time_s))
    logger.info("reviewed", extra=done)
    return done
