"""The sweeper's work in Postgres: SECURITY DEFINER functions, all that footnote_jobs may call."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from footnote.knowledge.ports import StoredObject
from footnote.stores.postgres.database import Database

_NEVER_UPLOADED = (
    "The document was announced, but its file was never uploaded. Announce it again and upload it."
)
_ABANDONED = "Reading the document was interrupted and nobody took it up again. Upload the file again."
_EXHAUSTED = "Reading the document was tried several times and never came to an end. It is not tried again."


class PostgresHousekeeping:
    """`footnote.knowledge.ports.Housekeeping` on Postgres."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def purge_versions(self, older_than_s: int, limit: int) -> int:
        """See `Housekeeping.purge_versions`."""
        return await self._count("SELECT ingestion.purge_versions(%s, %s) AS done", older_than_s, limit)

    async def purge_documents(self, older_than_s: int, limit: int) -> int:
        """See `Housekeeping.purge_documents`."""
        return await self._count("SELECT ingestion.purge_documents(%s, %s) AS done", older_than_s, limit)

    async def expire_uploads(self, older_than_s: int, limit: int) -> int:
        """See `Housekeeping.expire_uploads`."""
        statement = "SELECT ingestion.expire_uploads(%s, %s, %s) AS done"
        return await self._count(statement, older_than_s, limit, _NEVER_UPLOADED)

    async def expire_caches(self, limit: int) -> int:
        """See `Housekeeping.expire_caches`."""
        return await self._count("SELECT ingestion.expire_caches(%s) AS done", limit)

    async def end_stuck(self, older_than_s: int, max_attempts: int, limit: int) -> int:
        """See `Housekeeping.end_stuck`."""
        statement = "SELECT ingestion.end_stuck(%s, %s, %s, %s, %s) AS done"
        return await self._count(statement, older_than_s, max_attempts, limit, _ABANDONED, _EXHAUSTED)

    async def due_removals(self, limit: int) -> list[tuple[UUID, StoredObject]]:
        """See `Housekeeping.due_removals`."""
        async with self._database.definer_tx(background=True) as cursor:
            await cursor.execute("SELECT * FROM ingestion.due_removals(%s)", (limit,))
            return [
                (row["organization_id"], StoredObject(row["bucket"], row["key"], row["object_version"]))
                for row in await cursor.fetchall()
            ]

    async def confirm_removal(self, organization_id: UUID, item: StoredObject) -> None:
        """See `Housekeeping.confirm_removal`."""
        values = (organization_id, item.bucket, item.key, item.version_id)
        async with self._database.definer_tx(background=True) as cursor:
            await cursor.execute("SELECT ingestion.confirm_removal(%s, %s, %s, %s)", values)

    async def _count(self, statement: str, *values: Any) -> int:
        async with self._database.definer_tx(background=True) as cursor:
            await cursor.execute(statement, values)
            row = await cursor.fetchone()
        return int(row["done"]) if row else 0
