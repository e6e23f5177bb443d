"""Golden sets in Postgres: `evaluation.sets` and `evaluation.questions`."""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from footnote.evaluation import AnsweredMessage, Creation, GoldenQuestion, GoldenSet
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict, InvalidRequest, NotFound
from footnote.stores.postgres.database import Cursor, Database

_HISTORY_TURNS = 12
_COLUMNS = "set_id, name, description, question_count, revision, created_by, created_at, updated_at"
_SET = f"""
SELECT {_COLUMNS} FROM evaluation.sets
 WHERE organization_id = %(organization)s AND set_id = %(set)s
"""
_SETS = f"""
SELECT {_COLUMNS} FROM evaluation.sets
 WHERE organization_id = %(organization)s ORDER BY created_at DESC, set_id DESC
"""
_SET_OF_REQUEST = f"""
SELECT {_COLUMNS}, request_digest FROM evaluation.sets
 WHERE organization_id = %(organization)s AND request_key = %(request_key)s
"""
_COUNT = "SELECT count(*) AS sets FROM evaluation.sets WHERE organization_id = %(organization)s"
_CREATE = f"""
INSERT INTO evaluation.sets
    (organization_id, set_id, name, description, request_key, request_digest, created_by)
VALUES (%(organization)s, %(set)s, %(name)s, %(description)s, %(request_key)s, %(request_digest)s, %(user)s)
ON CONFLICT (organization_id, name) DO NOTHING
RETURNING {_COLUMNS}
"""
_DELETE = "DELETE FROM evaluation.sets WHERE organization_id = %(organization)s AND set_id = %(set)s"
_LOCK = f"{_SET} FOR UPDATE"
_CHANGED = f"""
UPDATE evaluation.sets SET question_count = %(count)s, revision = revision + 1, updated_at = now()
 WHERE organization_id = %(organization)s AND set_id = %(set)s
RETURNING {_COLUMNS}
"""
_CLEAR = "DELETE FROM evaluation.questions WHERE organization_id = %(organization)s AND set_id = %(set)s"
_INSERT = """
INSERT INTO evaluation.questions (organization_id, set_id, position, question_id, message_id, question)
SELECT %(organization)s, %(set)s, %(first)s + place - 1,
       (one ->> 'id')::uuid, (one ->> 'message_id')::uuid, one
  FROM jsonb_array_elements(%(questions)s) WITH ORDINALITY AS given (one, place)
"""
_JUDGE_AGAIN = """
UPDATE evaluation.questions SET message_id = %(message_id)s, question = %(question)s
 WHERE organization_id = %(organization)s AND set_id = %(set)s AND question_id = %(question_id)s
"""
_QUESTIONS = """
SELECT position, question FROM evaluation.questions
 WHERE organization_id = %(organization)s AND set_id = %(set)s AND position > %(after)s
 ORDER BY position LIMIT %(limit)s
"""
_KNOWN_DOCUMENTS = """
SELECT document_id FROM knowledge.documents
 WHERE organization_id = %(organization)s AND document_id = ANY(%(ids)s) AND deleted_at IS NULL
"""
# The answer, the question before it, and what was said before that; only of the member's own conversations.
_CONVERSATION = """
SELECT m.position, m.message_id, m.actor, m.message, m.sources, answer.position AS answered
  FROM chat.messages answer
  JOIN chat.sessions s ON s.organization_id = answer.organization_id AND s.session_id = answer.session_id
   AND s.deleted_at IS NULL
  JOIN chat.messages m ON m.organization_id = answer.organization_id AND m.session_id = answer.session_id
   AND m.position BETWEEN answer.position - 1 - %(turns)s AND answer.position
 WHERE answer.organization_id = %(organization)s AND answer.message_id = %(message_id)s
   AND answer.user_id = %(user)s AND answer.actor = 'assistant'
 ORDER BY m.position
"""


class PostgresGoldenSetStore:
    """`GoldenSetStore` on Postgres.

    Args:
        database: Tenant transactions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_set(
        self, context: OrganizationContext, golden: tuple[UUID, str, str], creation: Creation, most: int
    ) -> tuple[GoldenSet, bool]:
        set_id, name, description = golden
        values = creation_values(context, creation) | {
            "set": set_id,
            "name": name,
            "description": description,
        }
        async with self._database.tenant_tx(context) as cursor:
            if row := await created_before(cursor, _SET_OF_REQUEST, values):
                return _golden_set(row), False
            await cursor.execute(_COUNT, values)
            counted = await cursor.fetchone()
            if counted is not None and counted["sets"] >= most:
                raise Conflict(f"An organization has at most {most} golden sets. Delete one first.")
            await cursor.execute(_CREATE, values)
            row = await cursor.fetchone()
        if row is None:
            raise Conflict(f"A golden set called '{name}' exists already.")
        return _golden_set(row), True

    async def sets(self, context: OrganizationContext) -> list[GoldenSet]:
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_SETS, {"organization": context.organization_id})
            return [_golden_set(row) for row in await cursor.fetchall()]

    async def get_set(self, context: OrganizationContext, set_id: UUID) -> GoldenSet:
        async with self._database.tenant_tx(context) as cursor:
            return _golden_set(await _found(cursor, _SET, _key(context, set_id)))

    async def delete_set(self, context: OrganizationContext, set_id: UUID) -> None:
        async with self._database.tenant_tx(context, background=True) as cursor:
            await cursor.execute(_DELETE, _key(context, set_id))
            if cursor.rowcount == 0:
                raise no_set()

    async def replace_questions(
        self, context: OrganizationContext, set_id: UUID, questions: Sequence[GoldenQuestion]
    ) -> GoldenSet:
        values = _key(context, set_id) | {
            "first": 1,
            "count": len(questions),
            "questions": Jsonb([question.as_json() for question in questions]),
        }
        async with self._database.tenant_tx(context, background=True) as cursor:
            await _found(cursor, _LOCK, values)
            await cursor.execute(_CLEAR, values)
            await cursor.execute(_INSERT, values)
            return _golden_set(await _found(cursor, _CHANGED, values))

    async def add_question(
        self, context: OrganizationContext, set_id: UUID, question: GoldenQuestion, most: int
    ) -> GoldenQuestion:
        values = _key(context, set_id) | {
            "question_id": question.id,
            "message_id": question.message_id,
            "question": Jsonb(question.as_json()),
            "questions": Jsonb([question.as_json()]),
        }
        async with self._database.tenant_tx(context) as cursor:
            known = await _found(cursor, _LOCK, values)
            count = known["question_count"]
            await cursor.execute(_JUDGE_AGAIN, values)
            if cursor.rowcount == 0:
                if count >= most:
                    raise Conflict(f"A golden set has at most {most} questions.")
                count += 1
                await cursor.execute(_INSERT, values | {"first": count})
            await cursor.execute(_CHANGED, values | {"count": count})
        return question

    async def questions(
        self, context: OrganizationContext, set_id: UUID, *, after: int, limit: int
    ) -> list[tuple[int, GoldenQuestion]]:
        values = _key(context, set_id) | {"after": after, "limit": limit}
        async with self._database.tenant_tx(context) as cursor:
            await _found(cursor, _SET, values)
            await cursor.execute(_QUESTIONS, values)
            rows = await cursor.fetchall()
        return [(row["position"], GoldenQuestion.from_json(row["question"])) for row in rows]

    async def unknown_documents(
        self, context: OrganizationContext, document_ids: Sequence[UUID]
    ) -> set[UUID]:
        values = {"organization": context.organization_id, "ids": list(document_ids)}
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_KNOWN_DOCUMENTS, values)
            known = {row["document_id"] for row in await cursor.fetchall()}
        return set(document_ids) - known

    async def answered_message(self, context: OrganizationContext, message_id: UUID) -> AnsweredMessage:
        values = {
            "organization": context.organization_id,
            "user": context.acting_user(),
            "message_id": message_id,
            "turns": _HISTORY_TURNS,
        }
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_CONVERSATION, values)
            rows = await cursor.fetchall()
        if len(rows) < 2:
            raise NotFound("There is no such answer in your conversations.")
        *earlier, question, answer = rows
        return AnsweredMessage(
            message_id=answer["message_id"],
            question=question["message"],
            answer=answer["message"],
            history=tuple((row["actor"], row["message"]) for row in earlier),
            sources=tuple(answer["sources"]),
        )


def creation_values(context: OrganizationContext, creation: Creation) -> dict[str, Any]:
    """What every created row has: whose it is, and the request that made it. Keys are each member's own."""
    return {
        "organization": context.organization_id,
        "user": context.user_id,
        "request_key": creation.key and f"{context.user_id} {creation.key}",
        "request_digest": creation.digest,
    }


async def created_before(cursor: Cursor, statement: str, values: dict[str, Any]) -> dict[str, Any] | None:
    """The row that the same request made before, after creations of the organization have taken turns.

    Raises:
        InvalidRequest: The idempotency key was used for another request.
    """
    lock = "SELECT pg_advisory_xact_lock(hashtextextended('evaluation ' || %(organization)s::text, 0))"
    await cursor.execute(lock, values)
    if values["request_key"] is None:
        return None
    await cursor.execute(statement, values)
    row = await cursor.fetchone()
    if row is not None and row["request_digest"] != values["request_digest"]:
        raise InvalidRequest("This Idempotency-Key was used for another request. Choose a new one.")
    return row


def no_set() -> NotFound:
    """The one answer for sets that do not exist and sets of others."""
    return NotFound("There is no such golden set.")


def _key(context: OrganizationContext, set_id: UUID) -> dict[str, Any]:
    return {"organization": context.organization_id, "set": set_id}


async def _found(cursor: Cursor, statement: str, values: dict[str, Any]) -> dict[str, Any]:
    await cursor.execute(statement, values)
    row = await cursor.fetchone()
    if row is None:
        raise no_set()
    return row


def _golden_set(row: dict[str, Any]) -> GoldenSet:
    return GoldenSet(
        id=row["set_id"],
        name=row["name"],
        description=row["description"],
        questions=row["question_count"],
        revision=row["revision"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
