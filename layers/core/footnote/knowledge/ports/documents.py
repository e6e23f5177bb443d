"""Documents as members see and manage them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from footnote.knowledge.models import Document, DocumentStatus
from footnote.knowledge.ports.objects import StoredObject
from footnote.platform.context import OrganizationContext


@dataclass(frozen=True, slots=True)
class NewUpload:
    """An announced upload."""

    filename: str
    format: str
    title: str | None
    category: str | None
    tags: tuple[str, ...]
    sha256: str | None
    size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Announced:
    """The outcome of an announcement.

    Attributes:
        is_new: Whether the document was created now and waits for its bytes.
        storage_prefix: The organization's registered key prefix, ending in `/`.
    """

    document: Document
    is_new: bool
    storage_prefix: str


class DocumentStore(Protocol):
    """Documents as members see and manage them."""

    async def announce(self, context: OrganizationContext, upload: NewUpload) -> Announced:
        """Creates a pending document; with a known SHA-256 of an active one, returns that one instead."""
        ...

    async def get(self, context: OrganizationContext, document_id: UUID) -> Document:
        """One document.

        Raises:
            NotFound: There is none (or it is another organization's).
        """
        ...

    async def page(
        self,
        context: OrganizationContext,
        *,
        status: DocumentStatus | None,
        before: tuple[datetime, UUID] | None,
        limit: int,
    ) -> list[Document]:
        """Newest first, duplicates and deleted ones left out; `before` is the keyset of the page before."""
        ...

    async def delete(self, context: OrganizationContext, document_id: UUID) -> list[StoredObject]:
        """Makes a document invisible at once; returns the objects to be removed, which are noted as due.

        Raises:
            NotFound: There is none.
        """
        ...

    async def objects_removed(self, context: OrganizationContext, items: Sequence[StoredObject]) -> None:
        """Strikes removed objects off the list of due removals."""
        ...
