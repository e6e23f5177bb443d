"""Conversations in Postgres: `chat.sessions` and `chat.messages`.

Row-level security keeps organizations apart; the member's own id is part of every statement, since members
of one organization do not see each other's conversations either.
"""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from footnote.chat import Message, NewTurn, Session
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import NotFound, ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.quota import RequestInProgress, Settlement
from footnote.stores.postgres.database import Cursor, Database
from footnote.stores.postgres.provenance import insert_record
from footnote.stores.postgres.quota import settle_within

_SESSION = """
SELECT session_id, title, message_count, created_at, updated_at
  FROM chat.sessions
 WHERE organization_id = %(organization)s AND session_id = %(session)s AND user_id = %(user)s
   AND deleted_at IS NULL
"""
_SESSIONS = """
SELECT session_id, title, message_count, created_at, updated_at
  FROM chat.sessions
 WHERE organization_id = %(organization)s AND user_id = %(user)s AND deleted_at IS NULL
   AND (%(before_at)s::timestamptz IS NULL
        OR (updated_at, session_id) < (%(before_at)s::timestamptz, %(before_id)s::uuid))
 ORDER BY updated_at DESC, session_id DESC
 LIMIT %(limit)s
"""
_MESSAGE_COLUMNS = "message_id, session_id, position, actor, message, sources, metadata, created_at"
_MESSAGES = f"""
SELECT {_MESSAGE_COLUMNS}
  FROM chat.messages
 WHERE organization_id = %(organization)s AND session_id = %(session)s AND user_id = %(user)s
   AND position > %(after)s
 ORDER BY position
 LIMIT %(limit)s
"""  # noqa: S608 - constants only
_HISTORY = f"""
SELECT * FROM (
    SELECT {_MESSAGE_COLUMNS}
      FROM chat.messages
     WHERE organization_id = %(organization)s AND session_id = %(session)s AND user_id = %(user)s
     ORDER BY position DESC
     LIMIT %(limit)s
) newest ORDER BY position
"""  # noqa: S608 - constants only
_CREATE = """
INSERT INTO chat.sessions (organization_id, session_id, user_id, title, created_at)
VALUES (%(organization)s, %(session)s, %(user)s, %(title)s, %(asked_at)s)
"""
# The row lock makes turns of one session take turns, so that the count is the next position.
_COUNT_TURN = """
UPDATE chat.sessions
   SET message_count = message_count + 2, updated_at = clock_timestamp()
 WHERE organization_id = %(organization)s AND session_id = %(session)s AND user_id = %(user)s
   AND deleted_at IS NULL
RETURNING message_count
"""
_INSERT = """
INSERT INTO chat.messages
    (organization_id, session_id, position, message_id, user_id, actor, message, sources, metadata,
     created_at)
VALUES
    (%(organization)s, %(session)s, %(count)s - 1, %(question_id)s, %(user)s, 'user', %(question)s,
     '[]', '{}', %(asked_at)s),
    (%(organization)s, %(session)s, %(count)s, %(answer_id)s, %(user)s, 'assistant', %(answer)s,
     %(sources)s, %(metadata)s, clock_timestamp())
"""
_STORED = """
SELECT FROM chat.messages
 WHERE organization_id = %(organization)s AND session_id = %(session)s AND message_id = %(answer_id)s
"""
_DELETE = """
UPDATE chat.sessions SET deleted_at = now()
 WHERE organization_id = %(organization)s AND session_id = %(session)s AND user_id = %(user)s
   AND deleted_at IS NULL
"""
# Answers that are kept to be given again. In the order of the key: two deletions never wait in a circle.
_ERASE_KEPT = """
WITH kept AS (
    SELECT h.hold_id FROM quota.holds h
     WHERE h.organization_id = %(organization)s AND h.user_id = %(user)s AND h.response IS NOT NULL
       AND strpos(h.response ->> 'body', %(session)s::uuid::text) > 0
     ORDER BY h.hold_id FOR UPDATE
)
UPDATE quota.holds h SET response = NULL FROM kept
 WHERE h.organization_id = %(organization)s AND h.hold_id = kept.hold_id
"""


# A call that failed within so many seconds is repeated once: a store that hangs would hang again.
_REPEAT_WITHIN_S = 1.5
_CHARGED = frozenset({"settled", "late"})

logger = get_logger("chat")


class _Overtaken(Exception):
    """The turn's hold is closed, or another attempt's."""


class PostgresConversationStore:
    """`ConversationStore` on Postgres.

    Args:
        database: Tenant transactions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def session(self, context: OrganizationContext, session_id: UUID) -> Session:
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_SESSION, _key(context, session_id))
            row = await cursor.fetchone()
        if row is None:
            raise _no_session()
        return _session(row)

    async def history(self, context: OrganizationContext, session_id: UUID, limit: int) -> list[Message]:
        return await self._read(context, session_id, _HISTORY, {"limit": limit})

    async def append_turn(self, context: OrganizationContext, turn: NewTurn) -> None:
        values = _key(context, turn.session_id) | {
            "title": turn.session_title,
            "asked_at": turn.asked_at,
            "question_id": turn.question_id,
            "question": turn.question,
            "answer_id": turn.answer_id,
            "answer": turn.answer,
            "sources": Jsonb(turn.sources),
            "metadata": Jsonb(turn.metadata),
        }
        if turn.settlement is None:
            async with self._database.tenant_tx(context) as cursor:
                await _insert(cursor, turn, values)
            return
        start = time.monotonic()
        try:
            await self._append_charged(context, turn, turn.settlement, values)
        except ServiceUnavailable:
            if time.monotonic() - start > _REPEAT_WITHIN_S:
                raise
            # Whether it was committed is unknown: the very same once more (reliability.md, j).
            if not await self._is_stored(context, values):
                await self._append_charged(context, turn, turn.settlement, values)

    async def _append_charged(
        self, context: OrganizationContext, turn: NewTurn, settlement: Settlement, values: dict[str, Any]
    ) -> None:
        try:
            async with self._database.tenant_tx(context) as cursor:
                await _insert(cursor, turn, values)
                # Last: the locks of windows that all requests share are held for the shortest time.
                settled = await settle_within(cursor, settlement)
                if settled.outcome not in _CHARGED:
                    raise _Overtaken
        except _Overtaken:
            # The turn is taken back, but what it has cost is known to the budgets.
            async with self._database.tenant_tx(context) as cursor:
                await settle_within(cursor, settlement)
            logger.warning("a turn was overtaken", extra={"outcome": settled.outcome})
            raise RequestInProgress(
                "This request was sent again meanwhile, and that one is answered. Ask again for its answer.",
                retry_after_s=1,
            ) from None
        if settled.outcome != "settled" or settled.over > 0:
            logger.warning("settled otherwise", extra={"outcome": settled.outcome, "over": settled.over})

    async def _is_stored(self, context: OrganizationContext, values: dict[str, Any]) -> bool:
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_STORED, values)
            return await cursor.fetchone() is not None

    async def sessions(
        self, context: OrganizationContext, *, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Session]:
        before_at, before_id = before or (None, None)
        values = _member(context) | {"before_at": before_at, "before_id": before_id, "limit": limit}
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_SESSIONS, values)
            return [_session(row) for row in await cursor.fetchall()]

    async def messages(
        self, context: OrganizationContext, session_id: UUID, *, after: int, limit: int
    ) -> list[Message]:
        return await self._read(context, session_id, _MESSAGES, {"after": after, "limit": limit})

    async def delete(self, context: OrganizationContext, session_id: UUID) -> None:
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_DELETE, _key(context, session_id))
            if cursor.rowcount == 0:
                raise _no_session()
            # No turn of the session can be stored any more: no other answer of it will be kept.
            await cursor.execute(_ERASE_KEPT, _key(context, session_id))

    async def _read(
        self, context: OrganizationContext, session_id: UUID, statement: str, values: dict[str, Any]
    ) -> list[Message]:
        key = _key(context, session_id)
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_SESSION, key)
            if await cursor.fetchone() is None:
                raise _no_session()
            await cursor.execute(statement, key | values)
            return [_message(row) for row in await cursor.fetchall()]


async def _insert(cursor: Cursor, turn: NewTurn, values: dict[str, Any]) -> None:
    if turn.session_title is not None:
        await cursor.execute(_CREATE, values)
    await cursor.execute(_COUNT_TURN, values)
    row = await cursor.fetchone()
    if row is None:
        raise _no_session()
    await cursor.execute(_INSERT, values | {"count": row["message_count"]})
    if turn.provenance is not None:
        await insert_record(cursor, turn.provenance)


def _member(context: OrganizationContext) -> dict[str, Any]:
    return {"organization": context.organization_id, "user": context.acting_user()}


def _key(context: OrganizationContext, session_id: UUID) -> dict[str, Any]:
    return _member(context) | {"session": session_id}


def _no_session() -> NotFound:
    return NotFound("There is no such chat session.")


def _session(row: dict[str, Any]) -> Session:
    return Session(
        row["session_id"], row["title"], row["message_count"], row["created_at"], row["updated_at"]
    )


def _message(row: dict[str, Any]) -> Message:
    return Message(
        id=row["message_id"],
        session_id=row["session_id"],
        position=row["position"],
        actor=row["actor"],
        text=row["message"],
        sources=row["sources"],
        metadata=row["metadata"],
        created_at=row["created_at"],
    )
