"""Cross-origin access: preflight answers, and the headers on the gateway's own errors.

A proxy integration's other answers carry what the function itself sets, as on AWS.
"""

from __future__ import annotations

from collections.abc import Sequence

from local.gateway.responses import Headers

_ALLOWED_HEADERS = b"Authorization,Content-Type,Idempotency-Key,X-Device-Id,X-Request-ID"
_EXPOSED_HEADERS = (
    b"X-Request-ID,Retry-After,Idempotency-Replayed,X-Next-Cursor,"
    b"RateLimit-Limit,RateLimit-Remaining,RateLimit-Reset,RateLimit-Policy"
)
_MAX_AGE_S = b"600"


class CrossOrigin:
    """Which web origins may call the API.

    Args:
        origins: Allowed origins (`https://app.example.com`); `*` allows all.
    """

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origins)

    def headers(self, origin: str | None) -> Headers:
        """Headers for an answer to this origin; none where it is not allowed."""
        if origin is None or not ({"*", origin} & self._origins):
            return []
        return [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", _EXPOSED_HEADERS),
            (b"vary", b"Origin"),
        ]

    def preflight(self, origin: str | None, methods: Sequence[str]) -> Headers:
        """Headers for a preflight request."""
        allowed = self.headers(origin)
        if not allowed:
            return []
        return [
            *allowed,
            (b"access-control-allow-methods", ",".join([*methods, "OPTIONS"]).encode()),
            (b"access-control-allow-headers", _ALLOWED_HEADERS),
            (b"access-control-max-age", _MAX_AGE_S),
        ]
