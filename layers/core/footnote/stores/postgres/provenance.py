"""Records of provenance in Postgres: `chat.provenance`, written once and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from footnote.chat.provenance import (
    CurrentState,
    DocumentState,
    PassageState,
    Place,
    ProvenanceRecord,
    StoredAnswer,
)
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import NotFound
from footnote.stores.postgres.database import Cursor, Database

_INSERT = """
INSERT INTO chat.provenance
    (organization_id, message_id, session_id, user_id, created_at, record, digest)
VALUES
    (%(organization_id)s, %(message_id)s, %(session_id)s, %(user_id)s, %(created_at)s, %(record)s::json,
     decode(%(digest)s, 'hex'))
"""
_COLUMNS = """
    p.organization_id, p.message_id, p.session_id, p.user_id, p.created_at, p.record::text AS record,
    encode(p.digest, 'hex') AS digest"""
_READ = f"""
SELECT m.actor, m.message, m.sources, m.created_at AS stored_at, {_COLUMNS}
  FROM chat.messages m
  JOIN chat.sessions s ON s.organization_id = m.organization_id AND s.session_id = m.session_id
   AND s.deleted_at IS NULL
  LEFT JOIN chat.provenance p ON p.organization_id = m.organization_id AND p.message_id = m.message_id
 WHERE m.organization_id = %(organization_id)s AND m.message_id = %(message_id)s
   AND (m.user_id = %(user_id)s OR %(of_any_member)s)
"""  # noqa: S608 - constants only
_ORIGIN = f"""
SELECT {_COLUMNS} FROM chat.provenance p
 WHERE p.organization_id = %(organization_id)s AND p.message_id = %(message_id)s
"""  # noqa: S608 - constants only
_DOCUMENTS = """
SELECT document_id, title, active_version, deleted_at FROM knowledge.documents
 WHERE organization_id = %(organization_id)s AND document_id = ANY(%(document_ids)s)
"""
# Digests are computed now, of what is stored now: of the recorded chunks themselves and, where the document
# has another version by now, of all chunks of that one, which may have the passage under another number.
_PASSAGES = """
WITH place AS MATERIALIZED (
    SELECT p.chunk_id, p.document_id, p.digest AS recorded, c.text, d.active_version, c.version,
           encode(sha256(convert_to(c.text, 'UTF8')), 'hex') AS digest
      FROM unnest(%(chunk_ids)s::bigint[], %(document_ids)s::uuid[], %(digests)s::text[])
           AS p (chunk_id, document_id, digest)
      LEFT JOIN knowledge.chunks c ON c.organization_id = %(organization_id)s AND c.chunk_id = p.chunk_id
      LEFT JOIN knowledge.documents d ON d.organization_id = %(organization_id)s
       AND d.document_id = p.document_id AND d.deleted_at IS NULL
), moved AS MATERIALIZED (
    SELECT DISTINCT c.document_id, encode(sha256(convert_to(c.text, 'UTF8')), 'hex') AS digest
      FROM (SELECT DISTINCT document_id, active_version FROM place
             WHERE version IS DISTINCT FROM active_version) p
      JOIN knowledge.chunks c ON c.organization_id = %(organization_id)s AND c.document_id = p.document_id
       AND c.version = p.active_version
)
SELECT p.chunk_id, p.text, p.digest AS sha256,
       coalesce(p.version = p.active_version AND p.digest = p.recorded, false)
           OR EXISTS (SELECT FROM moved m WHERE m.document_id = p.document_id AND m.digest = p.recorded)
           AS stands
  FROM place p
"""


async def insert_record(cursor: Cursor, record: ProvenanceRecord) -> None:
    """Writes a record in the transaction of the turn that it belongs to."""
    await cursor.execute(
        _INSERT,
        {
            "organization_id": record.organization_id,
            "message_id": record.message_id,
            "session_id": record.session_id,
            "user_id": record.user_id,
            "created_at": record.created_at,
            "record": record.text,
            "digest": record.digest,
        },
    )


class PostgresProvenanceStore:
    """`ProvenanceStore` on Postgres.

    Args:
        database: Tenant transactions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(
        self, context: OrganizationContext, message_id: UUID, *, of_any_member: bool
    ) -> StoredAnswer:
        values = {
            "organization_id": context.organization_id,
            "user_id": context.acting_user(),
            "message_id": message_id,
            "of_any_member": of_any_member,
        }
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_READ, values)
            row = await cursor.fetchone()
        if row is None:
            raise NotFound("There is no such answer.")
        if row["actor"] != "assistant":
            raise NotFound("This message is a question. Ask for the explanation of the answer to it.")
        if row["record"] is None:
            raise NotFound("This answer was stored before records of provenance were kept; it has none.")
        return StoredAnswer(_record(row), row["digest"], row["message"], row["sources"])

    async def origin(self, context: OrganizationContext, message_id: UUID) -> ProvenanceRecord | None:
        values = {"organization_id": context.organization_id, "message_id": message_id}
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_ORIGIN, values)
            row = await cursor.fetchone()
        return _record(row) if row else None

    async def current(
        self, context: OrganizationContext, documents: Sequence[UUID], places: Sequence[Place]
    ) -> CurrentState:
        organization = {"organization_id": context.organization_id}
        values = {
            "chunk_ids": [place.chunk_id for place in places],
            "document_ids": [place.document_id for place in places],
            "digests": [place.sha256 for place in places],
        }
        async with self._database.tenant_tx(context, snapshot=True) as cursor:
            await cursor.execute(_DOCUMENTS, {**organization, "document_ids": list(documents)})
            found = [DocumentState(**row) for row in await cursor.fetchall()]
            await cursor.execute(_PASSAGES, {**organization, **values})
            passages = [PassageState(**row) for row in await cursor.fetchall()]
        return CurrentState(
            {document.document_id: document for document in found},
            {passage.chunk_id: passage for passage in passages},
        )


def _record(row: dict[str, Any]) -> ProvenanceRecord:
    return ProvenanceRecord(
        organization_id=row["organization_id"],
        message_id=row["message_id"],
        session_id=row["session_id"],
        user_id=row["user_id"],
        created_at=row["created_at"],
        text=row["record"],
    )
