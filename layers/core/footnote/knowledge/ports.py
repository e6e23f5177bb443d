"""What knowledge needs of stores. Adapters are in `stores/`; one contract suite runs against each.

Every method takes the `OrganizationContext` and can reach nothing outside of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from uuid import UUID

from footnote.knowledge.models import (
    Candidate,
    ChunkDraft,
    Document,
    DocumentStatus,
    Passage,
    SearchFilters,
    Stage,
    TermAnalysis,
    TextConstraints,
)
from footnote.knowledge.ranking.evidence import RankingEvidence
from footnote.models import EmbeddingModel, PassageVectors, SentenceScore
from footnote.platform.context import OrganizationContext


@dataclass(frozen=True, slots=True)
class LexicalQuery:
    """Words to be searched for.

    Attributes:
        text: The words.
        language: ISO 639-1 code, or `und`.
        expansions: Further words and their weights; a word's part of BM25 counts its weight times. Words that
            stand in `text` already are not counted again.
    """

    text: str
    language: str
    expansions: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class DenseQuery:
    """A unit vector to be searched for; only vectors of the very same model are compared with it."""

    vector: Sequence[float]
    model: EmbeddingModel


class SearchSnapshot(Protocol):
    """One consistent view of an organization's active chunks: every read sees the same versions."""

    async def corpus_version(self) -> int:
        """Changes with every switch of a document's version."""
        ...

    async def candidates(
        self,
        lexical: LexicalQuery | None,
        dense: DenseQuery | None,
        filters: SearchFilters,
        limit: int,
        *,
        constraints: TextConstraints = TextConstraints(),  # noqa: B008 - frozen
    ) -> list[Candidate]:
        """The best `limit` chunks by BM25 and the nearest `limit` by cosine, each chunk once.

        Filters and constraints apply before anything is ranked, and no leg gives fewer chunks than there are:
        `limit`, or all that are allowed (and, for BM25, have a word in common with the query). A chunk that
        one leg found carries its score of the other leg as well: exact BM25 (0 without a common word) and
        exact cosine.

        Args:
            lexical: The words, or `None` to leave that leg out.
            dense: The vector, or `None` to leave that leg out.
            filters: Documents that count.
            limit: Chunks per leg.
            constraints: What the words of a chunk must or must not be, in both legs.
        """
        ...

    async def passages(self, chunk_ids: Sequence[int]) -> dict[int, Passage]:
        """The chunks themselves."""
        ...

    async def evidence(
        self, query: LexicalQuery, chunk_ids: Sequence[int], leaders: Sequence[int]
    ) -> RankingEvidence:
        """What ranking looks at.

        Args:
            query: Its words; expansions do not count.
            chunk_ids: Candidates, each with a vector.
            leaders: Those that the candidates are compared with, best first.
        """
        ...

    async def neighbours(self, chunk_ids: Sequence[int], distance: int) -> list[tuple[int, int]]:
        """Pairs of one of `chunk_ids` and a chunk of its document at most `distance` places away."""
        ...

    async def sentence_cosines(
        self, chunk_ids: Sequence[int], vectors: Sequence[DenseQuery]
    ) -> dict[int, tuple[SentenceScore, ...]]:
        """Cosines of the chunks' sentences, in order of their places, with each of `vectors`.

        A chunk without sentence vectors of that model is not among them.

        Args:
            chunk_ids: The chunks.
            vectors: All of one model; a sentence's `cosines` are in their order.
        """
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


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object in S3; `version_id` is empty where the bucket keeps no versions."""

    bucket: str
    key: str
    version_id: str = ""


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """One S3 object event. `sequencer` orders the events of a key (reliability.md, f 2).

    Attributes:
        delete_marker: The removal hid the object behind a marker; a removal without one took a single version
            away, which matters only if it was the newest.
    """

    bucket: str
    key: str
    created: bool
    sequencer: str
    version_id: str | None
    etag: str | None
    size: int
    delete_marker: bool = False


@dataclass(frozen=True, slots=True)
class KeyOwner:
    """The organization of an object key, and the registered prefix that says so."""

    organization_id: UUID
    prefix: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is: what `GET /documents/{id}` shows meanwhile."""

    stage: Stage
    units_total: int
    units_read: int
    chunks: int


@dataclass(frozen=True, slots=True)
class IngestionJob:
    """A claimed piece of work: one version of one document, leased to this worker.

    Attributes:
        attempt: 1 for the first; committed before any parsing.
        fence: Grows with each claim; stale workers' writes are refused by it.
        title: What the announcement named it; `None` where the document's own title is to be taken.
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
    format: str
    size: int
    unit_kind: str | None
    units_total: int
    units_read: int
    characters: int
    chunk_count: int
    warnings: tuple[str, ...]
    model: EmbeddingModel


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a version ended without being activated.

    Attributes:
        status: `FAILED`, or `QUARANTINED` for a file that must not be read again.
        code: Stable, for programs.
        reason: One or two sentences for a person.
        retryable: The same event may be tried again as it is (a dependency was down).
    """

    status: DocumentStatus
    code: str
    reason: str
    retryable: bool = False


@dataclass(frozen=True, slots=True)
class UploadTicket:
    """A presigned PUT: the client sends the bytes to `url` with exactly these `headers`."""

    method: str
    url: str
    headers: dict[str, str]
    expires_at: datetime


class ObjectGone(Exception):
    """The object, or the version of it that was asked for, does not exist any more."""


class ObjectTooLarge(Exception):
    """The object has more bytes than were allowed; reading stopped."""


class ObjectStore(Protocol):
    """Document objects."""

    def presign_put(self, key: str, content_type: str, content_length: int | None) -> UploadTicket:
        """A ticket for one upload to the document bucket."""
        ...

    async def download(self, item: StoredObject, target: Path, max_bytes: int) -> str:
        """Writes the object to `target`, returns the hexadecimal SHA-256 of its bytes.

        Raises:
            ObjectGone: It does not exist.
            ObjectTooLarge: It has more than `max_bytes` bytes.
            ServiceUnavailable: The object store failed or did not answer in time.
        """
        ...

    async def delete(self, item: StoredObject) -> None:
        """Removes the object (that version, if one is named); no error if it is gone already.

        Raises:
            ServiceUnavailable: As `download`.
        """
        ...


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


class IngestionStore(Protocol):
    """The ingestion state machine (reliability.md, f).

    Every method that writes for a job raises `Superseded` if the job is not the worker's any more: a newer
    event of its key was claimed, the document was deleted, or its lease ran out and another took it over.
    """

    async def owner_of(self, key: str) -> KeyOwner | None:
        """The organization whose registered prefix the key lies under; never read off the key alone."""
        ...

    async def claim(
        self, context: OrganizationContext, event: ObjectEvent, prefix: str
    ) -> IngestionJob | None:
        """Records the event and claims its version; `None` if it is old, done, or a deletion (then applied).

        Args:
            context: The organization of the key.
            event: What happened to the object.
            prefix: The organization's registered key prefix.

        Raises:
            Conflict: Another worker holds the lease; `retry_after_s` says for how long.
        """
        ...

    async def progress(self, context: OrganizationContext, job: IngestionJob, progress: Progress) -> None:
        """Shows how far the job is and renews the lease."""
        ...

    async def resolve_duplicate(self, context: OrganizationContext, job: IngestionJob, sha256: str) -> bool:
        """If an active document has the same bytes, ties the object to it and ends the job; true if so."""
        ...

    async def stored_ordinals(
        self,
        context: OrganizationContext,
        job: IngestionJob,
        chunks: Sequence[ChunkDraft],
        model: EmbeddingModel,
    ) -> set[int]:
        """Which chunks an earlier attempt has staged; what it staged otherwise than now is removed."""
        ...

    async def stage(
        self,
        context: OrganizationContext,
        job: IngestionJob,
        version: StagedVersion,
        chunks: Sequence[ChunkDraft],
        vectors: Sequence[PassageVectors],
    ) -> None:
        """Stores chunks and vectors, invisible yet, and renews the lease; idempotent by ordinal."""
        ...

    async def activate(
        self,
        context: OrganizationContext,
        job: IngestionJob,
        version: StagedVersion,
        chunks: Sequence[ChunkDraft],
        vectors: Sequence[PassageVectors],
    ) -> None:
        """The atomic switch: the last chunks, pointer, postings and statistics in one transaction.

        Raises:
            DuplicateContent: Another document with the same bytes was activated meanwhile.
        """
        ...

    async def fail(self, context: OrganizationContext, job: IngestionJob, failure: Failure) -> None:
        """Ends the job visibly; an older active version stays searchable."""
        ...

    async def release(self, context: OrganizationContext, job: IngestionJob) -> None:
        """Gives the lease back, so that the next delivery can go on at once."""
        ...


class Superseded(Exception):
    """The job is not this worker's any more; its message is done."""


class DuplicateContent(Exception):
    """An active document with the same bytes exists; resolve the duplicate instead of activating."""


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
