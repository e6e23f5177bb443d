"""Lambda entry point of `indexer`."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from functools import lru_cache
from typing import Any

from footnote.composition import container
from footnote.platform.logging import get_logger

logger = get_logger("indexer")

# Time that is left for the last index of a round: the server finishes one that takes longer by itself.
_RESERVE_S = 300.0


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    """One loop for the life of the environment: connections belong to it."""
    return asyncio.new_event_loop()


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Does one round; what was done."""
    left_s = context.get_remaining_time_in_millis() / 1000
    done = asdict(
        _loop().run_until_complete(container().vector_indexes.maintain(max(0.0, left_s - _RESERVE_S)))
    )
    if any(done.values()):
        logger.info("indexed", extra=done)
    return done
