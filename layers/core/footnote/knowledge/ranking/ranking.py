"""From the pool of candidates to a ranked list, each step behind a setting, each candidate accounted for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from footnote.knowledge.ranking.blending import blend
from footnote.knowledge.ranking.diversity import diversified
from footnote.knowledge.ranking.duplicates import Unrepeated
from footnote.knowledge.ranking.evidence import RankingEvidence
from footnote.knowledge.ranking.features import Contender
from footnote.knowledge.ranking.signals import freshness, title_match
from footnote.knowledge.trace import Outcome
from footnote.platform.settings import RetrievalSettings


@dataclass(frozen=True, slots=True)
class Reranked:
    """A reranker's scores, and how much they weigh beside the fused ones."""

    name: str
    scores: Sequence[float]
    weight: float


@dataclass(slots=True)
class Ranked:
    """A candidate on its way through the ranking.

    Attributes:
        fused_rank, rerank_rank: 1-based; `None` where no reranker looked at it.
        rerank_score: The reranker's, on the scale of the fused scores or 0..1.
        score: Blended, with signals: what the order is by.
        outcome, reason: Why it stays or goes.
    """

    contender: Contender
    fused_rank: int
    score: float
    rerank_score: float | None = None
    rerank_rank: int | None = None
    signals: dict[str, float] = field(default_factory=dict)
    outcome: Outcome = Outcome.KEPT
    reason: str = ""


def rank(
    query: str,
    pool: Sequence[Contender],
    reranked: Reranked | None,
    evidence: RankingEvidence | None,
    *,
    limit: int,
    unrepeated: bool,
    settings: RetrievalSettings,
    now: datetime,
) -> list[Ranked]:
    """All of the pool, best first; those with `Outcome.KEPT` are the result.

    Args:
        query: The text of the query.
        pool: Best fused score first.
        reranked: What a reranker thinks of the first so many of the pool, or `None` without one.
        evidence: Has everybody's cosine with everybody where diversity is on.
        limit: How many to keep.
        unrepeated: Whether passages that repeat a better one are left out.
        settings: Weights and thresholds of the stages.
        now: For the age of documents.
    """
    ranked = _blended(pool, reranked)
    _add_signals(query, ranked, settings, now)
    head = len(reranked.scores) if reranked is not None else len(ranked)
    ordered = [*_by_score(ranked[:head]), *_by_score(ranked[head:])]
    if settings.diversity > 0 and evidence is not None:
        ordered = _diversified(ordered, pool, evidence, settings.diversity)
    _select(ordered, limit, settings.near_duplicates if unrepeated else None, settings.cut_below)
    return ordered


def _blended(pool: Sequence[Contender], reranked: Reranked | None) -> list[Ranked]:
    ranked = [Ranked(one, place, one.fused) for place, one in enumerate(pool, start=1)]
    if reranked is None:
        return ranked
    scores = reranked.scores
    final = blend(scores, [one.fused for one in pool[: len(scores)]], reranked.weight)
    for one, score, opinion in zip(ranked, final, scores, strict=False):
        one.score, one.rerank_score = score, opinion
    by_opinion = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
    for position, place in enumerate(by_opinion, start=1):
        ranked[place].rerank_rank = position
    return ranked


def _add_signals(query: str, ranked: Sequence[Ranked], settings: RetrievalSettings, now: datetime) -> None:
    for one in ranked:
        passage = one.contender.passage
        if settings.freshness_weight:
            value = freshness(passage.updated_at, now, settings.freshness_half_life_days)
            one.signals["freshness"] = round(settings.freshness_weight * value, 4)
        if settings.title_weight:
            one.signals["title"] = round(settings.title_weight * title_match(query, passage.title), 4)
        one.score += sum(one.signals.values())


def _by_score(ranked: Sequence[Ranked]) -> list[Ranked]:
    """Equal scores by chunk, so that the same search gives the same order."""
    return sorted(ranked, key=lambda one: (-one.score, one.contender.candidate.chunk_id))


def _diversified(
    ordered: list[Ranked], pool: Sequence[Contender], evidence: RankingEvidence, weight: float
) -> list[Ranked]:
    places = {one.candidate.chunk_id: place for place, one in enumerate(pool)}
    own = [places[one.contender.candidate.chunk_id] for one in ordered]
    cosines = [
        [evidence.chunks[one.contender.candidate.chunk_id].leaders[place] for place in own] for one in ordered
    ]
    return [ordered[place] for place, _ in diversified([one.score for one in ordered], cosines, weight)]


def _select(
    ordered: Sequence[Ranked], limit: int, near_duplicates: float | None, cut_below: float | None
) -> None:
    """Says of each why it stays or goes. What nobody asks for any more is not looked at for repetitions."""
    kept: list[Ranked] = []
    seen = Unrepeated(near_duplicates) if near_duplicates is not None else None
    best = ordered[0].score if ordered else 0.0
    for one in ordered:
        if len(kept) >= limit:
            one.outcome, one.reason = Outcome.BELOW_LIMIT, f"{limit} better passages were found."
        elif cut_below is not None and one.score < cut_below * best:
            one.outcome, one.reason = Outcome.BELOW_CUT, f"Below {cut_below:g} of the best score."
        elif seen and (repeated := seen.take(one.contender.passage.text)) is not None:
            original = kept[repeated].contender.passage
            one.outcome = Outcome.NEAR_DUPLICATE
            one.reason = f"Says the same as passage {original.ordinal + 1} of “{original.title}”."
        else:
            kept.append(one)
            one.reason = f"Number {len(kept)} of {limit}."
