"""What keeps stores fast and tidy, over all organizations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from footnote.knowledge.ports.objects import StoredObject


@dataclass(frozen=True, slots=True)
class IndexRound:
    """What one round of index maintenance did.

    Attributes:
        built, dropped: Indexes.
        waiting: Indexes that are still to be built.
        is_busy: Whether another process is at it; then nothing was done here.
    """

    built: int = 0
    dropped: int = 0
    waiting: int = 0
    is_busy: bool = False


class VectorIndexes(Protocol):
    """Indexes of the vectors of large organizations. Searches find the same without them, only later."""

    async def maintain(self, limit_s: float) -> IndexRound:
        """Builds what is missing, smallest first, and drops what is broken or not wanted any more.

        A round that was interrupted, at whatever point, is continued by the next.

        Args:
            limit_s: No further index is begun after so many seconds.

        Raises:
            ServiceUnavailable: The store cannot be reached; the next round goes on.
        """
        ...


class Housekeeping(Protocol):
    """What is done behind the members' backs, over all organizations, in bounded pieces."""

    async def purge_versions(self, older_than_s: int, limit: int) -> int:
        """Removes chunks and vectors of superseded versions; returns how many versions."""
        ...

    async def purge_documents(self, older_than_s: int, limit: int) -> int:
        """Removes the remains of deleted documents; returns how many documents."""
        ...

    async def expire_uploads(self, older_than_s: int, limit: int) -> int:
        """Fails announced documents whose bytes never came; returns how many."""
        ...

    async def expire_caches(self, limit: int) -> int:
        """Removes what has expired of the caches' third tier; returns how many entries."""
        ...

    async def end_stuck(self, older_than_s: int, max_attempts: int, limit: int) -> int:
        """Ends versions that no worker renews any more, visibly; returns how many."""
        ...

    async def due_removals(self, limit: int) -> list[tuple[UUID, StoredObject]]:
        """Objects of deleted documents that S3 has not confirmed, each pushed back by a growing delay."""
        ...

    async def confirm_removal(self, organization_id: UUID, item: StoredObject) -> None:
        """Strikes one off the list."""
        ...
