"""How a ranking came about: every candidate with its ranks, and why it stayed or went."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from footnote.knowledge.analysis.models import QueryAnalysis
from footnote.knowledge.filters import SearchFilters


class Outcome(StrEnum):
    """What became of a candidate."""

    KEPT = "kept"
    NEIGHBOUR = "neighbour"
    NEAR_DUPLICATE = "near_duplicate"
    TOO_SIMILAR = "too_similar"
    BELOW_CUT = "below_cut"
    BELOW_LIMIT = "below_limit"


@dataclass(frozen=True, slots=True)
class CandidateTrace:
    """One candidate. Ranks count from 1; `None` where a stage did not list it.

    Attributes:
        fused_score: Of both legs together.
        rerank_score: The reranker's own, 0..1.
        final_score: Blended and adjusted; the order of the result.
        signals: What was added for title, freshness and other settings, by name.
        outcome, reason: Why it stayed or went, the reason in words for a person.
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
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class RetrievalTrace:
    """One search, explained.

    Attributes:
        analysis: What was understood of the query.
        filters: Those of the request and of the query together.
        candidates: By final rank.
        settings: Every stage's setting that had a part in it, by name.
        reranker: Name of the reranker that ran, or `None`.
    """

    analysis: QueryAnalysis
    filters: SearchFilters
    candidates: tuple[CandidateTrace, ...]
    settings: dict[str, str | int | float | bool | None]
    reranker: str | None
