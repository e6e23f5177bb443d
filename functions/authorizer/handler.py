"""Lambda entry point of `authorizer`: a REQUEST authorizer of API Gateway REST."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

from footnote.composition import container
from footnote.identity.authorization import allow_policy, authorization_header
from footnote.platform.errors import NotAuthenticated


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    """One loop for the life of the process, because the Redis connection belongs to it."""
    return asyncio.new_event_loop()


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Allows the whole stage to a genuine token, with the identity as context.

    Raises:
        Exception: With the text "Unauthorized", which API Gateway turns into 401. Any other error, a secret
            that cannot be read for instance, becomes 500 there.
    """
    try:
        claims = _loop().run_until_complete(container().authorizer.authorize(authorization_header(event)))
    except NotAuthenticated:
        raise Exception("Unauthorized") from None  # noqa: TRY002 - API Gateway compares the text
    return allow_policy(claims, event["methodArn"])
