"""Figures, picture and constants of abstention, from the features of many questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path

import numpy as np

from footnote.chat import calibration
from footnote.chat.abstention import Features
from tests.evaluation.regression import Array, Regression, auroc, fit

KEPT = 0.95
"""Share of the answerable questions that are to be answered."""
MARGIN = 0.01
"""Kept beyond it, so that other questions of the kind are kept too."""
ANSWERABLE, NEAR_MISSES, OFF_TOPIC = "answerable", "near misses", ("off topic", "other sets")
FIELDS = tuple(field.name for field in fields(Features))
WORDS = tuple(FIELDS.index(name) for name in ("coverage", "passage", "missing", "names"))
COLUMNS = {"contextual": tuple(range(len(FIELDS))), "embedded": tuple(range(len(FIELDS))), "lexical": WORDS}
_CURVE = (0.99, 0.98, 0.97, 0.96, 0.95, 0.90, 0.85, 0.80)

Half = Mapping[str, Array]
"""By kind of question its features, one row a question."""


def report(halves: Sequence[Half], columns: Sequence[int]) -> dict[str, Array]:
    """Prints figures across the halves and the curve; gives every question's score.

    Scores are of the regression of the other half, less the limit that keeps `KEPT` of the answerable ones:
    so the halves compare.
    """
    held_out: dict[str, list[Array]] = {}
    for train, test in ((0, 1), (1, 0)):
        scores = _scores(regression([halves[train]], columns), halves[test], columns)
        limit = np.quantile(scores[ANSWERABLE], 1 - KEPT)
        print(f"  fitted on half {train}, scored on half {test}, {KEPT:.0%} of the answerable ones answered:")
        for kind in (*OFF_TOPIC, NEAR_MISSES):
            _print(kind, scores[ANSWERABLE], scores[kind], limit)
        for kind, some in scores.items():
            held_out.setdefault(kind, []).append(some - limit)
    joined = {kind: np.concatenate(some) for kind, some in held_out.items()}
    print("  both halves, each by the other's regression:")
    off = np.concatenate([joined[kind] for kind in OFF_TOPIC])
    for kind, some in ((OFF_TOPIC[0], joined[OFF_TOPIC[0]]), ("both kinds off topic", off)):
        _print(kind, joined[ANSWERABLE], some, 0.0)
    _print(NEAR_MISSES, joined[ANSWERABLE], joined[NEAR_MISSES], 0.0)
    print("  answered at each limit:   " + "  ".join(f"{kind:>11}" for kind in joined))
    for kept in _CURVE:
        limit = np.quantile(joined[ANSWERABLE], 1 - kept)
        print(" " * 28 + "  ".join(f"{(some >= limit).mean():11.3f}" for some in joined.values()))
    return joined


def _print(kind: str, answerable: Array, scores: Array, limit: float) -> None:
    answered = float((scores >= limit).mean())
    print(f"    {kind}: {len(scores)}, AUROC {auroc(answerable, scores):.4f}, answered {answered:.3f}")


def regression(halves: Sequence[Half], columns: Sequence[int]) -> Regression:
    """Answerable against off topic, near misses left out."""
    positive = np.concatenate([half[ANSWERABLE] for half in halves])
    negative = np.concatenate([half[kind] for half in halves for kind in OFF_TOPIC])
    labels = np.concatenate([np.ones(len(positive)), np.zeros(len(negative))])
    return fit(np.concatenate([positive, negative])[:, columns], labels)


def _scores(model: Regression, half: Half, columns: Sequence[int]) -> dict[str, Array]:
    return {kind: model.logits(rows[:, columns]) for kind, rows in half.items()}


def constants(halves: Sequence[Half], columns: Sequence[int]) -> str:
    """The product's constants: a regression over both halves, as Python."""
    model = regression(halves, columns)
    answerable = np.concatenate([half[ANSWERABLE] for half in halves])[:, columns]
    threshold = float(np.quantile(model.logits(answerable), 1 - KEPT - MARGIN))
    weights = dict(zip(columns, model.weights, strict=True))
    told = ", ".join(f"{weights.get(column, 0.0):.3f}" for column in range(len(FIELDS)))
    return f"Calibration({model.bias:.3f}, ({told}), {1 / (1 + np.exp(-threshold)):.3f})"


def write(found: Mapping[str, str]) -> Path:
    """Puts constants into the product; its path. Those of modes that were not observed stay."""
    path = Path(calibration.__file__)
    lines = path.read_text().splitlines()
    for mode, told in found.items():
        name = mode.upper()
        lines = [f"{name} = {told}" if line.startswith(f"{name} = ") else line for line in lines]
    path.write_text("\n".join(lines) + "\n")
    return path


def plot(modes: Mapping[str, Mapping[str, Array]], path: Path) -> None:
    """Writes the curve, a panel for each mode; its format is that of the file's ending."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(
        1, len(modes), figsize=(4.6 * len(modes), 4.2), sharey=True, squeeze=False, layout="constrained"
    )
    for panel, (mode, scores) in zip(panels[0], modes.items(), strict=True):
        limits = np.quantile(scores[ANSWERABLE], np.linspace(0, 1, 201))
        kept = [(scores[ANSWERABLE] >= limit).mean() for limit in limits]
        for kind in (*OFF_TOPIC, NEAR_MISSES):
            panel.plot(kept, [(scores[kind] >= limit).mean() for limit in limits], label=kind)
        panel.axvline(KEPT, color="black", linewidth=0.8, linestyle=":")
        panel.set_title(mode)
        panel.set_xlabel("answerable questions answered")
        panel.set_xlim(0.7, 1.0)
        panel.grid(alpha=0.3)
    panels[0][0].set_ylabel("other questions answered")
    panels[0][0].legend()
    figure.savefig(path, dpi=130)
