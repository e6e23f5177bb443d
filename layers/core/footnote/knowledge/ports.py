"""What knowledge needs of stores. Adapters are in `stores/`; one contract suite runs against each.

Every method takes the `OrganizationContext` and can reach nothing outside of it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from footnote.knowledge.models import (
    ChunkDraft,
    Document,
    DocumentStatus,
    Passage,
    ScoredChunk,
    SearchFilters,
    TermAnalysis,
)
from footnote.models import EmbeddingModel
from footnote.platform.context import OrganizationContext


class SearchSnapshot(Protocol):
    """One consistent view of an organization's active chunks: every read sees the same versions."""

    async def corpus_version(self) -> int:
        """Changes with every switch of a document's version."""
        ...

    async def lexical(
        self, query: str, language: str, filters: SearchFilters, limit: int
    ) -> list[ScoredChunk]:
        """The best chunks by BM25, best first."""
        ...

    async def dense(
        self, vector: Sequence[float], model: EmbeddingModel, filters: SearchFilters, limit: int
    ) -> list[ScoredChunk]:
        """The nearest chunks by cosine, best first; only vectors of the very same model are compared."""
        ...

    async def bm25(self, query: str, language: str, chunk_ids: Sequence[int]) -> dict[int, float]:
        """Exact BM25 of given chunks (0 where no term is shared)."""
        ...

    async def cosine(
        self, vector: Sequence[float], model: EmbeddingModel, chunk_ids: Sequence[int]
    ) -> dict[int, float]:
        """Exact cosine of given chunks."""
        ...

    async def passages(self, chunk_ids: Sequence[int]) -> dict[int, Passage]:
        """The chunks themselves."""
        ...


class SearchStore(Protocol):
    """Reading."""

    def snapshot(self, context: OrganizationContext) -> AbstractAsyncContextManager[SearchSnapshot]:
        """Opens a consistent view."""
        ...

    async def analyze(
        self, context: OrganizationContext, texts: Sequence[str], language: str
    ) -> TermAnalysis:
        """Lexemes of `texts` (the first is the query) with the corpus's idf of the query's."""
        ...


@dataclass(frozen=True, slots=True)
class NewUpload:
    """An announced upload."""

    filename: str
    format: str
    title: str | None
    category: str | None
    tags: tuple[str, ...]
    sha256: str | None


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """One S3 object event. `sequencer` orders the events of a key (reliability.md, f 2)."""

    bucket: str
    key: str
    created: bool
    sequencer: str
    version_id: str | None
    etag: str | None
    size: int


@dataclass(frozen=True, slots=True)
class IngestionJob:
    """A claimed piece of work: one version of one document, leased to this worker.

    Attributes:
        attempt: 1 for the first; committed before any parsing.
        fence: Grows with each claim; stale workers' writes are refused by it.
    """

    document_id: UUID
    version: int
    bucket: str
    key: str
    object_version: str | None
    filename: str
    size: int
    attempt: int
    fence: int
    title: str | None


@dataclass(frozen=True, slots=True)
class StagedVersion:
    """What is known of a version once it is parsed and cut."""

    title: str
    language: str
    sha256: str
    unit_kind: str | None
    units_total: int
    units_read: int
    characters: int
    chunk_count: int
    warnings: tuple[str, ...]
    model: EmbeddingModel


class DocumentStore(Protocol):
    """Documents as members see and manage them."""

    async def announce(self, context: OrganizationContext, upload: NewUpload) -> Document:
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

    async def delete(self, context: OrganizationContext, document_id: UUID) -> list[tuple[str, str]]:
        """Makes a document invisible at once; returns the (bucket, key) objects to be removed.

        Raises:
            NotFound: There is none.
        """
        ...

    async def storage_prefix(self, context: OrganizationContext) -> str:
        """The organization's registered key prefix, ending in `/`."""
        ...


class IngestionStore(Protocol):
    """The ingestion state machine (reliability.md, f)."""

    async def organization_for(self, bucket: str, key: str) -> UUID | None:
        """The organization whose registered prefix the key lies under; never read off the key alone."""
        ...

    async def claim(self, context: OrganizationContext, event: ObjectEvent) -> IngestionJob | None:
        """Records the event and claims its version; `None` if it is old, done, or a deletion (then applied).

        Raises:
            Conflict: Another worker holds the lease; try again later.
        """
        ...

    async def progress(
        self, context: OrganizationContext, job: IngestionJob, stage: str, units_total: int, units_read: int
    ) -> None:
        """Shows how far the job is and renews the lease."""
        ...

    async def resolve_duplicate(self, context: OrganizationContext, job: IngestionJob, sha256: str) -> bool:
        """If another active document has the same bytes, ties this object to it; true if it did."""
        ...

    async def stage(
        self,
        context: OrganizationContext,
        job: IngestionJob,
        version: StagedVersion,
        chunks: Sequence[ChunkDraft],
        vectors: Sequence[Sequence[float]],
    ) -> None:
        """Stores chunks and vectors, invisible yet; idempotent by ordinal."""
        ...

    async def activate(self, context: OrganizationContext, job: IngestionJob, version: StagedVersion) -> None:
        """The atomic switch: pointer, postings, statistics in one transaction, if every chunk is there."""
        ...

    async def fail(
        self,
        context: OrganizationContext,
        job: IngestionJob,
        status: DocumentStatus,
        code: str,
        reason: str,
    ) -> None:
        """Ends the job visibly; an older active version stays searchable."""
        ...

    async def sweep(self) -> AsyncIterator[str]:
        """Purges superseded and deleted versions past their grace; yields a line per thing done."""
        ...
