"""The terms of a conversation: questions, answers, sources, sessions and messages.

Everything an answer shows is stored as it was shown: `Source.as_json` and `AnswerMetadata.as_json` are both
the body of the API and the stored row, so that a conversation read back cites exactly what it cited.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from footnote.billing import Cost
from footnote.knowledge import SearchFilters
from footnote.models import Turn
from footnote.quota import Settlement

if TYPE_CHECKING:
    from footnote.chat.provenance.models import ProvenanceRecord

MESSAGE_CHARACTERS = 2_000
"""Longest question, of section 7 of the reference document."""

Actor = Literal["user", "assistant"]


def json_text(body: dict[str, Any]) -> str:
    """A body as it is sent, and kept to be sent again."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class ChatQuestion:
    """One message of a member.

    Attributes:
        message: 1..2000 characters.
        session_id: The conversation it belongs to; `None` begins a new one.
        history: Earlier turns, oldest first, of a conversation that the client keeps; not with a session.
        enable_rag: Whether documents are searched.
        filters: Narrow the documents that are searched.
        max_tokens: Upper bound of the answer, 50..2000.
        temperature: 0..1; the extractive answerer has none.
        use_cache: Whether a cached answer, and cached search results, will do.
    """

    message: str
    session_id: UUID | None = None
    history: tuple[Turn, ...] = ()
    enable_rag: bool = True
    filters: SearchFilters = field(default_factory=SearchFilters)
    max_tokens: int = 512
    temperature: float = 0.7
    use_cache: bool = True


@dataclass(frozen=True, slots=True)
class Evidence:
    """The exact characters of a document that a citation rests on: a half-open span and its text."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Location:
    """Where in the file a passage stands: `kind` is page, slide, sheet or section, counted from 1."""

    kind: str
    first: int | None
    last: int | None
    label: str | None

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "from": self.first, "to": self.last, "label": self.label}


@dataclass(frozen=True, slots=True)
class Source:
    """A cited passage.

    Attributes:
        number: What `[n]` in the answer refers to.
        excerpt: The evidence with a little of its surroundings, never cut inside a word.
        evidence: Exact spans in the document's text, in reading order, at least one.
        relevance_score: Fused retrieval score, 0..1.
    """

    number: int
    document_id: UUID
    title: str
    filename: str
    version: int
    excerpt: str
    location: Location | None
    heading_path: tuple[str, ...]
    evidence: tuple[Evidence, ...]
    relevance_score: float

    @property
    def page(self) -> int | None:
        """First page, for formats that have pages."""
        return self.location.first if self.location and self.location.kind == "page" else None

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "document_id": str(self.document_id),
            "title": self.title,
            "filename": self.filename,
            "version": self.version,
            "excerpt": self.excerpt,
            "location": self.location.as_json() if self.location else None,
            "page": self.page,
            "heading_path": list(self.heading_path),
            "span": {"start": self.evidence[0].start, "end": max(piece.end for piece in self.evidence)},
            "evidence": [asdict(piece) for piece in self.evidence],
            "relevance_score": round(self.relevance_score, 4),
        }


@dataclass(frozen=True, slots=True)
class CachePath:
    """How a cached answer was found.

    Attributes:
        way: `exact`, or `semantic` for the answer to a question that asks the same in other words.
        tier: `memory`, `redis` or `store`.
        similarity: Cosine of the two questions; 1 for an exact hit.
        age_s: Seconds since the answer was written. The question it was written for is not told: it may be
            another member's.
    """

    way: str
    tier: str
    similarity: float
    age_s: float


Verdict = Literal["supported", "partial", "unsupported", "exempt"]
"""`exempt` sentences claim nothing: greetings, introductions, and that the documents do not say."""

Answered = Literal["full", "partial", "none"]


@dataclass(frozen=True, slots=True)
class GroundedSentence:
    """A sentence of an answer and what it rests on.

    Attributes:
        start, end: Span in the answer's text.
        support: How far the passage supports it, 0..1.
        number: The passage that supports it best, which the sentence need not cite; `None` without one.
    """

    start: int
    end: int
    support: float
    number: int | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Grounding:
    """How far an answer rests on the passages that were supplied.

    Attributes:
        supported, partial, unsupported: Sentences of each verdict.
        dropped: Unsupported sentences that were taken out of the answer.
        score: Mean support of the sentences that claim something, those dropped left out; `None` without any.
    """

    supported: int
    partial: int
    unsupported: int
    dropped: int
    score: float | None
    sentences: tuple[GroundedSentence, ...] = ()

    @classmethod
    def of(cls, sentences: tuple[GroundedSentence, ...], *, dropped: int = 0) -> Grounding:
        """Counts sentences."""
        verdicts = [sentence.verdict for sentence in sentences]
        claims = [sentence.support for sentence in sentences if sentence.verdict != "exempt"]
        return cls(
            supported=verdicts.count("supported"),
            partial=verdicts.count("partial"),
            unsupported=verdicts.count("unsupported"),
            dropped=dropped,
            score=round(sum(claims) / len(claims), 4) if claims else None,
            sentences=sentences,
        )


@dataclass(frozen=True, slots=True)
class AnswerMetadata:
    """What is told about an answer (section 7 of the reference document, and how sure we are).

    Attributes:
        tokens_used: Prompt and answer, as the model counts them.
        confidence: 0..1; the generator's own, else the share of sentences whose citation holds.
        abstained: The documents do not hold the answer, and the answer says so.
        strategy: What search really ran: `hybrid`, `lexical`, `vector`, or `none`.
        degraded: What was left out against the plan and why, or `None`.
        prompt_version: Version of the prompt that the model was given; `None` without one.
        passages_considered: How many passages the generator was given.
        citations_removed: Citations dropped because no supplied passage supports them.
        interrupted: The client left before the end; the stored answer is what it had been sent.
        cache: How a cached answer was found; `None` for one written just now.
        answered: Whether the documents hold the whole answer, a part of it, or nothing.
        grounding: What each sentence rests on; `None` for an answer without documents.
        cost: What the answer cost, as in the ledger; `None` where nothing is charged.
        limited_to_tokens: The longest answer that limits allowed, where that is less than was asked for.
    """

    tokens_used: int
    response_time_ms: int
    model_used: str
    cached: bool
    confidence: float
    abstained: bool
    strategy: str
    degraded: str | None
    prompt_version: str | None
    passages_considered: int
    citations_removed: int
    finish_reason: str
    interrupted: bool = False
    cache: CachePath | None = None
    answered: Answered = "full"
    grounding: Grounding | None = None
    cost: Cost | None = None
    limited_to_tokens: int | None = None

    def as_json(self) -> dict[str, Any]:
        told = asdict(self)
        if self.grounding is not None:
            told["grounding"]["sentences"] = list(told["grounding"]["sentences"])
        return told


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete, stored answer."""

    session_id: UUID
    message_id: UUID
    text: str
    sources: tuple[Source, ...]
    metadata: AnswerMetadata

    def told(self, notice: str | None) -> Answer:
        """The answer with a further word about how it came about, if there is one."""
        if notice is None:
            return self
        degraded = " ".join(filter(None, (self.metadata.degraded, notice)))
        return replace(self, metadata=replace(self.metadata, degraded=degraded))

    def as_json(self) -> dict[str, Any]:
        return {
            "session_id": str(self.session_id),
            "message_id": str(self.message_id),
            "answer": self.text,
            "sources": [source.as_json() for source in self.sources],
            "metadata": self.metadata.as_json(),
        }


@dataclass(frozen=True, slots=True)
class Session:
    """A conversation of one member; `title` is its first message, shortened."""

    id: UUID
    title: str
    message_count: int
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """One stored message; `sources` and `metadata` are as they were answered, empty for questions."""

    id: UUID
    session_id: UUID
    position: int
    actor: Actor
    text: str
    sources: list[dict[str, Any]]
    metadata: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class NewTurn:
    """A question and its answer, stored together.

    Attributes:
        session_title: Title of a session that this turn begins; `None` continues an existing one.
        provenance: The answer's record, stored with it; `None` for turns that were not answered here.
        settlement: What the answer is charged, recorded with it; `None` where nothing is.
    """

    session_id: UUID
    session_title: str | None
    question_id: UUID
    question: str
    asked_at: datetime
    answer_id: UUID
    answer: str
    sources: list[dict[str, Any]]
    metadata: dict[str, Any]
    provenance: ProvenanceRecord | None = None
    settlement: Settlement | None = None
