"""The authorizer: from an access token to an identity that API Gateway hands to the functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from footnote.identity.access_tokens import AccessTokenVerifier
from footnote.identity.keys import CurrentKeys, VerificationKeys
from footnote.identity.models import AccessClaims
from footnote.identity.permissions import permissions_of
from footnote.identity.ports import Revocations
from footnote.platform.errors import NotAuthenticated, ServiceUnavailable
from footnote.platform.logging import get_logger

logger = get_logger("authorizer")


class Authorizer:
    """Verifies the bearer token of a request.

    Args:
        verifier: Checks tokens.
        keys: The verification keys.
        revocations: Sessions that ended early.
    """

    def __init__(
        self, verifier: AccessTokenVerifier, keys: CurrentKeys[VerificationKeys], revocations: Revocations
    ) -> None:
        self._verifier = verifier
        self._keys = keys
        self._revocations = revocations

    async def authorize(self, authorization: str) -> AccessClaims:
        """Who is behind the header `Authorization`.

        When the revocation list cannot be reached, a genuine token is accepted: it lives for minutes only.

        Raises:
            NotAuthenticated: No bearer token, not a valid one, or its session has ended.
            ServiceUnavailable: The keys cannot be read.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise NotAuthenticated("Sign in and send the access token as 'Authorization: Bearer <token>'.")
        claims = self._verifier.verify(await self._keys.get(), token.strip())
        if await self._is_revoked(claims):
            raise NotAuthenticated("The session has ended. Sign in again.")
        return claims

    async def _is_revoked(self, claims: AccessClaims) -> bool:
        try:
            return await self._revocations.is_revoked(claims.organization_id, claims.session_id)
        except ServiceUnavailable:
            logger.warning("revocation list unreachable")
            return False


def allow_policy(claims: AccessClaims, method_arn: str) -> dict[str, Any]:
    """API Gateway's form of "yes", for the whole stage, because API Gateway reuses it for other routes.

    Args:
        claims: The identity; handlers read it as `requestContext.authorizer`, where all values are strings.
        method_arn: `arn:aws:execute-api:<region>:<account>:<api>/<stage>/<method>/<path>`.
    """
    api, stage = method_arn.split("/", 2)[:2]
    return {
        "principalId": str(claims.user_id),
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{api}/{stage}/*"}
            ],
        },
        "context": {
            "organization_id": str(claims.organization_id),
            "user_id": str(claims.user_id),
            "session_id": str(claims.session_id),
            "role": claims.role,
            "plan": claims.plan,
            "permissions": ",".join(sorted(permissions_of(claims.role))),
        },
    }


def authorization_header(event: Mapping[str, Any]) -> str:
    """The header `Authorization` of an authorizer event of type REQUEST; empty where there is none."""
    headers = event.get("headers") or {}
    return next((str(value) for name, value in headers.items() if name.lower() == "authorization"), "")
