"""What organizations set about their quota in Postgres: caps, rates, blocks; and what is in use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict
from footnote.quota import Meter, Window
from footnote.quota.rates import Block, RateOverride, RateTerms, Subject
from footnote.stores.postgres.database import Cursor, Database

_TERMS = """
SELECT coalesce(e.rates, p.rates) AS rates, coalesce(e.stage, 'normal') AS stage, b.stage AS platform_stage
  FROM quota.platform_budget b
  LEFT JOIN quota.entitlements e ON e.organization_id = %(organization_id)s
  LEFT JOIN LATERAL (SELECT * FROM quota.plans q WHERE q.plan = %(default_plan)s
                      ORDER BY q.version DESC LIMIT 1) p ON e.plan IS NULL
"""
_OVERRIDES = """
SELECT subject_kind, subject_id, rate_class, per_minute, created_by, expires_at FROM quota.rate_overrides
 WHERE organization_id = %(organization_id)s AND (expires_at IS NULL OR expires_at > now())
 ORDER BY subject_kind, subject_id, rate_class
"""
_BLOCKS = """
SELECT subject_kind, subject_id, reason, expires_at, created_by, created_at FROM quota.blocks
 WHERE organization_id = %(organization_id)s AND expires_at > now()
 ORDER BY expires_at, subject_kind, subject_id
"""
# All of an organization's overrides and blocks are read with its terms: what has ended goes, and there are so
# many at most.
_MOST = 1_000
_FORGET_OVERRIDES = (
    "DELETE FROM quota.rate_overrides WHERE organization_id = %(organization_id)s AND expires_at <= now()"
)
_FORGET_BLOCKS = (
    "DELETE FROM quota.blocks WHERE organization_id = %(organization_id)s AND expires_at <= now()"
)
_PUT_OVERRIDE = """
INSERT INTO quota.rate_overrides (
    organization_id, subject_kind, subject_id, rate_class, per_minute, created_by, expires_at)
SELECT %(organization_id)s, %(kind)s, %(id)s, %(rate_class)s, %(per_minute)s, %(created_by)s, %(expires_at)s
 WHERE (SELECT count(*) FROM quota.rate_overrides WHERE organization_id = %(organization_id)s
           AND (subject_kind, subject_id, rate_class) <> (%(kind)s, %(id)s, %(rate_class)s)) < %(most)s
ON CONFLICT (organization_id, subject_kind, subject_id, rate_class) DO UPDATE
   SET per_minute = excluded.per_minute, created_by = excluded.created_by, expires_at = excluded.expires_at,
       updated_at = now()
"""
_DELETE_OVERRIDE = """
DELETE FROM quota.rate_overrides
 WHERE organization_id = %(organization_id)s AND subject_kind = %(kind)s AND subject_id = %(id)s
   AND rate_class = %(rate_class)s
"""
# Changes of an organization take turns, so that copies of its blocks cannot cross, and all are counted.
_TAKE_TURNS = (
    "SELECT pg_advisory_xact_lock(hashtextextended('quota.blocks:' || %(organization_id)s::text, 0))"
)
_PUT_BLOCK = """
INSERT INTO quota.blocks (organization_id, subject_kind, subject_id, reason, created_by, expires_at)
SELECT %(organization_id)s, %(kind)s, %(id)s, %(reason)s, %(created_by)s, %(expires_at)s
 WHERE (SELECT count(*) FROM quota.blocks WHERE organization_id = %(organization_id)s
           AND (subject_kind, subject_id) <> (%(kind)s, %(id)s)) < %(most)s
ON CONFLICT (organization_id, subject_kind, subject_id) DO UPDATE
   SET reason = excluded.reason, created_by = excluded.created_by, created_at = now(),
       expires_at = excluded.expires_at
RETURNING subject_kind, subject_id, reason, expires_at, created_by, created_at
"""
_DELETE_BLOCK = """
DELETE FROM quota.blocks
 WHERE organization_id = %(organization_id)s AND subject_kind = %(kind)s AND subject_id = %(id)s
"""
_USAGE = """
SELECT s.user_id, m.meter, m.started_at,
       nullif(m.ends_at, '9999-12-31 00:00+00') AS reset_at,
       coalesce(w.committed, 0) AS used, coalesce(w.reserved, 0) AS reserved
  FROM (SELECT meter, quota.window_start(meter, c) AS started_at, quota.window_end(meter, c) AS ends_at
          FROM quota.calendar_of(%(organization_id)s) c, unnest(%(meters)s::text[]) AS meter) m
 CROSS JOIN (VALUES (%(organization_id)s::uuid, null), (%(user_id)s::uuid, %(user_id)s::uuid))
            AS s (subject, user_id)
  LEFT JOIN quota.windows w ON w.organization_id = %(organization_id)s AND w.subject = s.subject
                           AND w.meter = m.meter AND w.window_start = m.started_at
 WHERE s.subject IS NOT NULL
 ORDER BY s.user_id NULLS FIRST, array_position(%(meters)s::text[], m.meter)
"""
_PUT_CAP = """
INSERT INTO quota.member_caps (organization_id, user_id, meter, lim)
VALUES (%(organization_id)s, %(user_id)s, %(meter)s, %(lim)s)
ON CONFLICT (organization_id, user_id, meter) DO UPDATE SET lim = excluded.lim, updated_at = now()
"""


class PostgresQuotaSettings:
    """`footnote.quota.rates.QuotaSettingsStore` on Postgres.

    Args:
        database: Tenant transactions.
        default_plan: The plan of organizations that have subscribed to none.
    """

    def __init__(self, database: Database, default_plan: str) -> None:
        self._database = database
        self._default_plan = default_plan

    async def rate_terms(self, context: OrganizationContext) -> RateTerms:
        names = {"organization_id": context.organization_id, "default_plan": self._default_plan}
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_TERMS, names)
            row = await cursor.fetchone()
            assert row is not None
            overrides = await _overrides(cursor, context)
            blocks = await _blocks(cursor, context)
        return RateTerms(
            rates=row["rates"] or {},
            overrides={(one.subject, one.rate_class): one for one in overrides},
            blocks={one.subject: one for one in blocks},
            stage=row["stage"],
            platform_stage=row["platform_stage"],
        )

    async def usage(self, context: OrganizationContext) -> list[Window]:
        names = {
            "organization_id": context.organization_id,
            "user_id": context.user_id,
            "meters": [meter.value for meter in Meter],
        }
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_USAGE, names)
            return [_window(row) for row in await cursor.fetchall()]

    async def role_of(self, context: OrganizationContext, user_id: UUID) -> str | None:
        names = {"organization_id": context.organization_id, "user_id": user_id}
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(
                "SELECT role FROM core.memberships"
                " WHERE organization_id = %(organization_id)s AND user_id = %(user_id)s",
                names,
            )
            row = await cursor.fetchone()
        return None if row is None else str(row["role"])

    async def caps(self, context: OrganizationContext, user_id: UUID) -> dict[str, int]:
        names = {"organization_id": context.organization_id, "user_id": user_id}
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(
                "SELECT meter, lim FROM quota.member_caps"
                " WHERE organization_id = %(organization_id)s AND user_id = %(user_id)s ORDER BY meter",
                names,
            )
            return {row["meter"]: row["lim"] for row in await cursor.fetchall()}

    async def put_caps(self, context: OrganizationContext, user_id: UUID, caps: Mapping[str, int]) -> None:
        names = {"organization_id": context.organization_id, "user_id": user_id, "meters": list(caps)}
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(
                "DELETE FROM quota.member_caps WHERE organization_id = %(organization_id)s"
                " AND user_id = %(user_id)s AND NOT meter = ANY(%(meters)s::text[])",
                names,
            )
            for meter, lim in sorted(caps.items()):
                await cursor.execute(_PUT_CAP, {**names, "meter": meter, "lim": lim})

    async def overrides(self, context: OrganizationContext) -> list[RateOverride]:
        async with self._database.tenant_tx(context) as cursor:
            return await _overrides(cursor, context)

    async def put_override(self, context: OrganizationContext, override: RateOverride) -> None:
        names = {
            **_names(context, override.subject),
            "rate_class": override.rate_class,
            "per_minute": override.per_minute,
            "created_by": override.created_by,
            "expires_at": override.expires_at,
        }
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_TAKE_TURNS, names)
            await cursor.execute(_FORGET_OVERRIDES, names)
            await cursor.execute(_PUT_OVERRIDE, {**names, "most": _MOST})
            if cursor.rowcount == 0:
                raise _too_many("rates")

    async def delete_override(self, context: OrganizationContext, subject: Subject, rate_class: str) -> bool:
        names = {**_names(context, subject), "rate_class": rate_class}
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_DELETE_OVERRIDE, names)
            return cursor.rowcount > 0

    async def blocks(self, context: OrganizationContext) -> list[Block]:
        async with self._database.tenant_tx(context) as cursor:
            return await _blocks(cursor, context)

    async def put_block(
        self, context: OrganizationContext, block: Block, copy: Callable[[], Awaitable[None]]
    ) -> Block:
        names = {
            **_names(context, block.subject),
            "reason": block.reason,
            "created_by": block.created_by,
            "expires_at": block.expires_at,
        }
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_TAKE_TURNS, names)
            await cursor.execute(_FORGET_BLOCKS, names)
            await cursor.execute(_PUT_BLOCK, {**names, "most": _MOST})
            row = await cursor.fetchone()
            if row is None:
                raise _too_many("blocks")
            await copy()
            return _block(row)

    async def delete_block(
        self, context: OrganizationContext, subject: Subject, copy: Callable[[], Awaitable[None]]
    ) -> bool:
        names = _names(context, subject)
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_TAKE_TURNS, names)
            await cursor.execute(_DELETE_BLOCK, names)
            was_there = cursor.rowcount > 0
            await copy()
            return was_there


async def _overrides(cursor: Cursor, context: OrganizationContext) -> list[RateOverride]:
    await cursor.execute(_OVERRIDES, {"organization_id": context.organization_id})
    return [
        RateOverride(
            subject=Subject(row["subject_kind"], row["subject_id"]),
            rate_class=row["rate_class"],
            per_minute=row["per_minute"],
            created_by=row["created_by"],
            expires_at=row["expires_at"],
        )
        for row in await cursor.fetchall()
    ]


async def _blocks(cursor: Cursor, context: OrganizationContext) -> list[Block]:
    await cursor.execute(_BLOCKS, {"organization_id": context.organization_id})
    return [_block(row) for row in await cursor.fetchall()]


def _too_many(things: str) -> Conflict:
    return Conflict(
        f"An organization has at most {_MOST:,} {things}. Delete some that are not needed any more."
    )


def _window(row: Mapping[str, Any]) -> Window:
    return Window(
        meter=Meter(row["meter"]),
        limit=None,
        committed=row["used"],
        reserved=row["reserved"],
        started_at=row["started_at"],
        reset_at=row["reset_at"],
        user_id=row["user_id"],
    )


def _block(row: Mapping[str, Any]) -> Block:
    return Block(
        subject=Subject(row["subject_kind"], row["subject_id"]),
        reason=row["reason"],
        expires_at=row["expires_at"],
        created_by=row["created_by"],
        created_at=row["created_at"],
    )


def _names(context: OrganizationContext, subject: Subject) -> dict[str, Any]:
    return {"organization_id": context.organization_id, "kind": subject.kind, "id": subject.id}
