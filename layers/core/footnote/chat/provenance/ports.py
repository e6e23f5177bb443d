"""What provenance needs of a store. The adapter is in `stores/postgres/provenance.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from footnote.chat.provenance.models import ProvenanceRecord, StoredAnswer
from footnote.platform.context import OrganizationContext


@dataclass(frozen=True, slots=True)
class Place:
    """Where a passage stood, and the digest of its text."""

    chunk_id: int
    document_id: UUID
    sha256: str


@dataclass(frozen=True, slots=True)
class DocumentState:
    """A document as it is now; `active_version` is `None` where nothing of it is searched."""

    document_id: UUID
    title: str
    active_version: int | None
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class PassageState:
    """A recorded passage as it is now.

    Attributes:
        text: The chunk's, if it is still stored.
        sha256: Of `text`.
        stands: A chunk of exactly this text belongs to the document's active version.
    """

    chunk_id: int
    text: str | None
    sha256: str | None
    stands: bool


@dataclass(frozen=True, slots=True)
class CurrentState:
    """What has become of documents and passages, by their ids; what is not there is left out."""

    documents: dict[UUID, DocumentState]
    passages: dict[int, PassageState]


class ProvenanceStore(Protocol):
    """Reading records. They are written by `ConversationStore.append_turn`, in the turn's own transaction."""

    async def read(
        self, context: OrganizationContext, message_id: UUID, *, of_any_member: bool
    ) -> StoredAnswer:
        """The record of an answer.

        Args:
            context: Whose organization, and the member who asks.
            message_id: The answer's.
            of_any_member: Whether answers to other members of the organization may be read too.

        Raises:
            NotFound: There is no such answer (or its conversation is deleted, or another member's or
                organization's), or it is a question, or it was stored before records were kept; the message
                says which.
        """
        ...

    async def origin(self, context: OrganizationContext, message_id: UUID) -> ProvenanceRecord | None:
        """The record of the answer that a cached one repeats, whoever asked for it; `None` if it is gone.

        The caller shows of it only what is not of the member who asked.
        """
        ...

    async def current(
        self, context: OrganizationContext, documents: Sequence[UUID], places: Sequence[Place]
    ) -> CurrentState:
        """The documents and passages as they are now."""
        ...
