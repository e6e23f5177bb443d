"""Where one document stands in a search: what a store knows of it, and what became of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

from footnote.knowledge.models import DocumentStatus
from footnote.knowledge.trace import CandidateTrace


@dataclass(frozen=True, slots=True)
class StandingDocument:
    """The document itself, a deleted one as well.

    Attributes:
        active_version: The one that is searched, if any.
        duplicate_of: The document that has the same bytes, if it is that one that is searched.
    """

    document_id: UUID
    title: str
    filename: str
    status: DocumentStatus
    stage: str
    active_version: int | None
    chunk_count: int
    failure_code: str | None
    failure_reason: str | None
    duplicate_of: UUID | None
    deleted_at: datetime | None


@dataclass(frozen=True, slots=True)
class Check:
    """One condition of a search, held against the document.

    Attributes:
        kind: A filter on the document, or an operator of the query on its words.
        name: `category`, `tags`, ..., `phrase`, `excluded`, `title`, `filename`.
        value: What was asked for.
        chunks: How many of the document's chunks fulfil it.
    """

    kind: Literal["filter", "operator"]
    name: str
    value: str
    chunks: int


@dataclass(frozen=True, slots=True)
class ChunkStanding:
    """One chunk against the query, exactly, whether or not it was a candidate.

    Attributes:
        bm25: 0 without a common word; `None` if words were not searched.
        cosine: `None` if meaning was not searched, or there is no vector of the query's model.
        lexical_rank, dense_rank: 1-based, among all chunks of the organization that fulfil the conditions;
            `None` for one that does not, and for one without a common word.
    """

    chunk_id: int
    version: int
    ordinal: int
    text: str
    start: int
    end: int
    heading_path: tuple[str, ...]
    unit_kind: str | None
    unit_from: int | None
    bm25: float | None
    lexical_rank: int | None
    cosine: float | None
    dense_rank: int | None


@dataclass(frozen=True, slots=True)
class DocumentStanding:
    """What a store knows of a document in a search.

    Attributes:
        document: `None` if the organization has no such document.
        checks: Every condition of the search, in the order in which they are looked at.
        allowed: How many of its chunks fulfil all conditions at once.
        chunks: The best few of the document, best first.
        corpus_chunks: How many chunks the organization has.
    """

    document: StandingDocument | None
    checks: tuple[Check, ...] = ()
    allowed: int = 0
    chunks: tuple[ChunkStanding, ...] = ()
    corpus_chunks: int = 0
    corpus_version: int = 0


class Cause(StrEnum):
    """Why a document was not found, or that it was. The first that applies is told."""

    NOT_THERE = "not_there"
    DELETED = "deleted"
    DUPLICATE = "duplicate"
    NOT_PROCESSED = "not_processed"
    FAILED = "failed"
    FILTERED_OUT = "filtered_out"
    EXCLUDED = "excluded"
    FOUND = "found"
    NEAR_DUPLICATE = "near_duplicate"
    TOO_SIMILAR = "too_similar"
    BELOW_CUT = "below_cut"
    BELOW_LIMIT = "below_limit"
    NO_COMMON_WORD = "no_common_word"
    BELOW_CANDIDATES = "below_candidates"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The cause, and in words for a person.

    Attributes:
        rank: Of its best passage in the result, if it was found.
        chunk_id: The chunk that the verdict speaks of.
    """

    cause: Cause
    words: str
    rank: int | None = None
    chunk_id: int | None = None


@dataclass(frozen=True, slots=True)
class ExplainedChunk:
    """A chunk of the document, and what became of it as a candidate, if it was one."""

    standing: ChunkStanding
    candidate: CandidateTrace | None


@dataclass(frozen=True, slots=True)
class SearchedQuery:
    """What was searched for, and how.

    Attributes:
        message: As it was typed.
        text: In a wording that stands alone.
        filters: Those of the request and of the query together; only what is set.
        candidates: How many chunks each leg looked at.
        pool: How many of both legs together were ranked.
        results: How many passages were given.
    """

    message: str
    text: str
    strategy: str
    degraded: str | None
    filters: dict[str, Any]
    decisions: tuple[dict[str, str], ...]
    candidates: int
    pool: int
    results: int


@dataclass(frozen=True, slots=True)
class DocumentExplanation:
    """Why a document was, or was not, found."""

    document_id: UUID
    verdict: Verdict
    searched: SearchedQuery
    document: StandingDocument | None
    checks: tuple[Check, ...]
    chunks: tuple[ExplainedChunk, ...]
    corpus_chunks: int
    corpus_version: int

    def told(self, notice: str | None) -> DocumentExplanation:
        """The explanation with a further word about how its search came about, if there is one."""
        if notice is None:
            return self
        degraded = " ".join(filter(None, (self.searched.degraded, notice)))
        return replace(self, searched=replace(self.searched, degraded=degraded))

    def as_data(self) -> dict[str, Any]:
        """As nested dictionaries."""
        return asdict(self)
