"""Who comes in, and from where."""

from __future__ import annotations

from pydantic import Field

from footnote.platform.settings.section import Section


class IdentitySettings(Section):
    """Passwords, tokens and sessions; semantics in reliability.md (c)."""

    issuer: str = "footnote"
    audience: str = "footnote-api"
    signing_secret: str = "footnote/identity/signing"  # noqa: S105 - an id
    verification_secret: str = "footnote/identity/verification"  # noqa: S105 - an id
    access_token_s: int = 600
    refresh_idle_s: int = 14 * 24 * 3600
    refresh_absolute_s: int = 90 * 24 * 3600
    refresh_grace_s: int = 10
    password_min_length: int = 8
    password_max_bytes: int = 1024
    max_login_attempts: int = 5
    lock_s: int = 900
    argon2_memory_kib: int = 19 * 1024
    argon2_time_cost: int = 2
    argon2_parallelism: int = 1


class GatewaySettings(Section):
    """Browser access to the API."""

    cors_origins: list[str] = Field(default_factory=list)
