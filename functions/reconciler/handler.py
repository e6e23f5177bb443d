"""Lambda entry point of `reconciler`."""

from __future__ import annotations

from typing import Any

from footnote.composition import container
from footnote.platform.invocations import run, seconds_left
from footnote.platform.logging import get_logger

logger = get_logger("reconciler")

# What is left of the time limit when a round ends that has not reached all organizations.
_RESERVE_S = 70.0


def handler(event: dict[str, Any], context: Any) -> dict[str, int]:  # noqa: ARG001 - Lambda's signature
    """Compares everything; returns how much was compared and how much of it differs."""
    time_s = seconds_left(context, _RESERVE_S)
    findings = run(container().reconciler.reconcile(time_s))
    done = {
        "mismatches": findings.mismatches,
        "organizations": findings.organizations,
        "windows": findings.windows,
        "recounted": findings.recounted,
    }
    logger.info("reconciled", extra=done)
    return done
