"""Lambda entry point of `reconciler`."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

from footnote.composition import container
from footnote.platform.logging import get_logger

logger = get_logger("reconciler")

# What is left of the time limit when a round ends that has not reached all organizations.
_RESERVE_S = 70.0


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    """One loop for the life of the environment: connections belong to it."""
    return asyncio.new_event_loop()


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Compares everything; returns how much was compared and how much of it differs."""
    time_s = context.get_remaining_time_in_millis() / 1000 - _RESERVE_S
    findings = _loop().run_until_complete(container().reconciler.reconcile(time_s))
    done = {
        "mismatches": findings.mismatches,
        "organizations": findings.organizations,
        "windows": findings.windows,
        "recounted": findings.recounted,
    }
    logger.info("reconciled", extra=done)
    return done
