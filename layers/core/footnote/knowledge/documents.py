"""Documents as members manage them: announcing an upload, looking, deleting."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from footnote.knowledge.models import Document, DocumentStatus
from footnote.knowledge.parsing.errors import Unsupported
from footnote.knowledge.parsing.formats import Format, format_of
from footnote.knowledge.ports import DocumentStore, NewUpload, ObjectStore, StoredObject, UploadTicket
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import InvalidRequest, PayloadTooLarge, ServiceUnavailable, UnsupportedMedia
from footnote.platform.logging import get_logger
from footnote.platform.settings import IngestionSettings

logger = get_logger("documents")

MAX_KEY_BYTES = 1024
"""Length of an S3 object key (Amazon S3 User Guide, "Creating object key names")."""

# A document normally has one object. Of one with very many, the sweeper removes the rest.
_REMOVED_AT_ONCE = 10


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a client says of a document before it uploads it; only the file name is needed.

    Attributes:
        filename: Its ending says the format.
        title: Shown instead of the title found in the document.
        content_type: MIME type the client will send; by default that of the format.
        sha256: Hexadecimal; bytes that are known already need not be sent.
        size_bytes: The upload is then refused if it has any other size.
    """

    filename: str
    title: str | None = None
    category: str | None = None
    tags: tuple[str, ...] = ()
    content_type: str | None = None
    sha256: str | None = None
    size_bytes: int | None = None


class Documents:
    """The use cases of documents.

    Args:
        store: The system of record.
        objects: Where the bytes are.
        settings: Limits.
    """

    def __init__(self, store: DocumentStore, objects: ObjectStore, settings: IngestionSettings) -> None:
        self._store = store
        self._objects = objects
        self._settings = settings

    async def announce(
        self, context: OrganizationContext, announcement: Announcement
    ) -> tuple[Document, UploadTicket | None]:
        """Creates a document that waits for its bytes, or finds the one that has them already.

        Returns:
            The document, and the ticket for its upload; `None` where an active document has the same SHA-256.

        Raises:
            UnsupportedMedia: The ending is not of a format that is read.
            PayloadTooLarge: The announced size is over the limit.
            InvalidRequest: The file name is too long.
        """
        kind = self._accepted(announcement)
        announced = await self._store.announce(context, _upload(announcement, kind))
        if not announced.is_new:
            return announced.document, None
        key = f"{announced.storage_prefix}uploads/{announced.document.id}/{announcement.filename}"
        content_type = announcement.content_type or kind.media_types[0]
        return announced.document, self._objects.presign_put(key, content_type, announcement.size_bytes)

    async def get(self, context: OrganizationContext, document_id: UUID) -> Document:
        """One document; raises `NotFound`."""
        return await self._store.get(context, document_id)

    async def page(
        self,
        context: OrganizationContext,
        *,
        status: DocumentStatus | None = None,
        before: tuple[datetime, UUID] | None = None,
        limit: int = 50,
    ) -> tuple[list[Document], bool]:
        """Documents, newest first, and whether there are more after them."""
        found = await self._store.page(context, status=status, before=before, limit=limit + 1)
        return found[:limit], len(found) > limit

    async def delete(self, context: OrganizationContext, document_id: UUID) -> None:
        """Makes a document invisible at once, then removes its objects; raises `NotFound`.

        The document is gone whatever becomes of its objects: what cannot be removed now is noted as due, and
        the sweeper tries again.
        """
        due = await self._store.delete(context, document_id)
        outcomes = await asyncio.gather(*(self._remove(item) for item in due[:_REMOVED_AT_ONCE]))
        removed = [item for item, done in zip(due, outcomes, strict=False) if done]
        if removed:
            await self._strike(context, removed)

    async def _remove(self, item: StoredObject) -> bool:
        try:
            await self._objects.delete(item)
        except ServiceUnavailable:
            logger.warning("an object could not be removed yet")
            return False
        return True

    async def _strike(self, context: OrganizationContext, removed: Sequence[StoredObject]) -> None:
        try:
            await self._store.objects_removed(context, removed)
        except ServiceUnavailable:
            logger.warning("removed objects stay noted as due; removing them again does no harm")

    def _accepted(self, announcement: Announcement) -> Format:
        try:
            kind = format_of(announcement.filename)
        except Unsupported as error:
            raise UnsupportedMedia(error.reason) from error
        size, limit = announcement.size_bytes, self._settings.max_bytes
        if size is not None and size > limit:
            raise PayloadTooLarge(
                f"The document has {size:,} bytes; the limit is {limit // 2**20} MB.",
                details={"size_bytes": size, "limit_bytes": limit},
            )
        # The prefix and the id before the name take less than a fifth of a key.
        if len(announcement.filename.encode()) > MAX_KEY_BYTES - 200:
            raise InvalidRequest("The file name is too long.")
        return kind


def _upload(announcement: Announcement, kind: Format) -> NewUpload:
    return NewUpload(
        filename=announcement.filename,
        format=kind.name,
        title=announcement.title,
        category=announcement.category,
        tags=announcement.tags,
        sha256=announcement.sha256,
        size_bytes=announcement.size_bytes,
    )
