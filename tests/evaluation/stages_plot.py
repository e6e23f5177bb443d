"""A picture of what stages earn: differences with their intervals, a panel for each set."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl

Differences = Mapping[str, Mapping[str, tuple[float, float, float]]]
"""By set and stage: mean difference of nDCG@10, lower and upper bound."""

_NOTHING, _LOSS, _GAIN = "#777777", "#b3261e", "#1b7f3b"


def plot(differences: Differences, path: Path) -> None:
    """Writes the picture; its format is that of the file's ending."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    stages = list(next(iter(differences.values())))
    figure, panels = plt.subplots(
        1, len(differences), figsize=(3.4 * len(differences) + 2.4, 0.36 * len(stages) + 1.4), sharey=True,
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for panel, (name, rows) in zip(panels[0], differences.items(), strict=True):
        for place, stage in enumerate(stages):
            value, low, high = rows[stage]
            colour = _LOSS if high < 0 else _GAIN if low > 0 else _NOTHING
            panel.plot([low, high], [place, place], color=colour, linewidth=2)
            panel.plot(value, place, "o", color=colour, markersize=5)
        panel.axvline(0, color="black", linewidth=0.8)
        panel.set_title(name)
        panel.set_xlabel("nDCG@10 minus the product's")
        panel.grid(axis="x", alpha=0.3)
    panels[0][0].set_yticks(range(len(stages)), stages)
    panels[0][0].invert_yaxis()
    figure.savefig(path, dpi=130)
