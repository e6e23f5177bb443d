"""An answer, explained: its record, and what has become since of what it rests on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

Standing = Literal["current", "newer_version", "not_searched", "deleted", "gone"]
Validity = Literal["valid", "moved", "outdated", "altered", "deleted", "unknown"]


@dataclass(frozen=True, slots=True)
class ExplainedDocument:
    """A document that was read for an answer.

    Attributes:
        version: The one that was read.
        current_version: The one that is searched now, if any.
        note: Standing in words: "Answered from version 3, now version 4."
    """

    document_id: UUID
    title: str
    filename: str
    version: int
    current_version: int | None
    standing: Standing
    note: str


@dataclass(frozen=True, slots=True)
class Quotation:
    """A cited span: half-open, in the document's text."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class ExplainedPassage:
    """A chunk that the generator was given.

    Attributes:
        number: What `[number]` in the answer refers to.
        location: Where it stands, for a person.
        supplied: Characters of it that were supplied, from its start.
        cited: The spans that the answer cites.
        text: The chunk's, if it is still stored and the same.
        validity: Whether the passage still says what was cited.
        note: Validity in words.
    """

    number: int
    chunk_id: int
    document_id: UUID
    version: int
    title: str
    location: str
    start: int
    end: int
    supplied: int
    sha256: str
    cited: tuple[Quotation, ...]
    text: str | None
    validity: Validity
    note: str


@dataclass(frozen=True, slots=True)
class ExplainedCandidate:
    """A candidate of the search, as `knowledge.CandidateTrace` has it, and what the answer made of it.

    Attributes:
        context_number: The passage of the context that it became a part of.
        is_cited: Whether a span of it is cited.
    """

    chunk_id: int
    document_id: UUID
    version: int
    ordinal: int
    title: str
    cosine: float | None
    bm25: float | None
    dense_rank: int | None
    lexical_rank: int | None
    fused_score: float
    fused_rank: int
    rerank_score: float | None
    rerank_rank: int | None
    final_score: float
    final_rank: int
    signals: dict[str, float]
    outcome: str
    reason: str
    context_number: int | None
    is_cited: bool


@dataclass(frozen=True, slots=True)
class ExplainedSentence:
    """A sentence of the answer, as it was judged when it was given.

    Attributes:
        support: How far the passages support it, 0..1.
        number: The passage that supports it best, if any does.
    """

    text: str
    verdict: str
    support: float
    number: int | None


@dataclass(frozen=True, slots=True)
class Search:
    """What was searched for, and how.

    Attributes:
        text: The query that stands on its own.
        rewritten_by: `rules`, `model`, or `None` where it is the message itself.
        reason: Why it was, or was not, taken to depend on the conversation.
        understood: `knowledge.QueryAnalysis` as data; `None` where no trace was kept.
        filters: Those of the request and of the query together.
        strategy: What really ran.
        settings: Every stage's setting that had a part in it.
        total: How many candidates there were; the first hundred are recorded.
        repeated: The ranking is that of the answer which was repeated from the cache.
    """

    text: str
    rewritten_by: str | None
    depends: bool
    reason: str
    referents: tuple[str, ...]
    understood: dict[str, Any] | None
    filters: dict[str, Any]
    strategy: str
    degraded: str | None
    settings: dict[str, Any]
    total: int
    repeated: bool
    timings_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Integrity:
    """Whether record and answer are as they were written; `problems` say what is not."""

    digest: str
    algorithm: str
    verified: bool
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """How an answer came about, and whether it still holds.

    Attributes:
        metadata: As it was answered: confidence, abstention, tokens, and what else the answer told of itself.
        order: Numbers of the passages as they stood in the prompt.
        unplaced: Cited spans of no recorded passage.
        sentences: Grounding sentence by sentence, where the answer told it.
        models: Embedding, reranker, generation, prompt version.
        fallbacks: What failed on the way and was made up for.
        cache: How a cached answer, or cached passages, were found.
        timings_ms: Milliseconds by stage; `total` is the whole.
    """

    message_id: UUID
    session_id: UUID
    asked_by: UUID
    recorded_at: datetime
    question: str
    answer: str
    metadata: dict[str, Any]
    search: Search | None
    candidates: tuple[ExplainedCandidate, ...]
    passages: tuple[ExplainedPassage, ...]
    order: tuple[int, ...]
    documents: tuple[ExplainedDocument, ...]
    unplaced: tuple[Quotation, ...]
    sentences: tuple[ExplainedSentence, ...]
    models: dict[str, Any]
    fallbacks: tuple[dict[str, str], ...]
    cache: dict[str, Any]
    settings_digest: str
    corpus_version: int
    timings_ms: dict[str, float]
    integrity: Integrity

    def as_data(self) -> dict[str, Any]:
        """As nested dictionaries."""
        return asdict(self)
