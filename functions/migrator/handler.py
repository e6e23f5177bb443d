"""Lambda entry point of `migrator`: a custom resource's trigger, run at each deployment."""

from __future__ import annotations

import asyncio
from typing import Any

from footnote.composition import container
from footnote.platform.logging import get_logger

logger = get_logger("migrator")


def handler(event: dict[str, Any], context: object) -> dict[str, str]:  # noqa: ARG001 - Lambda's signature
    """Brings roles, database and schema to the version of this code; the revision that is in force then.

    Raises:
        Exception: Something could not be done. The deployment stops, and the old functions go on.
    """
    services = container()
    services.make_first_keys()
    revision = asyncio.run(services.migrator.migrate())
    logger.info("the schema is current", extra={"revision": revision})
    return {"revision": revision}
