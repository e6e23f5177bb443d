"""What identity needs of stores. Adapters are in `stores/`."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from footnote.identity.models import (
    LoginAttempt,
    Member,
    NewAccount,
    NewSession,
    Profile,
    ProfileChange,
    Rotation,
)
from footnote.platform.context import OrganizationContext


class IdentityStore(Protocol):
    """Accounts and sessions before an organization is known: only `auth` has it.

    Every method is one transaction and raises `ServiceUnavailable` when the store is down.
    """

    async def register(self, account: NewAccount, session: NewSession) -> Member | None:
        """Stores user, organization, ownership and session together; `None` if the e-mail has an account."""
        ...

    async def begin_login(
        self, email: str, device_hash: bytes | None, limit: int, window_s: int
    ) -> LoginAttempt:
        """Counts an attempt and answers whether the password may be checked.

        At most `limit` attempts per `window_s` seconds are answered with a hash, however many run at once.
        """
        ...

    async def complete_login(
        self, user_id: UUID, verified_hash: str, new_hash: str | None, session: NewSession
    ) -> Member | None:
        """Forgets the attempts and opens the session; `None` if the account changed in the meantime.

        Args:
            user_id: The account.
            verified_hash: The hash that the password was checked against.
            new_hash: Replaces it, where parameters of the hash function have changed.
            session: The new family.
        """
        ...

    async def sealed_key(self, family_id: UUID) -> bytes | None:
        """The encrypted key of a family, `None` if there is no such family."""
        ...

    async def rotate(
        self, family_id: UUID, generation: int, device_hash: bytes | None, grace_s: int, idle_s: int
    ) -> Rotation:
        """Spends one generation. A replay revokes the family, and that is committed when this returns."""
        ...

    async def revoke(self, organization_id: UUID, family_id: UUID, reason: str) -> bool:
        """Ends a family; whether it was open until now."""
        ...


class AccountStore(Protocol):
    """A member's own account, inside the organization."""

    async def profile(self, context: OrganizationContext) -> Profile | None:
        """The account behind the request; `None` if it is closed or its session has ended."""
        ...

    async def change_profile(self, context: OrganizationContext, change: ProfileChange) -> Profile | None:
        """Stores what the member changed; answers as `profile`, with the change."""
        ...


class Revocations(Protocol):
    """Sessions whose access tokens are void before they expire.

    Raises `ServiceUnavailable` when the list cannot be reached; it is a short cut to the truth in
    `IdentityStore`, so callers may go on without it.
    """

    async def revoke(self, organization_id: UUID, session_id: UUID, ttl_s: int) -> None:
        """Lists the session for `ttl_s` seconds: as long as an access token of it may live."""
        ...

    async def is_revoked(self, organization_id: UUID, session_id: UUID) -> bool:
        """Whether the session is listed."""
        ...
