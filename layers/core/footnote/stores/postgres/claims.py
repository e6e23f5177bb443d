"""From object events to claimed work: the first half of the ingestion state machine (reliability.md, f).

The row of a key in `knowledge.object_states` holds its newest event. It is read without a lock and written
only if it still is what was read; whoever lost such a race reads again.
"""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

from footnote.knowledge.ports import IngestionJob, ObjectEvent
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict, ServiceUnavailable
from footnote.platform.ids import new_id, parse_id
from footnote.platform.settings import IngestionSettings
from footnote.stores.postgres.database import Cursor, Database
from footnote.stores.postgres.documents import hide_document
from footnote.stores.postgres.lexical_index import lock_corpus

_RACES = 5
_UPLOAD = re.compile(r"uploads/([0-9a-fA-F-]{36})/[^/]+")
OPEN_STAGES = "('received', 'scanned', 'parsed', 'chunked', 'embedded', 'staged')"

_LOOK = """
    SELECT s.sequencer, s.object_version, s.document_id,
           d.document_id IS NOT NULL AND d.deleted_at IS NULL AND NOT s.is_deleted AS document_lives,
           EXISTS (SELECT FROM knowledge.object_states o
                    WHERE o.organization_id = %(organization_id)s AND o.document_id = s.document_id
                      AND NOT o.is_deleted AND (o.bucket, o.key) <> (s.bucket, s.key)) AS document_shared,
           a.document_id AS announced_id, a.deleted_at IS NOT NULL AS announced_deleted,
           EXISTS (SELECT FROM knowledge.object_states o
                    WHERE o.organization_id = %(organization_id)s AND o.document_id = a.document_id
                      AND NOT o.is_deleted AND (o.bucket, o.key) <> (%(bucket)s, %(key)s)) AS announced_taken
      FROM (SELECT) AS one
      LEFT JOIN knowledge.object_states s
        ON s.organization_id = %(organization_id)s AND s.bucket = %(bucket)s AND s.key = %(key)s
      LEFT JOIN knowledge.documents d
        ON d.organization_id = %(organization_id)s AND d.document_id = s.document_id
      LEFT JOIN knowledge.documents a
        ON a.organization_id = %(organization_id)s AND a.document_id = %(announced_id)s
       AND a.source = 'upload' AND (a.filename = %(filename)s OR a.deleted_at IS NOT NULL)
"""
# A new version of a new or known document. It is claimed only if the key's row still is as it was read.
_RECEIVE = """
    WITH document AS (
        INSERT INTO knowledge.documents AS d (
            organization_id, document_id, title, filename, format, source, size_bytes, status, stage,
            last_version)
        VALUES (
            %(organization_id)s, %(document_id)s, %(filename)s, %(filename)s, %(format)s, 's3', %(size)s,
            'processing', 'received', 1)
        ON CONFLICT (organization_id, document_id) DO UPDATE SET
            status = 'processing', stage = 'received', last_version = d.last_version + 1, duplicate_of = NULL,
            size_bytes = excluded.size_bytes, failure_code = NULL, failure_reason = NULL,
            failure_retryable = false, updated_at = now()
         WHERE d.deleted_at IS NULL
        RETURNING document_id, last_version, filename, created_by,
                  CASE WHEN title_given THEN title END AS title
    ), state AS (
        INSERT INTO knowledge.object_states AS s (
            organization_id, bucket, key, sequencer, object_version, etag, size_bytes, document_id)
        SELECT %(organization_id)s, %(bucket)s, %(key)s, %(sequencer)s, %(object_version)s, %(etag)s,
               %(size)s, document_id FROM document
        ON CONFLICT (organization_id, bucket, key) DO UPDATE SET
            sequencer = excluded.sequencer, object_version = excluded.object_version, etag = excluded.etag,
            size_bytes = excluded.size_bytes, document_id = excluded.document_id, is_deleted = false,
            updated_at = now()
         WHERE s.sequencer = %(seen)s
        RETURNING document_id
    )
    INSERT INTO knowledge.document_versions (
        organization_id, document_id, version, bucket, key, object_version, sequencer, size_bytes, stage,
        attempts, fence, leased_until)
    SELECT %(organization_id)s, d.document_id, d.last_version, %(bucket)s, %(key)s, %(object_version)s,
           %(sequencer)s, %(size)s, 'received', 1, 1, now() + make_interval(secs => %(lease_s)s)
      FROM document d JOIN state USING (document_id)
    RETURNING document_id, version, object_version, size_bytes, attempts, fence,
              (SELECT filename FROM document) AS filename, (SELECT title FROM document) AS title,
              (SELECT created_by FROM document) AS created_by
"""
# A document that loses one of its objects is called after one that it keeps: sources name the right file.
_RENAME = """
    UPDATE knowledge.documents d SET filename = kept.name, updated_at = now()
      FROM (SELECT substring(o.key FROM '[^/]+$') AS name FROM knowledge.object_states o
             WHERE o.organization_id = %(organization_id)s AND o.document_id = %(shared_id)s
               AND NOT o.is_deleted AND (o.bucket, o.key) <> (%(bucket)s, %(key)s)
             ORDER BY o.updated_at, o.key LIMIT 1) kept
     WHERE d.organization_id = %(organization_id)s AND d.document_id = %(shared_id)s
       AND d.filename = %(filename)s
"""
_SUPERSEDE_OLDER = """
    UPDATE knowledge.document_versions SET stage = 'superseded', superseded_at = now(), fence = fence + 1
     WHERE organization_id = %(organization_id)s AND bucket = %(bucket)s AND key = %(key)s
       AND sequencer < %(sequencer)s AND stage NOT IN ('active', 'superseded', 'purged')
"""
# The same event again: go on where the last worker stopped, if it did.
_RESUME = f"""
    UPDATE knowledge.document_versions v SET
        attempts = CASE WHEN v.stage = 'failed' THEN 1 ELSE v.attempts + 1 END,
        stage = 'received', fence = v.fence + 1, leased_until = now() + make_interval(secs => %(lease_s)s),
        failure_code = NULL, failure_reason = NULL, failure_retryable = false
      FROM knowledge.documents d
     WHERE v.organization_id = %(organization_id)s AND v.bucket = %(bucket)s AND v.key = %(key)s
       AND v.sequencer = %(sequencer)s AND v.leased_until < clock_timestamp()
       AND (v.stage IN {OPEN_STAGES} OR v.stage = 'failed' AND v.failure_retryable)
       AND d.organization_id = v.organization_id AND d.document_id = v.document_id AND d.deleted_at IS NULL
    RETURNING v.document_id, v.version, v.object_version, v.size_bytes, v.attempts, v.fence, d.filename,
              CASE WHEN d.title_given THEN d.title END AS title, d.created_by
"""
_LEASED = f"""
    SELECT ceil(extract(epoch FROM leased_until - clock_timestamp()))::int AS wait_s
      FROM knowledge.document_versions
     WHERE organization_id = %(organization_id)s AND bucket = %(bucket)s AND key = %(key)s
       AND sequencer = %(sequencer)s AND stage IN {OPEN_STAGES}
"""
_LOCK_DOCUMENT_OF_EVENT = """
    SELECT FROM knowledge.documents d JOIN knowledge.document_versions v USING (organization_id, document_id)
     WHERE v.organization_id = %(organization_id)s AND v.bucket = %(bucket)s AND v.key = %(key)s
       AND v.sequencer = %(sequencer)s
       FOR NO KEY UPDATE OF d
"""
_SHOW_PROCESSING = """
    UPDATE knowledge.documents
       SET status = 'processing', stage = 'received', failure_code = NULL, failure_reason = NULL,
           failure_retryable = false, updated_at = now()
     WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s
       AND last_version = %(version)s
"""
_TOMBSTONE = """
    INSERT INTO knowledge.object_states AS s (
        organization_id, bucket, key, sequencer, is_deleted, document_id)
    VALUES (%(organization_id)s, %(bucket)s, %(key)s, %(sequencer)s, true, %(document_id)s)
    ON CONFLICT (organization_id, bucket, key) DO UPDATE
        SET sequencer = excluded.sequencer, is_deleted = true, updated_at = now()
     WHERE s.sequencer = %(seen)s
    RETURNING true AS written
"""
_LOCK_DOCUMENT = """
    SELECT active_version FROM knowledge.documents
     WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s AND deleted_at IS NULL
       FOR NO KEY UPDATE
"""
_REMOVE_ORPHAN = """
    INSERT INTO knowledge.object_deletions (organization_id, bucket, key, object_version)
    VALUES (%(organization_id)s, %(bucket)s, %(key)s, coalesce(%(object_version)s, ''))
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was known of a key when the event was looked at."""

    sequencer: str | None
    object_version: str | None
    document_id: UUID | None
    document_lives: bool
    document_shared: bool
    announced_id: UUID | None
    announced_deleted: bool
    announced_taken: bool


class _LostRace(Exception):
    """The key's row changed between reading and writing."""


class Claims:
    """Turns object events into claimed jobs.

    Args:
        database: The system of record.
        settings: Lease and attempts.
    """

    def __init__(self, database: Database, settings: IngestionSettings) -> None:
        self._database = database
        self._settings = settings

    async def claim(
        self, context: OrganizationContext, event: ObjectEvent, prefix: str
    ) -> IngestionJob | None:
        """See `IngestionStore.claim`."""
        values = self._values(context, event, prefix)
        for _ in range(_RACES):
            try:
                async with self._database.tenant_tx(context, background=True) as cursor:
                    if event.created:
                        return await self._created(cursor, event, values)
                    await self._removed(cursor, event, values)
                    return None
            except _LostRace:
                continue
        raise ServiceUnavailable("The object's events come faster than they can be recorded.")

    def _values(self, context: OrganizationContext, event: ObjectEvent, prefix: str) -> dict[str, Any]:
        relative = event.key.removeprefix(prefix)
        upload = _UPLOAD.fullmatch(relative)
        filename = PurePosixPath(event.key).name[:255]
        return {
            "organization_id": context.organization_id,
            "bucket": event.bucket,
            "key": event.key,
            "sequencer": padded(event.sequencer),
            "object_version": event.version_id,
            "etag": event.etag,
            "size": event.size,
            "announced_id": parse_id(upload[1]) if upload else None,
            "filename": filename,
            "format": PurePosixPath(filename).suffix.removeprefix(".").lower()[:16],
            "lease_s": self._settings.lease_s,
        }

    async def _created(
        self, cursor: Cursor, event: ObjectEvent, values: dict[str, Any]
    ) -> IngestionJob | None:
        seen = await _look(cursor, values)
        if seen.sequencer is not None and seen.sequencer > values["sequencer"]:
            return None
        if seen.sequencer == values["sequencer"]:
            return await self._again(cursor, event, values)
        document_id = _target(seen)
        if document_id is None:
            # Announced, deleted, and then uploaded: the bytes are not wanted any more.
            await cursor.execute(_REMOVE_ORPHAN, values)
            return None
        await _leave(cursor, values, seen)
        receive = {**values, "document_id": document_id, "seen": seen.sequencer}
        await cursor.execute(_RECEIVE, receive)
        row = await cursor.fetchone()
        if row is None:
            raise _LostRace
        if seen.sequencer is not None:
            await cursor.execute(_SUPERSEDE_OLDER, values)
        return _job(event, row)

    async def _again(self, cursor: Cursor, event: ObjectEvent, values: dict[str, Any]) -> IngestionJob | None:
        await cursor.execute(_LOCK_DOCUMENT_OF_EVENT, values)
        await cursor.execute(_RESUME, values)
        if row := await cursor.fetchone():
            await cursor.execute(_SHOW_PROCESSING, {**values, **row})
            return _job(event, row)
        await cursor.execute(_LEASED, values)
        if leased := await cursor.fetchone():
            wait_s = max(1, leased["wait_s"])
            raise Conflict("Another worker is reading this document.", retry_after_s=wait_s)
        return None

    @staticmethod
    async def _removed(cursor: Cursor, event: ObjectEvent, values: dict[str, Any]) -> None:
        seen = await _look(cursor, values)
        if seen.sequencer is not None and seen.sequencer >= values["sequencer"]:
            return
        if _removes_old_version(event, seen):
            return
        await lock_corpus(cursor, values["organization_id"])
        await _leave(cursor, values, seen)
        ends = seen.document_id if seen.document_lives and not seen.document_shared else None
        if seen.sequencer is None and not seen.announced_taken:
            ends = seen.announced_id
        active = await _lock_document(cursor, values, ends) if ends else None
        tombstone = {**values, "document_id": seen.document_id or ends, "seen": seen.sequencer}
        await cursor.execute(_TOMBSTONE, tombstone)
        if await cursor.fetchone() is None:
            raise _LostRace
        await cursor.execute(_SUPERSEDE_OLDER, values)
        if ends and active is not None:
            await hide_document(cursor, {**values, "document_id": ends}, active["active_version"])


def padded(sequencer: str) -> str:
    """An S3 sequencer in the form in which two of one key compare as text: hexadecimal, right-padded.

    Source: Amazon S3 User Guide, "Event message structure".
    """
    return sequencer.upper().ljust(64, "0")[:64]


async def _look(cursor: Cursor, values: dict[str, Any]) -> _Seen:
    await cursor.execute(_LOOK, values)
    row = await cursor.fetchone()
    assert row is not None
    return _Seen(**row)


def _target(seen: _Seen) -> UUID | None:
    """The document that a newly written object becomes a version of; `None`: of none, it was deleted.

    The key's own document if it lives and has no other objects: those still hold the bytes it has now.
    """
    if seen.document_id and seen.document_lives and not seen.document_shared:
        return seen.document_id
    if seen.announced_id is None or seen.announced_taken:
        return new_id()
    return None if seen.announced_deleted else seen.announced_id


async def _leave(cursor: Cursor, values: dict[str, Any], seen: _Seen) -> None:
    """Takes the key's name off a document that goes on with other objects."""
    if seen.document_lives and seen.document_shared:
        await cursor.execute(_RENAME, {**values, "shared_id": seen.document_id})


def _removes_old_version(event: ObjectEvent, seen: _Seen) -> bool:
    """Whether only a version that was not the newest one was taken away."""
    if event.delete_marker or event.version_id is None or seen.sequencer is None:
        return False
    return event.version_id != seen.object_version


async def _lock_document(cursor: Cursor, values: dict[str, Any], document_id: UUID) -> dict[str, Any] | None:
    await cursor.execute(_LOCK_DOCUMENT, {**values, "document_id": document_id})
    return await cursor.fetchone()


def _job(event: ObjectEvent, row: dict[str, Any]) -> IngestionJob:
    return IngestionJob(
        document_id=row["document_id"],
        version=row["version"],
        bucket=event.bucket,
        key=event.key,
        object_version=row["object_version"],
        filename=row["filename"],
        size=row["size_bytes"],
        attempt=row["attempts"],
        fence=row["fence"],
        title=row["title"],
        user_id=row["created_by"],
    )
