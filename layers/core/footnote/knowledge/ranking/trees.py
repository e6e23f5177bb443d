"""Gradient-boosted regression trees, evaluated a column at a time.

The model is a file written by `tests/evaluation/train_ranker.py`; nothing in it is edited by hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RANKER = Path(__file__).parent / "data" / "ranker.json"


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree in LightGBM's layout.

    Attributes:
        feature, threshold: Of each inner node: rows whose value is at most the threshold go left.
        left, right: Child of each inner node; a negative number `~leaf` is a leaf.
        leaf: Values of the leaves.
    """

    feature: tuple[int, ...]
    threshold: tuple[float, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    leaf: tuple[float, ...]

    def add_to(self, totals: list[float], columns: Sequence[Sequence[float]]) -> None:
        """Adds each row's leaf to its total."""
        waiting: list[tuple[int, list[int]]] = [(0 if self.feature else ~0, list(range(len(totals))))]
        while waiting:
            node, rows = waiting.pop()
            if node < 0:
                value = self.leaf[~node]
                for row in rows:
                    totals[row] += value
                continue
            column, limit = columns[self.feature[node]], self.threshold[node]
            low = [row for row in rows if column[row] <= limit]
            if low:
                waiting.append((self.left[node], low))
            if len(low) < len(rows):
                waiting.append((self.right[node], [row for row in rows if column[row] > limit]))


@dataclass(frozen=True, slots=True)
class Ensemble:
    """A model: the sum of its trees."""

    version: str
    features: tuple[str, ...]
    trees: tuple[Tree, ...]

    def predict(self, columns: Mapping[str, Sequence[float]]) -> list[float]:
        """One score a row; higher is better, the scale is the model's own."""
        ordered = [columns[name] for name in self.features]
        totals = [0.0] * (len(ordered[0]) if ordered else 0)
        for tree in self.trees:
            tree.add_to(totals, ordered)
        return totals


def load_ensemble(path: Path = RANKER) -> Ensemble:
    """Reads a model.

    Raises:
        ValueError: The file is not a model of this layout.
    """
    try:
        data = json.loads(path.read_text())
        trees = tuple(
            Tree(**{name: tuple(values) for name, values in tree.items()}) for tree in data["trees"]
        )
        return Ensemble(str(data["version"]), tuple(data["features"]), trees)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path.name} is not a ranking model: {error!r}") from error
