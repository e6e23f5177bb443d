"""From claimed jobs to active versions: the second half of the ingestion state machine (reliability.md, f).

Every statement that writes for a job names its fence. A worker that lost its lease finds no row and stops.
"""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from psycopg.errors import UniqueViolation

from footnote.knowledge.models import ChunkDraft, Stage
from footnote.knowledge.ports import (
    DuplicateContent,
    Failure,
    IngestionJob,
    KeyOwner,
    ObjectEvent,
    Progress,
    StagedVersion,
    Superseded,
)
from footnote.models.ports import EmbeddingModel, PassageVectors
from footnote.platform.context import OrganizationContext
from footnote.platform.settings import IngestionSettings, RetrievalSettings
from footnote.quota import Meter, Settlement
from footnote.stores.postgres import lexical_index
from footnote.stores.postgres.claims import OPEN_STAGES, Claims
from footnote.stores.postgres.database import Cursor, Database
from footnote.stores.postgres.document_levels import charge_version, levels_of
from footnote.stores.postgres.duplicates import find_same_bytes, tie
from footnote.stores.postgres.fenced_holds import end_earlier_hold
from footnote.stores.postgres.lexical_index import LEXEMES, analysis
from footnote.stores.postgres.staging import JOB, MINE, stage_chunks, stored_ordinals, unstage
from footnote.stores.postgres.vectors import EmbeddingModels

# Owners of key prefixes that one process remembers.
_OWNERS = 10_000
_OWNER = "SELECT organization_id, storage_prefix FROM ingestion.owner_of(%(key)s)"
# In the order in which all transactions lock: the document, then the version.
_PROGRESS = f"""
    WITH shown AS (
        UPDATE knowledge.documents
           SET stage = %(stage)s, units_total = %(units_total)s, units_read = %(units_read)s,
               chunk_count = %(chunks)s, updated_at = now()
         WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s AND deleted_at IS NULL
        RETURNING true
    )
    UPDATE knowledge.document_versions
       SET stage = %(stage)s, units_total = %(units_total)s, units_read = %(units_read)s,
           leased_until = now() + make_interval(secs => %(lease_s)s)
     WHERE {MINE} AND (SELECT true FROM shown)
"""
_LOCK_DOCUMENT = """
    SELECT FROM knowledge.documents
     WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s FOR NO KEY UPDATE
"""
# What the switch depends on, locked: the document, the newest event of the key, the version.
_LOCK_SWITCH = f"""
    SELECT d.active_version
      FROM knowledge.documents d
      JOIN knowledge.object_states s USING (organization_id, document_id)
      JOIN knowledge.document_versions v USING (organization_id, document_id, bucket, key, sequencer)
     WHERE d.organization_id = %(organization_id)s AND d.document_id = %(document_id)s
       AND d.deleted_at IS NULL AND s.bucket = %(bucket)s AND s.key = %(key)s AND NOT s.is_deleted
       AND v.version = %(version)s AND v.fence = %(fence)s AND v.stage IN {OPEN_STAGES}
       FOR NO KEY UPDATE
"""
_COMPLETE = f"""
    SELECT count(*) = %(chunk_count)s
       AND coalesce(bool_and(coalesce(v.embedding_model_id = %(model_id)s, false)), true) AS complete
      FROM knowledge.chunks
      LEFT JOIN knowledge.chunk_vectors v USING (organization_id, chunk_id, document_id, version)
     WHERE {JOB}
"""
_SWITCH = f"""
    WITH older AS (
        UPDATE knowledge.document_versions SET stage = 'superseded', superseded_at = now()
         WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s AND stage = 'active'
    ), switched AS (
        UPDATE knowledge.document_versions
           SET stage = 'active', activated_at = now(), leased_until = now(), content_sha256 = %(sha256)s,
               size_bytes = %(size)s, unit_kind = %(unit_kind)s, units_total = %(units_total)s,
               units_read = %(units_read)s,
               characters = %(characters)s, chunk_count = %(chunk_count)s,
               embedding_model_id = %(model_id)s
         WHERE {JOB}
    )
    UPDATE knowledge.documents
       SET active_version = %(version)s, content_sha256 = %(sha256)s, status = 'completed', stage = 'active',
           title = CASE WHEN title_given THEN title ELSE %(title)s END, format = %(format)s,
           title_lexemes = (
               SELECT {LEXEMES.format("t")}
                 FROM (SELECT to_tsvector('english', %(common)s) AS plain, %(native)s::text AS native,
                              %(configuration)s::text AS configuration) t),
           size_bytes = %(size)s, language = %(language)s, unit_kind = %(unit_kind)s,
           units_total = %(units_total)s, units_read = %(units_read)s, chunk_count = %(chunk_count)s,
           warnings = %(warnings)s, duplicate_of = NULL, failure_code = NULL, failure_reason = NULL,
           failure_retryable = false, updated_at = now()
     WHERE organization_id = %(organization_id)s AND document_id = %(document_id)s
"""
_LOCK_JOB = f"SELECT FROM knowledge.document_versions WHERE {MINE} FOR NO KEY UPDATE"
_FAIL = f"""
    WITH failed AS (
        UPDATE knowledge.document_versions
           SET stage = %(status)s, failure_code = %(code)s, failure_reason = %(reason)s,
               failure_retryable = %(retryable)s, leased_until = now()
         WHERE {MINE} RETURNING organization_id, document_id, version
    )
    UPDATE knowledge.documents d
       SET status = %(status)s, stage = %(status)s, failure_code = %(code)s, failure_reason = %(reason)s,
           failure_retryable = %(retryable)s, updated_at = now()
      FROM failed f
     WHERE d.organization_id = f.organization_id AND d.document_id = f.document_id
       AND d.last_version = f.version
"""
_RELEASE = f"UPDATE knowledge.document_versions SET leased_until = now() WHERE {MINE}"


class PostgresIngestionStore:
    """`footnote.knowledge.ports.IngestionStore` on Postgres.

    Args:
        database: The system of record.
        settings: Lease and attempts.
        retrieval: Parameters of BM25, which the stored impacts depend on.
    """

    def __init__(self, database: Database, settings: IngestionSettings, retrieval: RetrievalSettings) -> None:
        self._database = database
        self._settings = settings
        self._retrieval = retrieval
        self._claims = Claims(database, settings)
        self._models = EmbeddingModels(database)
        self._owners: dict[str, KeyOwner] = {}

    async def owner_of(self, key: str) -> KeyOwner | None:
        """See `IngestionStore.owner_of`. No prefix lies within another and none is ever given to another."""
        first, _, rest = key.partition("/")
        second, slash, _ = rest.partition("/")
        folders = f"{first}/{second}{slash}"
        if folders not in self._owners:
            async with self._database.definer_tx(background=True) as cursor:
                await cursor.execute(_OWNER, {"key": key})
                row = await cursor.fetchone()
            if row is None:
                return None
            if len(self._owners) >= _OWNERS:
                self._owners.clear()
            self._owners[row["storage_prefix"]] = KeyOwner(row["organization_id"], row["storage_prefix"])
        return self._owners.get(folders)

    async def claim(
        self, context: OrganizationContext, event: ObjectEvent, prefix: str
    ) -> IngestionJob | None:
        """See `IngestionStore.claim`."""
        return await self._claims.claim(context, event, prefix)

    async def progress(self, context: OrganizationContext, job: IngestionJob, progress: Progress) -> None:
        """See `IngestionStore.progress`."""
        async with self._database.tenant_tx(context, background=True) as cursor:
            await _show(cursor, self._names(context, job), progress)

    async def resolve_duplicate(self, context: OrganizationContext, job: IngestionJob, sha256: str) -> bool:
        """See `IngestionStore.resolve_duplicate`."""
        names = {**self._names(context, job), "sha256": sha256}
        async with self._database.tenant_tx(context, background=True) as cursor:
            if await find_same_bytes(cursor, names) is None:
                return False
            await lexical_index.lock_corpus(cursor, context.organization_id)
            first_id = await find_same_bytes(cursor, names)
            if first_id is None:
                return False
            await tie(cursor, {**names, "first_id": first_id})
        return True

    async def prepare_hold(
        self, context: OrganizationContext, job: IngestionJob, hold_id: UUID, size: int
    ) -> Mapping[Meter, int]:
        """See `IngestionStore.prepare_hold`."""
        names = self._names(context, job)
        async with self._database.tenant_tx(context, background=True) as cursor:
            await cursor.execute(_LOCK_JOB, names)
            if await cursor.fetchone() is None:
                raise Superseded
            levels = await levels_of(cursor, names, size)
            await end_earlier_hold(cursor, context.organization_id, hold_id)
        return levels

    async def stored_ordinals(
        self,
        context: OrganizationContext,
        job: IngestionJob,
        chunks: Sequence[ChunkDraft],
        model: EmbeddingModel,
    ) -> set[int]:
        """See `IngestionStore.stored_ordinals`."""
        names = await self._names_with_model(context, job, model)
        async with self._database.tenant_tx(context, background=True) as cursor:
            return await stored_ordinals(cursor, names, chunks)

    async def stage(
        self,
        context: OrganizationContext,
        job: IngestionJob,
        version: StagedVersion,
        chunks: Sequence[ChunkDraft],
        vectors: Sequence[PassageVectors],
    ) -> None:
        """See `IngestionStore.stage`."""
        names = await self._names_with_model(context, job, version.model)
        async with self._database.tenant_tx(context, background=True) as cursor:
            await stage_chunks(cursor, names, version, chunks, vectors)
            chunks_so_far = chunks[-1].ordinal + 1
            progress = Progress(Stage.EMBEDDED, version.units_total, version.units_read, chunks_so_far)
            await _show(cursor, names, progress)

    async def activate(
        self,
        context: OrganizationContext,
        job: IngestionJob,
        version: StagedVersion,
        chunks: Sequence[ChunkDraft],
        vectors: Sequence[PassageVectors],
        charge: Settlement | None = None,
    ) -> None:
        """See `IngestionStore.activate`."""
        names = await self._names_with_model(context, job, version.model)
        try:
            async with self._database.tenant_tx(context, background=True) as cursor:
                stored = await stage_chunks(cursor, names, version, chunks, vectors) if chunks else 0
                levels = await self._switch(cursor, names, version, is_complete=stored == version.chunk_count)
                await charge_version(cursor, names, levels, charge)
        except UniqueViolation as error:
            if error.diag.constraint_name != "documents_content":
                raise
            raise DuplicateContent from error

    async def _switch(
        self, cursor: Cursor, names: dict[str, Any], version: StagedVersion, *, is_complete: bool
    ) -> dict[Meter, int]:
        """Makes the version the active one; how that changes what is stored."""
        organization_id, document_id = names["organization_id"], names["document_id"]
        await lexical_index.lock_corpus(cursor, organization_id)
        await cursor.execute(_LOCK_SWITCH, names)
        current = await cursor.fetchone()
        if current is None:
            raise Superseded
        if not is_complete:
            await _demand_all_chunks(cursor, {**names, "chunk_count": version.chunk_count})
        levels = await levels_of(cursor, names, version.size)
        if current["active_version"] is not None:
            await lexical_index.remove_version(
                cursor, organization_id, document_id, current["active_version"]
            )
        await cursor.execute(_SWITCH, {**names, **_described(version)})
        await lexical_index.add_version(
            cursor,
            organization_id,
            document_id,
            names["version"],
            k1=self._retrieval.bm25_k1,
            b=self._retrieval.bm25_b,
        )
        return levels

    async def fail(self, context: OrganizationContext, job: IngestionJob, failure: Failure) -> None:
        """See `IngestionStore.fail`."""
        names = self._names(context, job)
        values = {
            "status": failure.status.value,
            "code": failure.code,
            "reason": failure.reason,
            "retryable": failure.retryable,
        }
        async with self._database.tenant_tx(context, background=True) as cursor:
            await cursor.execute(_LOCK_DOCUMENT, names)
            await cursor.execute(_FAIL, {**names, **values})
            if cursor.rowcount and not failure.retryable:
                await unstage(cursor, names)

    async def release(self, context: OrganizationContext, job: IngestionJob) -> None:
        """See `IngestionStore.release`."""
        async with self._database.tenant_tx(context, background=True) as cursor:
            await cursor.execute(_RELEASE, self._names(context, job))

    async def _names_with_model(
        self, context: OrganizationContext, job: IngestionJob, model: EmbeddingModel
    ) -> dict[str, Any]:
        return {**self._names(context, job), "model_id": await self._models.number(context, model)}

    def _names(self, context: OrganizationContext, job: IngestionJob) -> dict[str, Any]:
        return {
            "organization_id": context.organization_id,
            "document_id": job.document_id,
            "version": job.version,
            "fence": job.fence,
            "bucket": job.bucket,
            "key": job.key,
            "lease_s": self._settings.lease_s,
        }


async def _demand_all_chunks(cursor: Cursor, names: dict[str, Any]) -> None:
    await cursor.execute(_COMPLETE, names)
    row = await cursor.fetchone()
    if row is None or not row["complete"]:
        raise RuntimeError("a version was to be activated before all of its chunks were stored")


async def _show(cursor: Cursor, names: dict[str, Any], progress: Progress) -> None:
    shown = {
        "stage": progress.stage.value,
        "units_total": progress.units_total,
        "units_read": progress.units_read,
        "chunks": progress.chunks,
    }
    await cursor.execute(_PROGRESS, {**names, **shown})
    if cursor.rowcount == 0:
        raise Superseded


def _described(version: StagedVersion) -> dict[str, Any]:
    return {
        "title": version.title,
        "format": version.format,
        "size": version.size,
        "sha256": version.sha256,
        "language": version.language,
        "unit_kind": version.unit_kind,
        "units_total": version.units_total,
        "units_read": version.units_read,
        "characters": version.characters,
        "chunk_count": version.chunk_count,
        "warnings": list(version.warnings),
        **analysis(version.title, version.language),
    }
