"""Ranking metrics. Every function scores one query by the documents that were found for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def ndcg(ranking: Sequence[str], relevance: Mapping[str, int], depth: int) -> float:
    """Normalised discounted cumulative gain at `depth`, 0..1.

    Gain is the relevance itself, discount `1 / log2(rank + 1)` (Jarvelin and Kekalainen 2002; trec_eval).

    Args:
        ranking: Document ids, best first, without repetition.
        relevance: Document id to relevance; documents not named have 0.
        depth: How many ranks count.
    """
    gains = [relevance.get(document, 0) for document in ranking[:depth]]
    ideal = sorted(relevance.values(), reverse=True)[:depth]
    best = _discounted(ideal)
    return _discounted(gains) / best if best else 0.0


def _discounted(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))


def recall(ranking: Sequence[str], relevance: Mapping[str, int], depth: int) -> float:
    """Share of the relevant documents among the first `depth`, 0..1."""
    relevant = {document for document, value in relevance.items() if value > 0}
    return len(relevant.intersection(ranking[:depth])) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranking: Sequence[str], relevance: Mapping[str, int], depth: int) -> float:
    """One over the rank of the first relevant document, 0 if none is among the first `depth`."""
    for rank, document in enumerate(ranking[:depth], start=1):
        if relevance.get(document, 0) > 0:
            return 1.0 / rank
    return 0.0


def success(ranking: Sequence[str], relevance: Mapping[str, int], depth: int) -> float:
    """1 if a relevant document is among the first `depth`, else 0."""
    return float(any(relevance.get(document, 0) > 0 for document in ranking[:depth]))


def precision(ranking: Sequence[str], relevance: Mapping[str, int], depth: int) -> float:
    """Share of relevant documents among the first `depth`, 0..1; missing ranks count as not relevant."""
    return sum(relevance.get(document, 0) > 0 for document in ranking[:depth]) / depth


def average_precision(ranking: Sequence[str], relevance: Mapping[str, int]) -> float:
    """Mean of the precision at each relevant document's rank, 0 for those not found (trec_eval's `map`)."""
    relevant = sum(value > 0 for value in relevance.values())
    found, total = 0, 0.0
    for rank, document in enumerate(ranking, start=1):
        if relevance.get(document, 0) > 0:
            found += 1
            total += found / rank
    return total / relevant if relevant else 0.0
