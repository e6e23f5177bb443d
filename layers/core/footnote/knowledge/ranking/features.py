"""Features of candidates for the learned ranker: words, meaning and company, each in plain numbers.

Three kinds stand side by side for every candidate: its own features, the same minus the best value in the
pool, and features of the query (how good the best are, how far ahead), which tell the ranker what kind of
question it has: one whose words stand in one place, or one that a whole topic answers.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from footnote.knowledge.models import Candidate, Passage
from footnote.knowledge.ranking.evidence import ChunkEvidence, RankingEvidence
from footnote.knowledge.ranking.proximity import follows, nearness, pairs, window_coverage

LEADERS = 10
"""How many of the best candidates say what the others are compared with."""

OWN = (
    "cosine", "bm25_of_best", "bm25_of_ideal", "sentence", "coverage", "window", "together", "near",
    "feedback", "centroid", "sibling", "siblings", "length",
)  # fmt: skip
RELATIVE = tuple(f"{name}-best" for name in OWN)
QUERY = (
    "query.best", "query.lead_over_tenth", "query.lead_over_second", "query.cosine", "query.bm25_of_ideal",
    "query.coverage", "query.window", "query.together", "query.terms", "query.is_question", "query.density",
)  # fmt: skip
FEATURES = (*OWN, *RELATIVE, *QUERY, "fused")
"""Names of all features, in the order of the columns."""

_FEEDBACK = 3
_FEEDBACK_WEIGHT = 0.5
_SHARPNESS = 10.0
_K1_PLUS_1 = 2.2
_SIBLINGS = 4


@dataclass(frozen=True, slots=True)
class Contender:
    """A candidate with all that ranking looks at; the pool is sorted by `fused`, best first.

    Attributes:
        sentence: Best cosine of the query and one of its sentences, or `None` where none is stored.
    """

    candidate: Candidate
    fused: float
    passage: Passage
    sentence: float | None = None


def feature_columns(
    query: str, pool: Sequence[Contender], evidence: RankingEvidence
) -> dict[str, list[float]]:
    """A column of values, one a contender, for each name in `FEATURES`.

    Args:
        query: The text of the query.
        pool: Contenders, best first; every one of them found by both legs' scores.
        evidence: Of the query and all of the pool, with the first `LEADERS` of the pool as leaders.
    """
    chunks = [evidence.chunks[one.candidate.chunk_id] for one in pool]
    columns = (
        _scores(pool, evidence)
        | _words(chunks, evidence)
        | _company(pool, chunks)
        | _siblings(pool)
        | {"length": [math.log1p(chunk.length) / 5 for chunk in chunks]}
    )
    relative = {f"{name}-best": _minus_best(columns[name]) for name in OWN}
    of_query = _of_query(query, pool, columns, evidence)
    constant = {name: [value] * len(pool) for name, value in of_query.items()}
    return columns | relative | constant | {"fused": [one.fused for one in pool]}


def _scores(pool: Sequence[Contender], evidence: RankingEvidence) -> dict[str, list[float]]:
    cosines = [max(one.candidate.cosine or 0.0, 0.0) for one in pool]
    bm25 = [one.candidate.bm25 or 0.0 for one in pool]
    best = max(bm25, default=0.0) or 1.0
    ideal = _K1_PLUS_1 * sum(term.idf for term in evidence.terms) or 1.0
    return {
        "cosine": cosines,
        "bm25_of_best": [score / best for score in bm25],
        "bm25_of_ideal": [min(1.0, score / ideal) for score in bm25],
        "sentence": [
            cosine if one.sentence is None else one.sentence
            for one, cosine in zip(pool, cosines, strict=True)
        ],
    }


def _words(chunks: Sequence[ChunkEvidence], evidence: RankingEvidence) -> dict[str, list[float]]:
    weights = [term.idf for term in evidence.terms]
    total = sum(weights) or 1.0
    places = sorted((place, number) for number, term in enumerate(evidence.terms) for place in term.positions)
    neighbours = pairs([number for _, number in places])
    worth = [(weights[one] + weights[other]) / 2 for one, other in neighbours]
    most = sum(worth) or 1.0
    return {
        "coverage": [sum(weights[term] for term in chunk.positions) / total for chunk in chunks],
        "window": [window_coverage(chunk.positions, weights) / total for chunk in chunks],
        "together": [
            sum(w for pair, w in zip(neighbours, worth, strict=True) if follows(chunk.positions, *pair))
            / most
            for chunk in chunks
        ],
        "near": [
            sum(w * nearness(chunk.positions, *pair) for pair, w in zip(neighbours, worth, strict=True))
            / most
            for chunk in chunks
        ],
    }


def _company(pool: Sequence[Contender], chunks: Sequence[ChunkEvidence]) -> dict[str, list[float]]:
    """Likeness to the query moved towards the first three (Rocchio 1971), and to the leaders' centre.

    Both are cosines; the vectors' products are known, so nothing but the products is needed.
    """
    leaders = range(min(LEADERS, len(pool)))
    first = range(min(_FEEDBACK, len(pool)))
    cosines = [one.candidate.cosine or 0.0 for one in pool]
    inner = [chunks[one].leaders for one in leaders]
    weights = [math.exp(_SHARPNESS * (pool[one].fused - pool[0].fused)) for one in leaders]
    centre = math.sqrt(
        max(sum(weights[i] * weights[j] * inner[i][j] for i in leaders for j in leaders), 1e-9)
    )
    share = _FEEDBACK_WEIGHT / max(1, len(first))
    moved = math.sqrt(
        max(
            1.0
            + 2 * share * sum(cosines[i] for i in first)
            + share**2 * sum(inner[i][j] for i in first for j in first),
            1e-9,
        )
    )
    return {
        "feedback": [
            (cosine + share * sum(chunk.leaders[i] for i in first)) / moved
            for cosine, chunk in zip(cosines, chunks, strict=True)
        ],
        "centroid": [sum(weights[i] * chunk.leaders[i] for i in leaders) / centre for chunk in chunks],
    }


def _siblings(pool: Sequence[Contender]) -> dict[str, list[float]]:
    """The best score of another chunk of the document, and how many of its chunks are in the pool."""
    scores: defaultdict[object, list[float]] = defaultdict(list)
    for one in pool:
        scores[one.passage.document_id].append(one.fused)
    best, count = [], []
    for one in pool:
        own = scores[one.passage.document_id]
        others = own[1:] if own[0] == one.fused else own[:1]  # sorted, best first
        best.append(others[0] if others else 0.0)
        count.append(min(len(own), _SIBLINGS) / _SIBLINGS)
    return {"sibling": best, "siblings": count}


def _minus_best(values: Sequence[float]) -> list[float]:
    best = max(values, default=0.0)
    return [value - best for value in values]


def _of_query(
    query: str, pool: Sequence[Contender], columns: dict[str, list[float]], evidence: RankingEvidence
) -> dict[str, float]:
    best = pool[0].fused
    leading = columns["centroid"][:LEADERS]
    return {
        "query.best": best,
        "query.lead_over_tenth": best - pool[min(LEADERS, len(pool)) - 1].fused,
        "query.lead_over_second": best - pool[min(2, len(pool)) - 1].fused,
        "query.cosine": max(columns["cosine"]),
        "query.bm25_of_ideal": max(columns["bm25_of_ideal"]),
        "query.coverage": max(columns["coverage"]),
        "query.window": max(columns["window"]),
        "query.together": max(columns["together"]),
        "query.terms": len(evidence.terms) / 10,
        "query.is_question": float("?" in query),
        "query.density": sum(leading) / len(leading),
    }
