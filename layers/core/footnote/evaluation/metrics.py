"""Ranking and answer metrics. Every function scores one query; `mean` and `bootstrap_interval` sum up."""

from __future__ import annotations

import math
import random
import re
import unicodedata
from collections.abc import Mapping, Sequence

_ARTICLES = frozenset({"a", "an", "the"})
_WORD = re.compile(r"\w+", re.UNICODE)


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


def normalise_answer(text: str) -> tuple[str, ...]:
    """Lower-cased words without punctuation and English articles (SQuAD's normalisation)."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).lower())
    return tuple(word for word in words if word not in _ARTICLES)


def answer_contained(answer: str, golden: Sequence[str]) -> bool:
    """Whether one of the golden answers stands in `answer` as whole words."""
    words = normalise_answer(answer)
    return any(_contains(words, normalise_answer(gold)) for gold in golden)


def _contains(words: tuple[str, ...], gold: tuple[str, ...]) -> bool:
    size = len(gold)
    return size > 0 and any(words[at : at + size] == gold for at in range(len(words) - size + 1))


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean, 0 for no values."""
    return sum(values) / len(values) if values else 0.0


def bootstrap_interval(values: Sequence[float], rounds: int = 1000, seed: int = 7) -> tuple[float, float]:
    """95 % percentile interval of the mean (Efron 1979), with a fixed seed so that a report is repeatable.

    For a paired comparison of two systems pass the differences per query.
    """
    if not values:
        return 0.0, 0.0
    generator = random.Random(seed)  # noqa: S311 - statistics, not cryptography
    means = sorted(mean(generator.choices(values, k=len(values))) for _ in range(rounds))
    return means[int(0.025 * rounds)], means[min(rounds - 1, int(0.975 * rounds))]
