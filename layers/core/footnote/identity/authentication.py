"""Sign-up, sign-in, refresh and sign-out (reliability.md, c)."""

from __future__ import annotations

import asyncio
import hashlib
import random
from uuid import UUID

from footnote.identity.access_tokens import CLOCK_SKEW_S, AccessTokenIssuer
from footnote.identity.emails import normalize_email
from footnote.identity.keys import CurrentKeys, SigningKeys
from footnote.identity.models import LoginAttempt, Member, NewAccount, NewSession, Rotation, SignIn
from footnote.identity.passwords import PasswordPolicy, Passwords
from footnote.identity.ports import IdentityStore, Revocations
from footnote.identity.refresh_tokens import (
    derive_token,
    is_genuine,
    new_family_key,
    open_key,
    parse_token,
    seal_key,
)
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict, NotAuthenticated, ServiceUnavailable, TooManyRequests
from footnote.platform.ids import new_id
from footnote.platform.logging import get_logger
from footnote.platform.settings import IdentitySettings

_UNDECIDED_PAUSE_S = (0.05, 0.15)

logger = get_logger("authentication")


class Authentication:
    """The use cases of `auth`.

    Args:
        settings: Limits and lives.
        store: Accounts and sessions.
        revocations: Sessions whose access tokens are void.
        keys: The signing keys.
        issuer: Signs access tokens.
        passwords: Hashes and verifies.
    """

    def __init__(
        self,
        settings: IdentitySettings,
        *,
        store: IdentityStore,
        revocations: Revocations,
        keys: CurrentKeys[SigningKeys],
        issuer: AccessTokenIssuer,
        passwords: Passwords,
    ) -> None:
        self._settings = settings
        self._store = store
        self._revocations = revocations
        self._keys = keys
        self._issuer = issuer
        self._passwords = passwords
        self._policy = PasswordPolicy(settings)

    async def register(
        self,
        email: str,
        password: str,
        *,
        display_name: str | None = None,
        organization_name: str | None = None,
        device_id: str | None = None,
    ) -> SignIn:
        """Makes an account with a personal organization and signs it in.

        That an address is taken is told openly (409): without a mailbox to write to there is no other way
        to tell its owner. Once verification mail exists, the answer becomes the same for every address.

        Raises:
            InvalidRequest: The address or the password is not acceptable.
            Conflict: The address has an account.
        """
        address = normalize_email(email)
        self._policy.check(password, address)
        keys = await self._keys.get()
        organization_id = new_id()
        owner = display_name or address.rpartition("@")[0]
        account = NewAccount(
            user_id=new_id(),
            email=address,
            display_name=display_name,
            hashed_password=await self._passwords.hash(password),
            organization_id=organization_id,
            organization_name=organization_name or f"{owner[:200]}'s organization",
            storage_prefix=f"organizations/{organization_id}/",
        )
        session, family_key = self._new_session(keys, device_id)
        member = await self._store.register(account, session)
        if member is None:
            raise Conflict("An account with this e-mail address exists. Sign in instead.")
        return self._sign_in(keys, member, session.family_id, derive_token(family_key, session.family_id, 0))

    async def login(self, email: str, password: str, *, device_id: str | None = None) -> SignIn:
        """Opens a session for the right password.

        The attempt is counted before anything is hashed. An address without an account gets the same answers,
        limits and work as one with an account.

        Raises:
            InvalidRequest: Not an e-mail address, or a password beyond the length that any account has.
            NotAuthenticated: Wrong address or password.
            TooManyRequests: The attempts for this address are used up; `retry_after_s` says for how long.
        """
        address = normalize_email(email)
        self._policy.check_length(password)
        keys = await self._keys.get()
        session, family_key = self._new_session(keys, device_id)
        attempt = await self._admitted_attempt(address, session.device_hash)
        verification = await self._passwords.verify(attempt.hashed_password, password)
        member = None
        if verification.is_right and attempt.user_id and attempt.hashed_password:
            new_hash = await self._passwords.hash(password) if verification.needs_rehash else None
            member = await self._store.complete_login(
                attempt.user_id, attempt.hashed_password, new_hash, session
            )
        if member is None:
            raise NotAuthenticated("The e-mail address or the password is wrong.")
        return self._sign_in(keys, member, session.family_id, derive_token(family_key, session.family_id, 0))

    async def refresh(self, refresh_token: str, *, device_id: str | None = None) -> SignIn:
        """Spends a refresh token for a new pair.

        A retry by the same device within `refresh_grace_s` seconds gets the same successor again. Any other
        second use means that two parties hold the token: the whole family ends, and stays ended although
        this request fails.

        Raises:
            NotAuthenticated: The token is not genuine, was spent, or its session has ended.
        """
        token = parse_token(refresh_token)
        keys = await self._keys.get()
        sealed = await self._store.sealed_key(token.family_id) if token else None
        family_key = open_key(keys.session_key, token.family_id, sealed) if token and sealed else None
        if token is None or family_key is None or not is_genuine(family_key, token):
            raise NotAuthenticated("The refresh token is not valid. Sign in again.")
        rotation = await self._store.rotate(
            token.family_id,
            token.generation,
            device_hash(device_id),
            self._settings.refresh_grace_s,
            self._settings.refresh_idle_s,
        )
        if rotation.outcome not in {"rotated", "repeated"} or rotation.member is None:
            await self._on_refused_rotation(token.family_id, rotation)
            raise NotAuthenticated("The session has ended. Sign in again.")
        successor = derive_token(family_key, token.family_id, rotation.generation)
        return self._sign_in(keys, rotation.member, token.family_id, successor)

    async def logout(self, context: OrganizationContext) -> None:
        """Ends the session behind the request; doing so twice is fine.

        Its refresh tokens are void at once, its access tokens as soon as the authorizer's cached answers
        expire. If the revocation list is down they live out their ten minutes.
        """
        if context.session_id is None:
            raise NotAuthenticated("This credential has no session to end.")
        await self._store.revoke(context.organization_id, context.session_id, "logout")
        await self._void_access_tokens(context.organization_id, context.session_id)

    async def _admitted_attempt(self, address: str, device: bytes | None) -> LoginAttempt:
        """Counts an attempt until it is admitted or refused for good.

        While an admitted attempt of the last second may still clear the count, this one waits for it: so a
        client may sign in many times at once. The wait ends within a second of the last admitted attempt.

        Raises:
            TooManyRequests: The attempts are used up.
        """
        settings = self._settings
        while True:
            attempt = await self._store.begin_login(
                address, device, settings.max_login_attempts, settings.lock_s
            )
            if not attempt.undecided:
                break
            await asyncio.sleep(random.uniform(*_UNDECIDED_PAUSE_S))  # noqa: S311 - spreads retries
        if attempt.retry_after_s is not None:
            logger.warning("security event", extra={"event": "login_attempts_used_up"})
            raise TooManyRequests(
                "Too many failed attempts for this e-mail address. Try again later.",
                retry_after_s=attempt.retry_after_s,
            )
        return attempt

    def _new_session(self, keys: SigningKeys, device_id: str | None) -> tuple[NewSession, bytes]:
        family_id, family_key = new_id(), new_family_key()
        session = NewSession(
            family_id=family_id,
            sealed_key=seal_key(keys.session_key, family_id, family_key),
            device_hash=device_hash(device_id),
            idle_s=self._settings.refresh_idle_s,
            absolute_s=self._settings.refresh_absolute_s,
        )
        return session, family_key

    def _sign_in(self, keys: SigningKeys, member: Member, session_id: UUID, refresh_token: str) -> SignIn:
        return SignIn(
            member=member,
            access_token=self._issuer.issue(keys, member, session_id),
            expires_in=self._settings.access_token_s,
            refresh_token=refresh_token,
        )

    async def _on_refused_rotation(self, family_id: UUID, rotation: Rotation) -> None:
        """Reports theft of a token (`reused`) or of the key (`forged`) and voids what the thief may hold."""
        if rotation.outcome == "ended":
            return
        report = logger.critical if rotation.outcome == "forged" else logger.warning
        facts = {"event": f"refresh_token_{rotation.outcome}", "session_id": str(family_id)}
        report("security event", extra=facts)
        if rotation.member:
            await self._void_access_tokens(rotation.member.organization.organization_id, family_id)

    async def _void_access_tokens(self, organization_id: UUID, session_id: UUID) -> None:
        try:
            await self._revocations.revoke(
                organization_id, session_id, self._settings.access_token_s + CLOCK_SKEW_S
            )
        except ServiceUnavailable:
            logger.warning("revocation list unreachable", extra={"session_id": str(session_id)})


def device_hash(device_id: str | None) -> bytes | None:
    """SHA-256 of the id that a client calls its device by; the id itself is not stored."""
    return hashlib.sha256(device_id.encode()).digest() if device_id else None
