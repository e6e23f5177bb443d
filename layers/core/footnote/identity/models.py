"""The terms of identity."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Role = Literal["owner", "admin", "member", "viewer"]


@dataclass(frozen=True, slots=True)
class User:
    """A person with an e-mail address and a password."""

    user_id: UUID
    email: str
    display_name: str | None
    is_verified: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Organization:
    """A tenant. Objects below `storage_prefix` in the document bucket are its documents."""

    organization_id: UUID
    name: str
    kind: str
    plan: str
    storage_prefix: str


@dataclass(frozen=True, slots=True)
class Member:
    """A user in an organization. `token_version` grows when all access tokens of the user shall end."""

    user: User
    organization: Organization
    role: str
    token_version: int


@dataclass(frozen=True, slots=True)
class Profile:
    """A member's own view of the account."""

    member: Member
    preferences: dict[str, Any]
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """What a member changes of the own account; `None` leaves a field as it is."""

    display_name: str | None = None
    preferences: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class SignIn:
    """What a client gets for valid credentials.

    Attributes:
        member: Who signed in.
        access_token: A signed JWT.
        expires_in: Its life in seconds.
        refresh_token: Buys the next pair, once.
    """

    member: Member
    access_token: str
    expires_in: int
    refresh_token: str


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """The verified content of an access token."""

    user_id: UUID
    organization_id: UUID
    session_id: UUID
    role: str
    plan: str
    token_version: int


@dataclass(frozen=True, slots=True)
class NewSession:
    """A refresh-token family to be stored.

    Attributes:
        family_id: Also the session id (`sid`) in access tokens.
        sealed_key: The key its tokens are derived from, encrypted.
        device_hash: SHA-256 of the client's device id, if it sent one.
        idle_s: Seconds after which it ends unless refreshed.
        absolute_s: Seconds after which it ends in any case.
    """

    family_id: UUID
    sealed_key: bytes = field(repr=False)
    device_hash: bytes | None
    idle_s: int
    absolute_s: int


@dataclass(frozen=True, slots=True)
class NewAccount:
    """A user with a personal organization, to be stored."""

    user_id: UUID
    email: str
    display_name: str | None
    hashed_password: str = field(repr=False)
    organization_id: UUID
    organization_name: str
    storage_prefix: str


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """What the store says to an attempt, which it has counted.

    Attributes:
        user_id: The account, `None` where there is none (or it is closed).
        hashed_password: Its password hash.
        retry_after_s: Set when the attempts are used up: no password may be checked for so many seconds.
        undecided: They are used up, but one of them is so recent that it may succeed and clear the count.
    """

    user_id: UUID | None
    hashed_password: str | None = field(repr=False)
    retry_after_s: int | None
    undecided: bool


RotationOutcome = Literal["rotated", "repeated", "reused", "forged", "ended"]


@dataclass(frozen=True, slots=True)
class Rotation:
    """What became of a refresh token; outcomes as in migration 0002.

    Attributes:
        generation: The family's generation afterwards.
        member: Whose family it is; `None` where the family or the membership is gone.
    """

    outcome: RotationOutcome
    generation: int
    member: Member | None
