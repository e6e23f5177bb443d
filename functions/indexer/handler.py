"""Lambda entry point of `indexer`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from footnote.composition import container
from footnote.platform.invocations import run, seconds_left
from footnote.platform.logging import get_logger

logger = get_logger("indexer")

# Time that is left for the last index of a round: the server finishes one that takes longer by itself.
_RESERVE_S = 300.0


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Does one round; what was done."""
    time_s = max(0.0, seconds_left(context, _RESERVE_S))
    done = asdict(run(container().vector_indexes.maintain(time_s)))
    if any(done.values()):
        logger.info("indexed", extra=done)
    return done
