"""Lambda entry point of `sweeper`."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

from footnote.composition import container
from footnote.platform.logging import get_logger

logger = get_logger("sweeper")


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    """One loop for the life of the environment: connections belong to it."""
    return asyncio.new_event_loop()


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Does one round; returns how much of each was done."""
    done = _loop().run_until_complete(container().sweeper.sweep())
    if any(done.values()):
        logger.info("swept", extra=done)
    return done
