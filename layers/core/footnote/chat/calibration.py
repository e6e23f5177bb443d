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


CONTEXTUAL = Calibration(-11.826, (8.623, 5.932, 5.235, 5.352, 1.373, -2.587), 0.557)
EMBEDDED = Calibration(-12.382, (11.943, 2.572, 3.993, 6.220, 1.261, -2.626), 0.562)
LEXICAL = Calibration(-8.385, (0.000, 0.000, 7.091, 9.385, 3.039, -3.120), 0.311)
