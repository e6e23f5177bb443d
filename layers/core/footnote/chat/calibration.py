"""Constants of abstention, printed by `tests/evaluation/answers_calibration.py`; not edited by hand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic regression: the probability that the passages hold the answer.

    Attributes:
        cosine: Weight of the best cosine of question and sentence.
        coverage: Weight of the best coverage by a sentence.
        passage: Weight of the coverage by the best sentence's passage.
        missing: Weight of the share of the question that no passage holds.
        threshold: Below it an answer is withheld; 95 % of the answerable questions of the set are above.
    """

    bias: float
    cosine: float
    coverage: float
    passage: float
    missing: float
    threshold: float


HYBRID = Calibration(
    bias=-12.827, cosine=14.843, coverage=6.048, passage=4.846, missing=0.632, threshold=0.530
)
LEXICAL = Calibration(bias=-8.034, cosine=0.0, coverage=8.945, passage=7.773, missing=2.083, threshold=0.229)
