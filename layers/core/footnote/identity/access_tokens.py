"""Access tokens: short-lived JWTs signed with EdDSA (RFC 7519, RFC 8037, RFC 9068 for `typ`)."""

from __future__ import annotations

import base64
import json
import re
from datetime import timedelta
from typing import Any
from uuid import UUID

import jwt

from footnote.identity.keys import SigningKeys, VerificationKeys
from footnote.identity.models import AccessClaims, Member
from footnote.identity.permissions import PERMISSIONS
from footnote.platform.clock import Clock
from footnote.platform.errors import NotAuthenticated
from footnote.platform.ids import new_id
from footnote.platform.settings import IdentitySettings

ALGORITHM = "EdDSA"
TOKEN_TYPE = "at+jwt"  # noqa: S105 - a media type
CLOCK_SKEW_S = 5
_MAX_CHARACTERS = 4096
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_REQUIRED = ("iss", "aud", "sub", "sid", "org", "role", "plan", "tv", "iat", "nbf", "exp")


class AccessTokenIssuer:
    """Signs access tokens; only `auth` can.

    Args:
        settings: Issuer, audience and life.
        clock: Time.
    """

    def __init__(self, settings: IdentitySettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def issue(self, keys: SigningKeys, member: Member, session_id: UUID) -> str:
        """A token for `settings.access_token_s` seconds."""
        now = self._clock.now()
        claims = {
            "iss": self._settings.issuer,
            "aud": self._settings.audience,
            "sub": str(member.user.user_id),
            "sid": str(session_id),
            "org": str(member.organization.organization_id),
            "role": member.role,
            "plan": member.organization.plan,
            "tv": member.token_version,
            "jti": str(new_id()),
            "iat": now,
            "nbf": now,
            "exp": now + timedelta(seconds=self._settings.access_token_s),
        }
        headers = {"kid": keys.kid, "typ": TOKEN_TYPE}
        return jwt.encode(claims, keys.private_key, algorithm=ALGORITHM, headers=headers)


class AccessTokenVerifier:
    """Verifies access tokens.

    The algorithm and the kind of key are fixed here and never read from the token. `kid` only selects among
    known keys. Names that stand twice in header or claims are refused, because parsers disagree on them.

    Args:
        settings: Expected issuer and audience.
    """

    def __init__(self, settings: IdentitySettings) -> None:
        self._settings = settings

    def verify(self, keys: VerificationKeys, token: str) -> AccessClaims:
        """The content of a genuine token that is valid now (give or take 5 s of clock skew).

        Raises:
            NotAuthenticated: In every other case.
        """
        try:
            return self._verify(keys, token)
        except jwt.ExpiredSignatureError as error:
            raise NotAuthenticated("The access token has expired. Refresh it or sign in again.") from error
        except (jwt.PyJWTError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise NotAuthenticated("The access token is not valid. Sign in again.") from error

    def _verify(self, keys: VerificationKeys, token: str) -> AccessClaims:
        if len(token) > _MAX_CHARACTERS or not _SHAPE.fullmatch(token):
            raise ValueError("not a compact JWS of acceptable size")
        header, payload, _ = token.split(".")
        stated = _strict_object(header)
        if stated.get("alg") != ALGORITHM or stated.get("typ") != TOKEN_TYPE:
            raise ValueError("not an access token of this issuer")
        claims = jwt.decode(
            token,
            keys[stated["kid"]],
            algorithms=[ALGORITHM],
            issuer=self._settings.issuer,
            audience=self._settings.audience,
            leeway=CLOCK_SKEW_S,
            options={"require": list(_REQUIRED), "strict_aud": True},
        )
        if _strict_object(payload) != claims:
            raise ValueError("claims are ambiguous")
        if claims["role"] not in PERMISSIONS:
            raise ValueError("unknown role")
        return AccessClaims(
            user_id=UUID(claims["sub"]),
            organization_id=UUID(claims["org"]),
            session_id=UUID(claims["sid"]),
            role=str(claims["role"]),
            plan=str(claims["plan"]),
            token_version=int(claims["tv"]),
        )


def _strict_object(part: str) -> dict[str, Any]:
    """A base64url part as a JSON object in which every name stands once."""
    text = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    content = json.loads(text, object_pairs_hook=_once)
    if not isinstance(content, dict):
        raise TypeError("not a JSON object")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name stands twice")
    return content
