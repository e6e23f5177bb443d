"""The terms of knowledge: documents, versions, chunks, passages, filters.

Spans are half-open character ranges into a document's canonical text: what the parser produced, after
normalisation. `chunk.text == document_text[chunk.start:chunk.end]` always holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal
from uuid import UUID

from footnote.knowledge.filters import SearchFilters as SearchFilters  # noqa: PLC0414 - of the same terms
from footnote.knowledge.filters import TextConstraints as TextConstraints  # noqa: PLC0414
from footnote.knowledge.trace import RetrievalTrace
from footnote.models import SentenceScore

UnitKind = Literal["page", "slide", "sheet", "section"]
Strategy = Literal["auto", "hybrid", "lexical", "vector"]
BlockKind = Literal["heading", "paragraph", "list_item", "table_row", "code", "caption", "note"]


class DocumentStatus(StrEnum):
    """What a member sees. Terminal: completed, failed, quarantined, duplicate."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"


class Stage(StrEnum):
    """How far a version has come (reliability.md, f 4)."""

    RECEIVED = "received"
    SCANNED = "scanned"
    PARSED = "parsed"
    CHUNKED = "chunked"
    EMBEDDED = "embedded"
    STAGED = "staged"
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    PURGED = "purged"
    FAILED = "failed"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of parsed text that is never mixed with its neighbours inside a sentence.

    Attributes:
        start, end: Span in the canonical text.
        kind: What it is; table rows and list items are blocks of their own.
        unit: 1-based page, slide or sheet; `None` where the format has none.
        unit_label: Name of the unit where it has one (a sheet's or a slide's title).
        heading_path: Titles of the enclosing headings, outermost first.
    """

    start: int
    end: int
    kind: BlockKind
    unit: int | None = None
    unit_label: str | None = None
    heading_path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    r"""What a parser returns.

    Attributes:
        text: Canonical text: NFC, no NUL, zero-width or tag characters, `\n` line ends.
        blocks: In reading order, not overlapping; gaps between them are separators only.
        title: The document's own title, or its file name without the ending.
        language: ISO 639-1 code, or `und`.
        unit_kind: What `Block.unit` counts; `None` where there are no units.
        units_total, units_read: Pages (slides, sheets) in the file and those that gave text.
        warnings: What was left out and why, in words for a person.
        removed_characters: How many invisible or control characters were stripped (an injection signal).
    """

    text: str
    blocks: tuple[Block, ...]
    title: str
    language: str = "und"
    unit_kind: UnitKind | None = None
    units_total: int = 0
    units_read: int = 0
    warnings: tuple[str, ...] = ()
    removed_characters: int = 0


@dataclass(frozen=True, slots=True)
class ChunkDraft:
    """A chunk before it is stored.

    Attributes:
        ordinal: 0-based place in the document.
        text: `document_text[start:end]`.
        embedding_text: What is embedded: title, heading path and text, within the model's window.
        token_count: Word pieces of `embedding_text` without the two special tokens.
        language: ISO 639-1 code; `und` where the text is too short to tell, and the document's holds.
        sentences: Spans of the sentences in `text`; they get vectors of their own.
    """

    ordinal: int
    start: int
    end: int
    text: str
    embedding_text: str
    token_count: int
    heading_path: tuple[str, ...] = ()
    unit_from: int | None = None
    unit_to: int | None = None
    unit_label: str | None = None
    language: str = "und"
    sentences: tuple[tuple[int, int], ...] = ()

    @property
    def embedded_sentences(self) -> list[tuple[int, int]]:
        """Spans of the sentences in `embedding_text`, which ends with `text`."""
        shift = len(self.embedding_text) - len(self.text)
        return [(start + shift, end + shift) for start, end in self.sentences]


@dataclass(frozen=True, slots=True)
class Document:
    """A document as its organization sees it."""

    id: UUID
    title: str
    filename: str
    format: str
    source: str
    status: DocumentStatus
    stage: Stage
    size_bytes: int | None
    category: str | None
    tags: tuple[str, ...]
    version: int | None
    units_kind: str | None
    units_total: int
    units_read: int
    chunk_count: int
    language: str | None
    failure_code: str | None
    failure_reason: str | None
    failure_retryable: bool
    duplicate_of: UUID | None
    warnings: tuple[str, ...]
    created_at: datetime
    updated_at: datetime
    created_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that at least one retrieval leg found, with the scores of both.

    Attributes:
        cosine: Cosine similarity with the query; `None` if the dense leg did not run.
        bm25: BM25 score, 0 without a common word; `None` if the lexical leg did not run.
        dense_rank, lexical_rank: 1-based, `None` where the leg did not list it.
    """

    chunk_id: int
    cosine: float | None = None
    bm25: float | None = None
    dense_rank: int | None = None
    lexical_rank: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A chunk with what is needed to cite it."""

    chunk_id: int
    document_id: UUID
    version: int
    ordinal: int
    title: str
    filename: str
    text: str
    start: int
    end: int
    heading_path: tuple[str, ...]
    unit_kind: str | None
    unit_from: int | None
    unit_to: int | None
    unit_label: str | None
    language: str
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RetrievedPassage:
    """A ranked passage with the scores that put it there.

    Attributes:
        score: Final score, on the scale of the fused one: about 0..1 with convex fusion.
        cosine: Cosine similarity of query and chunk, -1..1; `None` if the dense leg was off.
        bm25: BM25 score, 0 without a common term; `None` if the lexical leg was off.
        dense_rank, lexical_rank: 1-based rank in its leg, `None` outside of the candidates.
        sentences: Cosines of its sentences, in order of their places; empty where there are none.
        neighbour_of: Chunk that it stands next to, if it was not found but joined.
    """

    passage: Passage
    score: float
    cosine: float | None = None
    bm25: float | None = None
    dense_rank: int | None = None
    lexical_rank: int | None = None
    sentences: tuple[SentenceScore, ...] = ()
    neighbour_of: int | None = None


@dataclass(frozen=True, slots=True)
class Retrieval:
    """The answer of a search.

    Attributes:
        passages: Best first.
        strategy: `hybrid`, `lexical` or `vector`: what really ran.
        degraded: Why a leg was left out against the request, or `None`.
        corpus_version: Changes with every activation, replacement and deletion in the organization.
        timings_ms: Milliseconds by stage.
        cache: The cache tier that it came from; `None` if it was searched just now.
        trace: How the ranking came about.
    """

    passages: tuple[RetrievedPassage, ...]
    strategy: str
    degraded: str | None = None
    corpus_version: int = 0
    timings_ms: dict[str, float] = field(default_factory=dict)
    cache: str | None = None
    trace: RetrievalTrace | None = None

    @property
    def documents(self) -> tuple[UUID, ...]:
        """Documents by their best passage, best first."""
        return tuple(dict.fromkeys(found.passage.document_id for found in self.passages))

    def told(self, notice: str | None) -> Retrieval:
        """The answer with a further word about how it came about, if there is one."""
        degraded = " ".join(filter(None, (self.degraded, notice)))
        return replace(self, degraded=degraded) if notice else self


@dataclass(frozen=True, slots=True)
class TermAnalysis:
    """Normalised terms of some texts and their rarity in the organization's corpus.

    Attributes:
        terms: For each text its set of lexemes.
        idf: `ln(1 + (N - df + .5) / (df + .5))` of every lexeme of the first text (the query).
    """

    terms: tuple[frozenset[str], ...]
    idf: dict[str, float]
