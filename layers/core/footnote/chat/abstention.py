"""Whether the passages answer a question at all.

A logistic regression on a few scores, calibrated so that at least 95 % of the answerable questions of the
development set are answered. It tells questions about other topics well (AUROC and the curve are printed by
`tests/evaluation/answers_calibration.py`). A near-miss question, whose topic is there but whose answer is
not, cannot be told from these scores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from footnote.chat.calibration import HYBRID, LEXICAL
from footnote.chat.evidence import Scored, TermCoverage


@dataclass(frozen=True, slots=True)
class Features:
    """What the decision rests on; all but the cosine are 0..1.

    Attributes:
        cosine: Best cosine of question and sentence, `None` where nothing could be embedded.
        coverage: Best coverage by one sentence.
        passage: Coverage by the passage of the best sentence.
        missing: Share of the question's terms, by weight, that no passage holds.
    """

    cosine: float | None
    coverage: float
    passage: float
    missing: float


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to answer, and with what confidence (0..1)."""

    answer: bool
    confidence: float


def features(ranked: Sequence[Scored], coverage: TermCoverage, *, with_cosine: bool = True) -> Features:
    """Of a question's candidates, best first, at least one.

    Args:
        ranked: The candidates.
        coverage: Terms of the passages they come from.
        with_cosine: Whether cosines mean something, which they do in the embedding model's language only.
    """
    cosines = [candidate.topic_cosine for candidate in ranked if candidate.topic_cosine is not None]
    return Features(
        cosine=max(cosines) if cosines and with_cosine else None,
        coverage=max(candidate.coverage for candidate in ranked),
        passage=coverage.of_passage(ranked[0].sentence.number),
        missing=coverage.missing(),
    )


def decide(observed: Features, threshold: float | None = None) -> Decision:
    """Answer or abstain.

    Args:
        observed: The features; without a cosine the decision rests on words alone.
        threshold: Probability below which to abstain, instead of the calibrated one.
    """
    calibration = LEXICAL if observed.cosine is None else HYBRID
    logit = (
        calibration.bias
        + calibration.cosine * (observed.cosine or 0.0)
        + calibration.coverage * observed.coverage
        + calibration.passage * observed.passage
        + calibration.missing * observed.missing
    )
    probability = 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, logit))))
    limit = calibration.threshold if threshold is None else threshold
    return Decision(probability >= limit, probability)
