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


CONTEXTUAL = Calibration(-11.838, (9.959, 4.317, 5.822, 5.208, 1.305, -2.457), 0.561)
EMBEDDED = Calibration(-12.337, (11.603, 2.440, 3.836, 6.936, 1.228, -2.552), 0.569)
LEXICAL = Calibration(-8.375, (0.000, 0.000, 7.763, 9.122, 2.859, -3.106), 0.297)
