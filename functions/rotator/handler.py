"""Lambda entry point of `rotator`: a rotation function of Secrets Manager, called for each of four steps."""

from __future__ import annotations

from typing import Any

from footnote.composition import container


def handler(event: dict[str, Any], context: object) -> None:  # noqa: ARG001 - Lambda's signature
    """Does one step of one rotation; each may be repeated.

    Raises:
        Exception: The step failed. Secrets Manager calls again; the current value stays in force.
    """
    container().rotation.step(event["Step"], event["SecretId"], event["ClientRequestToken"])
