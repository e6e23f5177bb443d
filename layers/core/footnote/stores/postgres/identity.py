"""Accounts and sessions in Postgres."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from footnote.identity import Member, Organization, Profile, ProfileChange, User
from footnote.identity.models import LoginAttempt, NewAccount, NewSession, Rotation
from footnote.platform.context import OrganizationContext
from footnote.stores.postgres.database import Cursor, Database

_NEW_SESSION = "ROW(%s::uuid, %s::bytea, %s::bytea, %s::int, %s::int)::identity.new_session"


class PostgresIdentityStore:
    """The functions of migration 0002, called as `footnote_auth`, which can do nothing else.

    Args:
        database: Signed in as `footnote_auth`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def register(self, account: NewAccount, session: NewSession) -> Member | None:
        row = await self._call(
            f"SELECT * FROM identity.register(%s, %s, %s, %s, %s, %s, %s, {_NEW_SESSION})",  # noqa: S608
            account.user_id,
            account.email,
            account.display_name,
            account.hashed_password,
            account.organization_id,
            account.organization_name,
            account.storage_prefix,
            *_session_values(session),
        )
        return _member(row)

    async def begin_login(
        self, email: str, device_hash: bytes | None, limit: int, window_s: int
    ) -> LoginAttempt:
        row = await self._call(
            "SELECT * FROM identity.begin_login(%s, %s, %s, %s)", email, device_hash, limit, window_s
        )
        return LoginAttempt(**row)

    async def complete_login(
        self, user_id: UUID, verified_hash: str, new_hash: str | None, session: NewSession
    ) -> Member | None:
        row = await self._call(
            f"SELECT * FROM identity.complete_login(%s, %s, %s, {_NEW_SESSION})",  # noqa: S608
            user_id,
            verified_hash,
            new_hash,
            *_session_values(session),
        )
        return _member(row)

    async def sealed_key(self, family_id: UUID) -> bytes | None:
        row = await self._call("SELECT identity.find_sealed_key(%s) AS sealed_key", family_id)
        sealed: bytes | None = row["sealed_key"]
        return sealed

    async def rotate(
        self, family_id: UUID, generation: int, device_hash: bytes | None, grace_s: int, idle_s: int
    ) -> Rotation:
        row = await self._call(
            "SELECT r.outcome, r.generation, (r.member).*"
            " FROM identity.rotate_session(%s, %s, %s, %s, %s) AS r",
            family_id,
            generation,
            device_hash,
            grace_s,
            idle_s,
        )
        return Rotation(row["outcome"], row["generation"] or 0, _member(row))

    async def revoke(self, organization_id: UUID, family_id: UUID, reason: str) -> bool:
        row = await self._call(
            "SELECT identity.revoke_session(%s, %s, %s) AS was_open", organization_id, family_id, reason
        )
        return bool(row["was_open"])

    async def _call(self, statement: str, *values: Any) -> dict[str, Any]:
        """One function call in its own transaction; each answers exactly one row."""
        async with self._database.definer_tx() as cursor:
            await cursor.execute(statement, values)
            row = await cursor.fetchone()
        assert row is not None
        return row


class PostgresAccountStore:
    """A member's own account, read and changed inside the organization.

    Args:
        database: Signed in as `footnote_app`.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def profile(self, context: OrganizationContext) -> Profile | None:
        async with self._database.tenant_tx(context) as cursor:
            return await _read_profile(cursor, context)

    async def change_profile(self, context: OrganizationContext, change: ProfileChange) -> Profile | None:
        preferences = None if change.preferences is None else json.dumps(change.preferences)
        async with self._database.tenant_tx(context) as cursor:
            if await _read_profile(cursor, context) is None:
                return None
            await cursor.execute(
                "UPDATE core.users SET display_name = coalesce(%s, display_name),"
                " preferences = coalesce(%s::jsonb, preferences), updated_at = now() WHERE user_id = %s",
                (change.display_name, preferences, context.acting_user()),
            )
            return await _read_profile(cursor, context)


async def _read_profile(cursor: Cursor, context: OrganizationContext) -> Profile | None:
    await cursor.execute(
        """
        SELECT u.user_id, u.email, u.display_name, u.is_verified, u.created_at AS user_created_at,
               u.preferences, u.last_login_at,
               o.organization_id, o.name AS organization_name, o.kind AS organization_kind, o.plan,
               o.storage_prefix, m.role, u.token_version
          FROM core.memberships m
          JOIN core.users u USING (user_id)
          JOIN core.organizations o USING (organization_id)
         WHERE m.user_id = %(user)s AND u.is_active
           AND EXISTS (SELECT FROM core.sessions s
                        WHERE s.family_id = %(session)s AND s.user_id = %(user)s AND s.revoked_at IS NULL)
        """,
        {"user": context.acting_user(), "session": context.session_id},
    )
    row = await cursor.fetchone()
    member = _member(row) if row else None
    if row is None or member is None:
        return None
    return Profile(member, row["preferences"], row["last_login_at"])


def _session_values(session: NewSession) -> tuple[Any, ...]:
    return (session.family_id, session.sealed_key, session.device_hash, session.idle_s, session.absolute_s)


def _member(row: dict[str, Any]) -> Member | None:
    """The member of a row in the form of `identity.member`; all NULL means that there is none."""
    if row["user_id"] is None:
        return None
    return Member(
        user=User(
            user_id=row["user_id"],
            email=row["email"],
            display_name=row["display_name"],
            is_verified=row["is_verified"],
            created_at=row["user_created_at"],
        ),
        organization=Organization(
            organization_id=row["organization_id"],
            name=row["organization_name"],
            kind=row["organization_kind"],
            plan=row["plan"],
            storage_prefix=row["storage_prefix"],
        ),
        role=row["role"],
        token_version=row["token_version"],
    )
