"""Lambda entry point of `sweeper`."""

from __future__ import annotations

from typing import Any

from footnote.composition import container
from footnote.platform.invocations import run
from footnote.platform.logging import get_logger

logger = get_logger("sweeper")


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Does one round; returns how much of each was done."""
    done = run(container().sweeper.sweep())
    if any(done.values()):
        logger.info("swept", extra=done)
    return done
