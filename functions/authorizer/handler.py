"""Lambda entry point of `authorizer`: a REQUEST authorizer of API Gateway REST."""

from __future__ import annotations

from typing import Any

from footnote.composition import container
from footnote.identity.authorization import allow_policy, authorization_header
from footnote.platform.errors import NotAuthenticated
from footnote.platform.invocations import run


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """Allows the whole stage to a genuine token, with the identity as context.

    Raises:
        Exception: With the text "Unauthorized", which API Gateway turns into 401. Any other error, a secret
            that cannot be read for instance, becomes 500 there.
    """
    try:
        claims = run(container().authorizer.authorize(authorization_header(event)))
    except NotAuthenticated:
        raise Exception("Unauthorized") from None  # noqa: TRY002 - API Gateway compares the text
    return allow_policy(claims, event["methodArn"])
