"""Gradient-boosted regression trees, evaluated for all rows at once.

The model is a file written by `tests/evaluation/train_ranker.py`; nothing in it is edited by hand.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from operator import or_
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

    def add_to(self, sums: dict[int, float], columns: Sequence[_Column], everybody: int) -> None:
        """Adds each leaf to the sum of the rows that come to it, a set of rows being an integer's bits."""
        waiting = [(0 if self.feature else ~0, everybody)]
        while waiting:
            node, rows = waiting.pop()
            while node >= 0:
                values, first = columns[self.feature[node]]
                low = rows & first[bisect_right(values, self.threshold[node])]
                if low and low != rows:
                    waiting.append((self.right[node], rows ^ low))
                    rows = low
                node = self.left[node] if low else self.right[node]
            sums[rows] = sums.get(rows, 0.0) + self.leaf[~node]


_Column = tuple[list[float], list[int]]
"""A feature's values, ascending, and for each number of them the rows that have the first so many."""


def _column(values: Sequence[float]) -> _Column:
    order = sorted(range(len(values)), key=values.__getitem__)
    return [values[row] for row in order], list(accumulate((1 << row for row in order), or_, initial=0))


@dataclass(frozen=True, slots=True)
class Ensemble:
    """A model: the sum of its trees."""

    version: str
    features: tuple[str, ...]
    trees: tuple[Tree, ...]

    def predict(self, columns: Mapping[str, Sequence[float]]) -> list[float]:
        """One score a row; higher is better, the scale is the model's own."""
        if not self.features:
            return []
        ordered = [_column(columns[name]) for name in self.features]
        count = len(columns[self.features[0]])
        sums: dict[int, float] = {}
        for tree in self.trees:
            tree.add_to(sums, ordered, (1 << count) - 1)
        totals = [0.0] * count
        for rows, value in sums.items():
            left = rows
            while left:
                lowest = left & -left
                totals[lowest.bit_length() - 1] += value
                left ^= lowest
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
