"""Puts a reranker's opinion and the fused score together (section 5.2 of the reference document)."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

_NO_SPREAD = 1e-9


def on_scale_of(scores: Sequence[float], reference: Sequence[float]) -> list[float]:
    """`scores` moved and stretched to the mean and spread of `reference`; only their shape is kept.

    A ranker learns an order, not a scale. On the scale of the fused scores its opinion can be blended with
    them, and the result still says how good a passage is, not only which is better.
    """
    spread = statistics.pstdev(scores)
    if spread < _NO_SPREAD:
        return list(reference)
    mean, center = statistics.fmean(scores), statistics.fmean(reference)
    stretch = statistics.pstdev(reference) / spread
    return [center + (score - mean) * stretch for score in scores]


def blend(reranked: Sequence[float], fused: Sequence[float], weight: float) -> list[float]:
    """`weight` of the reranker's score and the rest of the fused one: it is blended, never replaced."""
    return [weight * one + (1 - weight) * other for one, other in zip(reranked, fused, strict=True)]
