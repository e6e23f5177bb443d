"""Constants of abstention, written by `tests/evaluation/answers_calibration.py --write`; not by hand."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Calibration:
    """A logistic regression: the probability that the passages hold the answer.

    Attributes:
        weights: Of `Features`, in the order of its fields.
        threshold: Below it an answer is withheld; 95 % of the answerable questions of the set are above.
    """

    bias: float
    weights: tuple[float, ...]
    threshold: float


CONTEXTUAL = Calibration(-12.827, (14.843, 0.0, 6.048, 4.846, 0.632, 0.0), 0.53)
EMBEDDED = Calibration(-12.827, (14.843, 0.0, 6.048, 4.846, 0.632, 0.0), 0.53)
LEXICAL = Calibration(-8.034, (0.0, 0.0, 8.945, 7.773, 2.083, 0.0), 0.229)
