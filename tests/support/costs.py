"""Weeks of ledger rows, as traffic would have left them."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

from footnote.platform.context import OrganizationContext
from footnote.platform.ids import new_id

_USAGE = """
INSERT INTO quota.usage_ledger (
    organization_id, hold_id, attempt, meter, model, user_id, feature, window_start, units, cost_micro_usd,
    price_version, at)
VALUES (%s, %s, 1, %s, %s, %s, %s, date_trunc('month', %s::timestamptz, 'UTC'), %s, %s, 1, %s)
"""
_INTERNAL = """
INSERT INTO quota.cost_ledger (
    organization_id, hold_id, attempt, source, feature, window_start, cost_micro_usd, at)
VALUES (%s, %s, 1, 'expired', 'chat', date_trunc('month', %s::timestamptz, 'UTC'), %s, %s)
"""
_MESSAGE = """
INSERT INTO chat.messages (
    organization_id, session_id, position, message_id, user_id, actor, message, metadata, created_at)
VALUES (%s, %s, %s, %s, %s, 'assistant', 'an answer', jsonb_build_object('cached', %s::boolean), %s)
"""
_WINDOWS = """
INSERT INTO quota.windows (organization_id, subject, meter, window_start, window_end, committed)
SELECT organization_id, organization_id, 'cost', window_start, window_start + interval '1 month', sum(cost)
  FROM (SELECT organization_id, window_start, cost_micro_usd AS cost FROM quota.usage_ledger
         UNION ALL SELECT organization_id, window_start, cost_micro_usd FROM quota.cost_ledger) l
 WHERE organization_id = %s GROUP BY organization_id, window_start
"""
_LINES = (
    ("messages", "", 1, 0), ("input_tokens", "large", 3_000, 450), ("output_tokens", "large", 400, 240),
    ("embedding_tokens", "vectors", 60, 2), ("compute_ms", "large", 1_800, 705),
)  # fmt: skip


def add_traffic(
    superuser_dsn: str, context: OrganizationContext, until: datetime, days: int, *, a_day: int = 12
) -> None:
    """Questions of so many days before `until`: fewer at weekends, most at noon, a quarter of them cached."""
    source = random.Random(7)
    session = new_id()
    with psycopg.connect(superuser_dsn) as connection:
        connection.execute(
            "INSERT INTO chat.sessions VALUES (%s, %s, %s, 'title')",
            (context.organization_id, session, context.user_id),
        )
        position = 0
        for day in range(days, -1, -1):
            start = (until - timedelta(days=day)).replace(hour=0, minute=0, second=0, microsecond=0)
            count = round(a_day * (0.3 if start.weekday() >= 5 else 1) * source.uniform(0.8, 1.2))
            for _ in range(count):
                at = start + timedelta(hours=source.triangular(6, 20, 12))
                if at >= until:
                    continue
                position += 1
                _add_question(connection, context, at, source.uniform(0.5, 1.5), position % 4 == 0)
                connection.execute(
                    _MESSAGE,
                    (
                        context.organization_id,
                        session,
                        position,
                        new_id(),
                        context.user_id,
                        position % 4 == 0,
                        at,
                    ),
                )
        connection.execute(_WINDOWS, (context.organization_id,))


def _add_question(
    connection: psycopg.Connection[tuple[object, ...]],
    context: OrganizationContext,
    at: datetime,
    size: float,
    is_cached: bool,
) -> None:
    hold_id = new_id()
    for meter, model, units, cost in _LINES[:1] if is_cached else _LINES:
        scaled = (units, 0) if meter == "messages" else (round(units * size), round(cost * size * 100))
        row = (context.organization_id, hold_id, meter, model, context.user_id, "chat", at, *scaled, at)
        connection.execute(_USAGE, row)
    if size > 1.45:
        connection.execute(_INTERNAL, (context.organization_id, new_id(), at, round(90_000 * size), at))


def utc(text: str) -> datetime:
    """A moment in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def total_of(superuser_dsn: str, organization_id: UUID, first: str, until: str) -> tuple[int, int]:
    """What both ledgers hold between two moments."""
    with psycopg.connect(superuser_dsn) as connection:
        row = connection.execute(
            "SELECT (SELECT coalesce(sum(cost_micro_usd), 0)::bigint FROM quota.usage_ledger"
            " WHERE organization_id = %(o)s AND at >= %(f)s AND at < %(u)s),"
            " (SELECT coalesce(sum(cost_micro_usd), 0)::bigint FROM quota.cost_ledger"
            " WHERE organization_id = %(o)s AND at >= %(f)s AND at < %(u)s)",
            {"o": organization_id, "f": first, "u": until},
        ).fetchone()
    assert row is not None
    return row[0], row[1]
