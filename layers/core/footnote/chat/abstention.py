"""Whether the passages answer a question at all.

A logistic regression on a few scores, calibrated so that at least 95 % of the answerable questions of the
development set are answered. It tells questions about other topics well (AUROC and the curve are printed by
`tests/evaluation/answers_calibration.py`). A near-miss question, whose topic is there but whose answer is
not, cannot be told from these scores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

from footnote.chat.calibration import CONTEXTUAL, EMBEDDED, LEXICAL
from footnote.chat.evidence import Scored, TermCoverage
from footnote.chat.support import content_terms, wording
from footnote.models import PromptPassage


@dataclass(frozen=True, slots=True)
class Features:
    """What the decision rests on; all but the cosines are 0..1.

    Attributes:
        cosine: Best cosine of question and sentence, 0 where words decide alone.
        answer: Cosine of the question and the best sentence, 0 where words decide alone.
        coverage: Best coverage by one sentence.
        passage: Coverage by the passage of the best sentence.
        missing: Share of the question's terms, by weight, that no passage holds.
        names: Share of the names in the question that the passage with most of them does not hold.
    """

    cosine: float
    answer: float
    coverage: float
    passage: float
    missing: float
    names: float


@dataclass(frozen=True, slots=True)
class Observed:
    """Features, and what the cosines are: of sentences within their passages, by themselves, or not known."""

    features: Features
    mode: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to answer, and with what confidence (0..1)."""

    answer: bool
    confidence: float


CALIBRATIONS = {"contextual": CONTEXTUAL, "embedded": EMBEDDED, "lexical": LEXICAL}


def observe(
    question: str,
    passages: Sequence[PromptPassage],
    ranked: Sequence[Scored],
    coverage: TermCoverage,
    *,
    with_cosine: bool = True,
) -> Observed:
    """What the decision on a question rests on.

    Args:
        question: As it was asked.
        passages: The passages.
        ranked: The candidates, best first, at least one.
        coverage: Terms of the passages they come from.
        with_cosine: Whether cosines mean something, which they do in the embedding model's language only.
    """
    best = ranked[0]
    known = [one for one in ranked if one.topic_cosine is not None] if with_cosine else []
    contextual = [one for one in known if one.contextual]
    mode = "contextual" if contextual else "embedded" if known else "lexical"
    cosines = [one.topic_cosine or 0.0 for one in contextual or known]
    return Observed(
        Features(
            cosine=max(cosines, default=0.0),
            answer=(best.topic_cosine or 0.0) if known else 0.0,
            coverage=max(candidate.coverage for candidate in ranked),
            passage=coverage.of_passage(best.sentence.number),
            missing=coverage.missing(),
            names=_names_missing(question, passages),
        ),
        mode,
    )


def decide(observed: Observed, threshold: float | None = None) -> Decision:
    """Answer or abstain.

    Args:
        observed: The features; without a cosine the decision rests on words alone.
        threshold: Probability below which to abstain, instead of the calibrated one.
    """
    calibration = CALIBRATIONS[observed.mode]
    logit = calibration.bias + sum(
        weight * value for weight, value in zip(calibration.weights, astuple(observed.features), strict=True)
    )
    probability = 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, logit))))
    limit = calibration.threshold if threshold is None else threshold
    return Decision(probability >= limit, probability)


def _names_missing(question: str, passages: Sequence[PromptPassage]) -> float:
    names = wording(question).names
    if not names:
        return 0.0
    held = (len(names & content_terms(f"{passage.title} {passage.text}")) for passage in passages)
    return 1.0 - max(held, default=0) / len(names)
