"""Plain tables and JSON of what was measured."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

_NOTHING = "-"


def percentile(values: Sequence[float], share: float) -> float:
    """Percentile with linear interpolation between the two nearest ranks.

    Args:
        values: At least one.
        share: 0..1, .95 for the 95th percentile.
    """
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def rate(amount: float, seconds: float) -> float:
    """Amount per second; 0 when no time passed, because nothing was done then."""
    return amount / seconds if seconds > 0 else 0.0


def megabytes(count: float) -> str:
    """Bytes as MB (10^6)."""
    return f"{count / 1e6:.0f} MB"


def milliseconds(seconds: float | None) -> str:
    """Milliseconds with one decimal; a dash for what was not measured."""
    return _NOTHING if seconds is None else f"{1000 * seconds:.1f} ms"


def ratios(ours: float, theirs: Mapping[str, float]) -> str:
    """How many times as much as each of the others: `3.1x llamaindex, 3.3x langchain`."""
    parts = [f"{ours / value:.1f}x {name}" for name, value in theirs.items() if value > 0 and ours > 0]
    return ", ".join(parts) or _NOTHING


def table(title: str, columns: Mapping[str, Mapping[str, str]]) -> str:
    """A Markdown table.

    Args:
        title: Head of the first column.
        columns: Column to (row to cell); rows come in the order of first appearance.
    """
    rows = list(dict.fromkeys(row for values in columns.values() for row in values))
    cells = [[title, *columns]]
    cells += [[row, *(values.get(row, _NOTHING) for values in columns.values())] for row in rows]
    widths = [max(len(line[place]) for line in cells) for place in range(len(cells[0]))]
    lines = ["| " + " | ".join(map(str.ljust, line, widths)) + " |" for line in cells]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    return {
        "cores": psutil.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "load_average_1_min": round(psutil.getloadavg()[0], 2),
        "python": platform.python_version(),
        "system": platform.system(),
    }


def warn_if_busy(before: Mapping[str, Any]) -> None:
    """Says so when other work was already running: torch's threads suffer from it more than anything else."""
    if before["load_average_1_min"] > 0.5 * before["cores"]:
        print(f"Note: the load average is {before['load_average_1_min']}; figures of a busy machine mislead.")


def save(path: Path | None, figures: Mapping[str, Any]) -> None:
    """Writes the figures as JSON if a path is given."""
    if path is not None:
        path.write_text(json.dumps(figures, indent=2) + "\n")
