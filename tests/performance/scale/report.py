"""The figures as tables and as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.performance.figures import megabytes, milliseconds, table

_FILTERS = {"none": "no filter", "half": "50 %", "ten": "10 %", "one": "1 %"}
_LEGS = ("lexical", "dense", "hybrid", "whole")
_LEXICAL = ("postings", "indexed_chunks", "lexicon")


def render(figures: Mapping[str, Any]) -> str:
    """Markdown tables."""
    runs = {_title(run): run for run in (*figures["single"], *figures["many"])}
    searches = {
        f"{title}, {label}": run["filters"][name]
        for title, run in runs.items()
        for name, label in _FILTERS.items()
    }
    columns: dict[str, dict[str, str]] = {
        f"{leg} p50 / p95": {row: _both(found[leg]) for row, found in searches.items()} for leg in _LEGS
    }
    columns["recall@10"] = {row: f"{found['recall']:.3f}" for row, found in searches.items()}
    columns["too few"] = {row: str(found["short"]) for row, found in searches.items()}
    parts = [
        table(f"search ({figures['questions']} questions)", columns),
        table("loading and size", _loading(runs)),
        table("baselines", _baselines(runs)),
    ]
    return "\n\n".join([*parts, f"The run took {figures['seconds']:.0f} s."])


def _loading(runs: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    steps = ("store", "lexical index", "vector index")
    columns = {step: {row: f"{run['seconds'][step]:.1f} s" for row, run in runs.items()} for step in steps}
    columns["lexical index size"] = {
        row: megabytes(sum(run["bytes"][name] for name in _LEXICAL)) for row, run in runs.items()
    }
    columns["bytes a posting"] = {
        row: f"{sum(run['bytes'][name] for name in _LEXICAL) / run['postings']:.0f}"
        for row, run in runs.items()
        if run.get("postings")
    }
    columns["vectors"] = {row: megabytes(run["bytes"]["chunk_vectors"]) for row, run in runs.items()}
    columns["vector index size"] = {
        row: megabytes(run["vector_index_bytes"])
        for row, run in runs.items()
        if run.get("vector_index_bytes")
    }
    columns["chunks"] = {row: megabytes(run["bytes"]["chunks"]) for row, run in runs.items()}
    return columns


def _baselines(runs: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    shared = {row: run["shared_index"] for row, run in runs.items() if "shared_index" in run}
    return {
        "exact scan p50 / p95": {
            row: _both(run["exact_scan"]) for row, run in runs.items() if "exact_scan" in run
        },
        "embedding of a question": {
            row: _both(run["embedding"]) for row, run in runs.items() if "embedding" in run
        },
        "shared index recall@10": {row: f"{one['recall']:.3f}" for row, one in shared.items()},
        "rows of 10": {row: f"{one['rows']:.1f}" for row, one in shared.items()},
        "shared index p50 / p95": {row: _both(one["latency"]) for row, one in shared.items()},
    }


def plot(figures: Mapping[str, Any], path: Path) -> None:
    """Latency, recall and size over the number of chunks."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    runs = sorted(figures["single"], key=lambda run: run["chunks"])
    sizes = [run["chunks"] for run in runs]
    drawing, ((latency, filtered), (recall, size)) = plt.subplots(2, 2, figsize=(11, 8))
    for leg in _LEGS:
        found = [run["filters"]["none"][leg] for run in runs]
        (line,) = latency.plot(sizes, [1000 * one["p50"] for one in found], marker="o", label=f"{leg} p50")
        latency.plot(
            sizes, [1000 * one["p95"] for one in found], "--", color=line.get_color(), label=f"{leg} p95"
        )
    latency.plot(sizes, [1000 * run["exact_scan"]["p50"] for run in runs], "k:", label="exact scan alone")
    for name, label in _FILTERS.items():
        times = [1000 * run["filters"][name]["whole"]["p95"] for run in runs]
        filtered.plot(sizes, times, marker="o", label=label)
        recall.plot(sizes, [run["filters"][name]["recall"] for run in runs], marker="o", label=label)
    shared = [(run["chunks"], run["shared_index"]["recall"]) for run in runs if "shared_index" in run]
    for run in figures["many"]:
        shared_recall = run["shared_index"]["recall"]
        recall.plot([run["chunks"]], [shared_recall], "kx", label=f"shared index, {_title(run)}")
    if shared:
        recall.plot(*zip(*shared, strict=True), "k:", label="shared index")
    for part in ("chunks", "chunk_vectors", "postings", "indexed_chunks"):
        size.plot(sizes, [run["bytes"][part] / run["chunks"] for run in runs], marker="o", label=part)
    titles = {
        latency: ("search without filter", "ms"),
        filtered: ("whole search with filters, p95", "ms"),
        recall: ("recall@10 of the dense leg", ""),
        size: ("size", "bytes per chunk"),
    }
    for axes, (title, unit) in titles.items():
        axes.set(title=title, ylabel=unit, xlabel="chunks", xscale="log")
        axes.legend(fontsize=7)
        axes.grid(alpha=0.3)
    for axes in (latency, filtered, size):
        axes.set_ylim(bottom=0)
    drawing.tight_layout()
    drawing.savefig(path)


def _title(run: Mapping[str, Any]) -> str:
    if "organizations" in run:
        return f"{run['organizations']:,} x {run['chunks']:,}"
    return f"{run['chunks']:,}"


def _both(latency: Mapping[str, float]) -> str:
    return f"{milliseconds(latency['p50']).removesuffix(' ms')} / {milliseconds(latency['p95'])}"
