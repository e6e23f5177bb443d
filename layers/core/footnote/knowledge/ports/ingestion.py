"""From a stored object to an active version."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from footnote.knowledge.models import ChunkDraft, DocumentStatus, Stage
from footnote.models import EmbeddingModel, PassageVectors
from footnote.platform.context import OrganizationContext
from footnote.quota import Meter, Settlement


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
        user_id: Who announced it; `None` for a file that came from elsewhere.
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
    user_id: UUID | None = None


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


class Superseded(Exception):
    """The job is not this worker's any more; its message is done."""


class DuplicateContent(Exception):
    """An active document with the same bytes exists; resolve the duplicate instead of activating."""


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

    async def prepare_hold(
        self, context: OrganizationContext, job: IngestionJob, hold_id: UUID, size: int
    ) -> Mapping[Meter, int]:
        """Ends the hold of an earlier attempt at the job; how `documents` and `storage_bytes` are to change.

        Args:
            context: The organization.
            job: The job; its fence decides whose hold an open one is.
            hold_id: The hold of the job's version.
            size: Of the version, in bytes.
        """
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
        charge: Settlement | None = None,
    ) -> None:
        """The atomic switch: the last chunks, pointer, postings, statistics and usage in one transaction.

        Args:
            context: The organization.
            job: The job.
            version: What is activated.
            chunks: The last ones, which are not staged yet.
            vectors: Theirs.
            charge: What reading it used; what it changes of what is stored is added to it. `None` where
                nothing was reserved.

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
