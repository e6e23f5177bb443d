"""The trace of a search, from what its stages left behind."""

from __future__ import annotations

from collections.abc import Sequence

from footnote.knowledge.planning import Plan
from footnote.knowledge.ranking.ranking import Ranked
from footnote.knowledge.trace import CandidateTrace, RetrievalTrace
from footnote.platform.settings import RetrievalSettings

_STAGES = (
    "candidates", "fusion", "dense_weight", "rrf_k", "rerank", "reranked", "rerank_weight", "ranker_weight",
    "near_duplicates", "diversity", "freshness_weight", "title_weight", "cut_below", "neighbours", "expand",
    "routing",
)  # fmt: skip


def trace_of(
    plan: Plan, ranked: Sequence[Ranked], settings: RetrievalSettings, reranker: str | None
) -> RetrievalTrace:
    """What was understood, and what became of each candidate that was looked at."""
    return RetrievalTrace(
        analysis=plan.analysis,
        filters=plan.filters,
        candidates=tuple(_candidate(one, place) for place, one in enumerate(ranked, start=1)),
        settings={name: getattr(settings, name) for name in _STAGES},
        reranker=reranker,
    )


def _candidate(one: Ranked, final_rank: int) -> CandidateTrace:
    candidate, passage = one.contender.candidate, one.contender.passage
    return CandidateTrace(
        chunk_id=candidate.chunk_id,
        document_id=passage.document_id,
        version=passage.version,
        ordinal=passage.ordinal,
        title=passage.title,
        cosine=candidate.cosine,
        bm25=candidate.bm25,
        dense_rank=candidate.dense_rank,
        lexical_rank=candidate.lexical_rank,
        fused_score=one.contender.fused,
        fused_rank=one.fused_rank,
        rerank_score=one.rerank_score,
        rerank_rank=one.rerank_rank,
        final_score=one.score,
        final_rank=final_rank,
        signals=dict(one.signals),
        outcome=one.outcome,
        reason=one.reason,
    )
