"""Logistic regression and AUROC, with numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
_STEPS = 60
_RIDGE = 1e-4


@dataclass(frozen=True)
class Regression:
    """Weights on raw features."""

    weights: Array
    bias: float

    def logits(self, observed: Array) -> Array:
        """Log odds, one a row."""
        return observed @ self.weights + self.bias


def fit(observed: Array, labels: Array) -> Regression:
    """Newton's method on standardised features with a small ridge; both classes weigh the same.

    Args:
        observed: One row an observation.
        labels: 1 or 0.
    """
    center, spread = observed.mean(axis=0), observed.std(axis=0) + 1e-9
    design = np.column_stack([(observed - center) / spread, np.ones(len(observed))])
    importance = np.where(labels == 1, 0.5 / labels.mean(), 0.5 / (1 - labels.mean()))
    penalty = np.eye(design.shape[1]) * _RIDGE * len(observed)
    penalty[-1, -1] = 0.0
    weights = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        probability = 1 / (1 + np.exp(-design @ weights))
        gradient = design.T @ (importance * (probability - labels)) + penalty @ weights
        curvature = importance * probability * (1 - probability)
        weights -= np.linalg.solve((design * curvature[:, None]).T @ design + penalty, gradient)
    raw = weights[:-1] / spread
    return Regression(raw, float(weights[-1] - center @ raw))


def auroc(positive: Array, negative: Array) -> float:
    """Chance that a positive scores above a negative, ties half (Mann and Whitney 1947)."""
    _, inverse, counts = np.unique(
        np.concatenate([positive, negative]), return_inverse=True, return_counts=True
    )
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse][: len(positive)]
    return float((ranks.sum() - len(positive) * (len(positive) + 1) / 2) / (len(positive) * len(negative)))
