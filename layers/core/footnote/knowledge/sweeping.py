"""The sweeper: what nobody waits for, done every minute in bounded pieces."""

from __future__ import annotations

from footnote.knowledge.ports import Housekeeping, ObjectStore
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.platform.settings import IngestionSettings

logger = get_logger("sweeper")

_LIMIT = 200
_CACHE_LIMIT = 5_000


class Sweeper:
    """Removes what is over and ends what hangs.

    Args:
        housekeeping: The store's side of it, over all organizations.
        objects: Where objects of deleted documents are removed.
        settings: Ages from which on something is swept.
    """

    def __init__(self, housekeeping: Housekeeping, objects: ObjectStore, settings: IngestionSettings) -> None:
        self._housekeeping = housekeeping
        self._objects = objects
        self._settings = settings

    async def sweep(self) -> dict[str, int]:
        """Does one round; how much of each was done.

        Raises:
            ServiceUnavailable: The store cannot be reached; the next round goes on.
        """
        settings, keeping = self._settings, self._housekeeping
        return {
            "stuck": await keeping.end_stuck(settings.stuck_after_s, settings.max_attempts, _LIMIT),
            "uploads_expired": await keeping.expire_uploads(settings.pending_upload_s, _LIMIT),
            "versions_purged": await keeping.purge_versions(settings.purge_after_s, _LIMIT),
            "documents_purged": await keeping.purge_documents(settings.purge_after_s, _LIMIT),
            "objects_removed": await self._remove_objects(),
            "cache_entries_expired": await keeping.expire_caches(_CACHE_LIMIT),
        }

    async def _remove_objects(self) -> int:
        removed = 0
        for organization_id, item in await self._housekeeping.due_removals(_LIMIT):
            try:
                await self._objects.delete(item)
            except ServiceUnavailable:
                logger.warning("an object could not be removed yet")
                continue
            await self._housekeeping.confirm_removal(organization_id, item)
            removed += 1
        return removed
