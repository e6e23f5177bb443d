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


CONTEXTUAL = Calibration(-11.464, (8.280, 6.230, 5.311, 4.915, 0.913, -2.161), 0.537)
EMBEDDED = Calibration(-12.052, (11.592, 2.824, 3.846, 6.077, 0.849, -2.178), 0.557)
LEXICAL = Calibration(-7.884, (0.000, 0.000, 7.701, 8.296, 2.430, -2.876), 0.302)
