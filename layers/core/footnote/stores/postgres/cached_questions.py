"""The questions whose answers are cached, to be found by meaning: an exact scan of one short list."""

from __future__ import annotations

from collections.abc import Sequence

from footnote.chat.caching.ports import CachedQuestion, NearQuestion
from footnote.platform.context import OrganizationContext
from footnote.stores.postgres.database import Database
from footnote.stores.postgres.vectors import vector_literal

# Materialised: vectors of another model, and so perhaps of another length, are never compared.
_NEAREST = """
    WITH listed AS MATERIALIZED (
        SELECT question, entry, embedding, asked_at FROM chat.cached_questions
         WHERE organization_id = %(organization_id)s AND scope = %(scope)s AND expires_at > now()
    )
    SELECT question, entry, asked_at, 1 - (embedding <=> %(vector)s::halfvec) AS similarity
      FROM listed ORDER BY embedding <=> %(vector)s::halfvec, entry LIMIT %(limit)s
"""
_ADD = """
    INSERT INTO chat.cached_questions (organization_id, scope, entry, question, embedding, asked_at,
    expires_at) VALUES (%(organization_id)s, %(scope)s, %(entry)s, %(question)s, %(vector)s::halfvec,
    %(asked_at)s,
            now() + make_interval(secs => %(ttl_s)s))
    ON CONFLICT (organization_id, scope, entry) DO UPDATE
        SET question = excluded.question, embedding = excluded.embedding, asked_at = excluded.asked_at,
            expires_at = excluded.expires_at
"""
_TRIM = """
    DELETE FROM chat.cached_questions
     WHERE organization_id = %(organization_id)s AND scope = %(scope)s AND entry IN (
        SELECT entry FROM chat.cached_questions
         WHERE organization_id = %(organization_id)s AND scope = %(scope)s
         ORDER BY asked_at DESC, entry OFFSET %(keep)s)
"""
_REMOVE = """
    DELETE FROM chat.cached_questions
     WHERE organization_id = %(organization_id)s AND scope = %(scope)s AND entry = %(entry)s
"""


class PostgresQuestionIndex:
    """`footnote.chat.caching.QuestionIndex` on Postgres.

    Args:
        database: Transactions.
        keep: The most recent questions of a scope that are kept.
    """

    def __init__(self, database: Database, keep: int) -> None:
        self._database = database
        self._keep = keep

    async def nearest(
        self, context: OrganizationContext, scope: str, vector: Sequence[float], limit: int
    ) -> list[NearQuestion]:
        """See `QuestionIndex.nearest`."""
        values = {"vector": vector_literal(vector), "limit": limit}
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_NEAREST, _values(context, scope) | values)
            rows = await cursor.fetchall()
        return [
            NearQuestion(row["question"], row["entry"], row["similarity"], row["asked_at"]) for row in rows
        ]

    async def add(
        self,
        context: OrganizationContext,
        scope: str,
        question: CachedQuestion,
        vector: Sequence[float],
        ttl_s: int,
    ) -> None:
        """See `QuestionIndex.add`."""
        values = {
            "entry": question.entry,
            "question": question.text,
            "asked_at": question.asked_at,
            "vector": vector_literal(vector),
            "ttl_s": ttl_s,
        }
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_ADD, _values(context, scope) | values)
            await cursor.execute(_TRIM, _values(context, scope) | {"keep": self._keep})

    async def remove(self, context: OrganizationContext, scope: str, entry: str) -> None:
        """See `QuestionIndex.remove`."""
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_REMOVE, _values(context, scope) | {"entry": entry})


def _values(context: OrganizationContext, scope: str) -> dict[str, object]:
    return {"organization_id": context.organization_id, "scope": scope}
