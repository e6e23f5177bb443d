"""Documents in Postgres: announcing, listing, deleting."""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from footnote.knowledge.models import Document, DocumentStatus, Stage
from footnote.knowledge.ports import Announced, NewUpload, StoredObject
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import NotFound, TenantLeak
from footnote.platform.ids import new_id
from footnote.stores.postgres.database import Cursor, Database
from footnote.stores.postgres.document_levels import give_back_version
from footnote.stores.postgres.lexical_index import lock_corpus, remove_version

_COLUMNS = """
    organization_id, document_id, title, filename, format, source, status, stage, size_bytes, category, tags,
    active_version, unit_kind, units_total, units_read, chunk_count, language, failure_code, failure_reason,
    failure_retryable, duplicate_of, warnings, created_at, updated_at, created_by"""

_PREFIX = """
    (SELECT storage_prefix FROM core.organizations WHERE organization_id = %(organization_id)s)"""
_SAME_BYTES = f"""
    SELECT {_COLUMNS}, {_PREFIX} FROM knowledge.documents
     WHERE organization_id = %(organization_id)s AND content_sha256 = %(sha256)s
       AND active_version IS NOT NULL AND deleted_at IS NULL
"""
_ANNOUNCE = f"""
    INSERT INTO knowledge.documents (
        organization_id, document_id, title, title_given, filename, format, source, category, tags,
        size_bytes, status, stage, created_by)
    VALUES (
        %(organization_id)s, %(document_id)s, %(title)s, %(title_given)s, %(filename)s, %(format)s, 'upload',
        %(category)s, %(tags)s, %(size_bytes)s, 'pending', 'received', %(user_id)s)
    RETURNING {_COLUMNS}, {_PREFIX}
"""
_GET = f"""
    SELECT {_COLUMNS} FROM knowledge.documents
     WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s AND deleted_at IS NULL
"""
_PAGE = f"""
    SELECT {_COLUMNS} FROM knowledge.documents
     WHERE organization_id = %(organization_id)s AND deleted_at IS NULL
       AND status = coalesce(%(status)s, status) AND (status <> 'duplicate' OR %(status)s = 'duplicate')
       AND (%(created_at)s::timestamptz IS NULL
            OR (created_at, document_id) < (%(created_at)s::timestamptz, %(document_id)s::uuid))
     ORDER BY created_at DESC, document_id DESC LIMIT %(limit)s
"""
_LOCK_DOCUMENT = """
    SELECT active_version FROM knowledge.documents
     WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s AND deleted_at IS NULL
       FOR NO KEY UPDATE
"""
_STRIKE = """
    DELETE FROM knowledge.object_deletions d
     USING unnest(%(buckets)s::text[], %(keys)s::text[], %(versions)s::text[])
           AS gone (bucket, key, object_version)
     WHERE d.organization_id = %(organization_id)s AND d.bucket = gone.bucket AND d.key = gone.key
       AND d.object_version = gone.object_version
"""


class PostgresDocumentStore:
    """`footnote.knowledge.ports.DocumentStore` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def announce(self, context: OrganizationContext, upload: NewUpload) -> Announced:
        """See `DocumentStore.announce`."""
        async with self._database.tenant_tx(context) as cursor:
            known = None
            if upload.sha256 is not None:
                names = {"organization_id": context.organization_id, "sha256": upload.sha256}
                await cursor.execute(_SAME_BYTES, names)
                known = await cursor.fetchone()
            if known is None:
                await cursor.execute(_ANNOUNCE, _announcement(context, upload))
            row = known or await cursor.fetchone()
        assert row is not None
        return Announced(_document(context, row), known is None, row["storage_prefix"])

    async def get(self, context: OrganizationContext, document_id: UUID) -> Document:
        """See `DocumentStore.get`."""
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_GET, _names(context, document_id))
            row = await cursor.fetchone()
        if row is None:
            raise _not_found()
        return _document(context, row)

    async def page(
        self,
        context: OrganizationContext,
        *,
        status: DocumentStatus | None,
        before: tuple[datetime, UUID] | None,
        limit: int,
    ) -> list[Document]:
        """See `DocumentStore.page`."""
        created_at, document_id = before or (None, None)
        values = {
            "organization_id": context.organization_id,
            "status": status.value if status else None,
            "created_at": created_at,
            "document_id": document_id,
            "limit": limit,
        }
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_PAGE, values)
            return [_document(context, row) for row in await cursor.fetchall()]

    async def delete(self, context: OrganizationContext, document_id: UUID) -> list[StoredObject]:
        """See `DocumentStore.delete`."""
        # It may have to wait for the activation of a long document in the same organization.
        async with self._database.tenant_tx(context, background=True) as cursor:
            await lock_corpus(cursor, context.organization_id)
            await cursor.execute(_LOCK_DOCUMENT, _names(context, document_id))
            row = await cursor.fetchone()
            if row is None:
                raise _not_found()
            names = _names(context, document_id)
            await cursor.execute(_DUE_OBJECTS, names)
            due = await cursor.fetchall()
            await hide_document(cursor, names, row["active_version"])
        return [StoredObject(row["bucket"], row["key"], row["object_version"]) for row in due]

    async def objects_removed(self, context: OrganizationContext, items: Sequence[StoredObject]) -> None:
        """See `DocumentStore.objects_removed`."""
        values = {
            "organization_id": context.organization_id,
            "buckets": [item.bucket for item in items],
            "keys": [item.key for item in items],
            "versions": [item.version_id for item in items],
        }
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_STRIKE, values)


_END_VERSIONS = """
    UPDATE knowledge.document_versions SET stage = 'superseded', superseded_at = now(), fence = fence + 1
     WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s
       AND stage NOT IN ('superseded', 'purged')
"""
_HIDE = """
    UPDATE knowledge.documents SET active_version = NULL, deleted_at = now(), updated_at = now()
     WHERE organization_id = %(organization_id)s
       AND (document_id = %(document_id)s OR (duplicate_of = %(document_id)s AND deleted_at IS NULL))
"""
# Objects of the document now, and older versions that it once read; S3 keeps both.
_DUE_OBJECTS = """
    WITH gone AS (
        UPDATE knowledge.object_states SET is_deleted = true, updated_at = now()
         WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s AND NOT is_deleted
        RETURNING bucket, key, object_version
    )
    INSERT INTO knowledge.object_deletions (organization_id, bucket, key, object_version, due_at)
    SELECT %(organization_id)s, bucket, key, coalesce(object_version, ''), now() + interval '1 minute'
      FROM gone
     UNION
    SELECT organization_id, bucket, key, object_version, now() + interval '1 minute'
      FROM knowledge.document_versions
     WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s
       AND object_version IS NOT NULL
    ON CONFLICT DO NOTHING
    RETURNING bucket, key, object_version
"""


async def hide_document(cursor: Cursor, names: dict[str, Any], active_version: int | None) -> None:
    """Takes a document, and the duplicates that point to it, out of everything that is searched or shown.

    What it took of the organization's storage is given back in the same transaction.

    Args:
        cursor: Of a transaction that holds the locks of the corpus and of the document's row.
        names: `organization_id` and `document_id`.
        active_version: What the index holds of it.
    """
    if active_version is not None:
        await remove_version(cursor, names["organization_id"], names["document_id"], active_version)
    await cursor.execute(_HIDE, names)
    await cursor.execute(_END_VERSIONS, names)
    if active_version is not None:
        await give_back_version(cursor, names, active_version)


def _announcement(context: OrganizationContext, upload: NewUpload) -> dict[str, Any]:
    return {
        "organization_id": context.organization_id,
        "document_id": new_id(),
        "title": upload.title or upload.filename,
        "title_given": upload.title is not None,
        "filename": upload.filename,
        "format": upload.format,
        "category": upload.category,
        "tags": list(upload.tags),
        "size_bytes": upload.size_bytes,
        "user_id": context.user_id,
    }


def _names(context: OrganizationContext, document_id: UUID) -> dict[str, Any]:
    return {"organization_id": context.organization_id, "document_id": document_id}


def _not_found() -> NotFound:
    return NotFound("There is no document with this id.")


def _document(context: OrganizationContext, row: dict[str, Any]) -> Document:
    if row["organization_id"] != context.organization_id:
        raise TenantLeak("A document of another organization was read.")
    return Document(
        id=row["document_id"],
        title=row["title"],
        filename=row["filename"],
        format=row["format"],
        source=row["source"],
        status=DocumentStatus(row["status"]),
        stage=Stage(row["stage"]),
        size_bytes=row["size_bytes"],
        category=row["category"],
        tags=tuple(row["tags"]),
        version=row["active_version"],
        units_kind=row["unit_kind"],
        units_total=row["units_total"],
        units_read=row["units_read"],
        chunk_count=row["chunk_count"],
        language=row["language"],
        failure_code=row["failure_code"],
        failure_reason=row["failure_reason"],
        failure_retryable=row["failure_retryable"],
        duplicate_of=row["duplicate_of"],
        warnings=tuple(row["warnings"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        created_by=row["created_by"],
    )
