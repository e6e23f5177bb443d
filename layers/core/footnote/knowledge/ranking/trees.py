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

    def add_to(self, totals: list[float], columns: Sequence[_Column]) -> None:
        """Adds each row's leaf to its total."""
        everybody = (1 << len(totals)) - 1
        waiting = [(0 if self.feature else ~0, everybody)]
        while waiting:
            node, rows = waiting.pop()
            if node < 0:
                _add(totals, rows, self.leaf[~node])
                continue
            low = rows & columns[self.feature[node]].at_most(self.threshold[node])
            if low:
                waiting.append((self.left[node], low))
            if low != rows:
                waiting.append((self.right[node], rows ^ low))


def _add(totals: list[float], rows: int, value: float) -> None:
    while rows:
        lowest = rows & -rows
        totals[lowest.bit_length() - 1] += value
        rows ^= lowest


class _Column:
    """One feature of all rows. A set of rows is an integer with a bit for each."""

    def __init__(self, values: Sequence[float]) -> None:
        order = sorted(range(len(values)), key=values.__getitem__)
        self._sorted = [values[row] for row in order]
        self._first = list(accumulate((1 << row for row in order), or_, initial=0))

    def at_most(self, limit: float) -> int:
        """The rows whose value is at most `limit`."""
        return self._first[bisect_right(self._sorted, limit)]


@dataclass(frozen=True, slots=True)
class Ensemble:
    """A model: the sum of its trees."""

    version: str
    features: tuple[str, ...]
    trees: tuple[Tree, ...]

    def predict(self, columns: Mapping[str, Sequence[float]]) -> list[float]:
        """One score a row; higher is better, the scale is the model's own."""
        ordered = [_Column(columns[name]) for name in self.features]
        totals = [0.0] * (len(columns[self.features[0]]) if self.features else 0)
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
