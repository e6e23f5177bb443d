"""The embedding model: int8 as it is served, beside fp32 in the same run.

    python -m tests.performance.embedding CORPUS [--passages N] [--queries N] [--rounds N] [--json OUT]

CORPUS holds `corpus.jsonl` and `queries.jsonl` with a `text` each. First the models in this process, in
turns, with one worker and with one a core; then each in its container over HTTP, with small and large
requests, and queries while passages are being embedded.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from functions.embedding.backends import Item
from functions.embedding.backends.onnx import OnnxBackend
from functions.embedding.build import build
from functions.embedding.model.graph import Precision
from functions.embedding.model.manifest import GRAPH
from functions.embedding.model.verify import agreement
from tests.performance.figures import machine, megabytes, percentile, rate, save, table, warn_if_busy
from tests.support.container import REPOSITORY, RunningContainer, running_container

PRECISIONS: tuple[Precision, ...] = ("fp32", "int8")
REQUEST_SIZES = (1, 8, 32)
REFERENCES = REPOSITORY / "tests" / "fixtures" / "embedding" / "reference.json"


@dataclass(frozen=True)
class Texts:
    """What is embedded."""

    passages: list[str]
    queries: list[str]


def load(directory: Path, passages: int, queries: int) -> Texts:
    """Texts spread evenly over a corpus."""

    def read(name: str, count: int) -> list[str]:
        lines = (directory / name).read_text(encoding="utf-8").splitlines()
        texts = [json.loads(line)["text"] for line in lines if line.strip()]
        return texts[:: max(1, len(texts) // count)][:count]

    return Texts(read("corpus.jsonl", passages), read("queries.jsonl", queries))


def in_process(models: dict[str, OnnxBackend], texts: Texts, rounds: int) -> dict[str, dict[str, Any]]:
    """Milliseconds of a query and passages per second without a server; medians of interleaved rounds."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    latencies: dict[str, list[float]] = defaultdict(list)
    rates: dict[tuple[str, int], list[float]] = defaultdict(list)
    for _ in range(rounds):
        for precision, model in models.items():
            latencies[precision] += [_timed(model.embed, [text], "query") for text in texts.queries]
            for workers in sorted({1, cores}):
                rates[precision, workers].append(_passages_per_s(model, texts.passages, workers))
    return {
        precision: {
            "query_ms": _percentiles(latencies[precision]),
            "passages_per_s": {
                workers: round(percentile(rates[precision, workers], 0.5), 1)
                for workers in sorted({1, cores})
            },
            "mean_tokens": round(_mean_tokens(model, texts.passages), 1),
        }
        for precision, model in models.items()
    }


def served(container: RunningContainer, texts: Texts) -> dict[str, Any]:
    """The same through HTTP, as functions see it."""
    process = psutil.Process(container.process.pid)
    figures: dict[str, Any] = {"rss_idle_bytes": process.memory_info().rss}
    with httpx.Client(base_url=container.url, timeout=120, trust_env=False) as client:
        query = [_timed(_post, client, [text], "query") for text in texts.queries]
        figures["query_ms"] = _percentiles(query)
        figures["passages_per_s"] = {
            size: _served_per_s(client, texts.passages, size) for size in REQUEST_SIZES
        }
        figures["query_ms_under_ingestion"] = _percentiles(_under_ingestion(container, client, texts))
    figures["rss_bytes"] = process.memory_info().rss
    return figures


def _under_ingestion(container: RunningContainer, client: httpx.Client, texts: Texts) -> list[float]:
    """Query times while two clients keep sending batches of passages."""
    enough = threading.Event()

    def ingest() -> None:
        with httpx.Client(base_url=container.url, timeout=120, trust_env=False) as own:
            while not enough.is_set():
                for batch in _batches(texts.passages, 32):
                    if enough.is_set():
                        return
                    _post(own, batch, "passage")

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(ingest) for _ in range(2)]
        time.sleep(0.5)
        try:
            times = [_timed(_post, client, [text], "query") for text in texts.queries]
        finally:
            enough.set()
        for one in running:
            one.result()
    return times


def _passages_per_s(model: OnnxBackend, passages: Sequence[str], workers: int) -> float:
    started = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda text: model.embed([Item(text)], "passage"), passages))
    return rate(len(passages), time.perf_counter() - started)


def _served_per_s(client: httpx.Client, passages: Sequence[str], size: int) -> float:
    started = time.perf_counter()
    for batch in _batches(passages, size):
        _post(client, batch, "passage")
    return round(rate(len(passages), time.perf_counter() - started), 1)


def _post(client: httpx.Client, texts: Sequence[str], kind: str) -> None:
    client.post("/invocations", json={"inputs": list(texts), "kind": kind}).raise_for_status()


def _batches(texts: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (texts[start : start + size] for start in range(0, len(texts), size))


def _timed(work: Callable[..., object], *arguments: object) -> float:
    """Milliseconds of a call."""
    started = time.perf_counter()
    work(*arguments)
    return 1000 * (time.perf_counter() - started)


def _percentiles(times: Sequence[float]) -> dict[str, float]:
    return {"p50": round(percentile(times, 0.5), 2), "p95": round(percentile(times, 0.95), 2)}


def _mean_tokens(model: OnnxBackend, passages: Sequence[str]) -> float:
    window = model.description.window
    counts = [min(one.tokens, window) for text in passages for one in model.embed([Item(text)], "passage")]
    return sum(counts) / len(counts)


def _column(figures: dict[str, Any]) -> dict[str, str]:
    def times(value: dict[str, float]) -> str:
        return f"{value['p50']:.1f} / {value['p95']:.1f} ms"

    model, server = figures["in_process"], figures["served"]
    rows = {
        "build and self-check": f"{figures['build_s']:.1f} s",
        "cosine to the reference, mean / min": f"{figures['cosine_mean']:.4f} / {figures['cosine_min']:.4f}",
        "graph on disk": megabytes(figures["graph_bytes"]),
        "query, p50 / p95": times(model["query_ms"]),
    }
    for workers, value in model["passages_per_s"].items():
        rows[f"passages/s, {workers} worker(s)"] = f"{value:.0f}"
    rows["served: query, p50 / p95"] = times(server["query_ms"])
    rows["served: query during ingestion"] = times(server["query_ms_under_ingestion"])
    for size, value in server["passages_per_s"].items():
        rows[f"served: passages/s, {size} a request"] = f"{value:.0f}"
    rows["served: memory, idle / after"] = (
        f"{megabytes(server['rss_idle_bytes'])} / {megabytes(server['rss_bytes'])}"
    )
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("corpus", type=Path, help="a folder with corpus.jsonl and queries.jsonl")
    options.add_argument("--passages", type=int, default=200)
    options.add_argument("--queries", type=int, default=200)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--json", type=Path, metavar="OUT", help="write all figures there")
    chosen = options.parse_args(arguments)
    before = machine()
    warn_if_busy(before)
    figures = measure(load(chosen.corpus, chosen.passages, chosen.queries), chosen.rounds)
    title = f"{chosen.passages} passages of {figures['int8']['in_process']['mean_tokens']:.0f} word pieces"
    print(table(title, {precision: _column(values) for precision, values in figures.items()}))
    save(chosen.json, {"machine": before, **figures})
    return 0


def measure(texts: Texts, rounds: int) -> dict[str, dict[str, Any]]:
    """All figures, by precision."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        figures: dict[str, dict[str, Any]] = {
            precision: _built(place / precision, precision) for precision in PRECISIONS
        }
        models: dict[str, OnnxBackend] = {
            precision: OnnxBackend(place / precision, 1) for precision in PRECISIONS
        }
        for precision, measured in in_process(models, texts, rounds).items():
            figures[precision]["in_process"] = measured
        models.clear()
        for precision in PRECISIONS:
            with running_container(place / precision, place / "log") as container:
                figures[precision]["served"] = served(container, texts)
    return figures


def _built(directory: Path, precision: Precision) -> dict[str, Any]:
    started = time.perf_counter()
    build(directory, precision)
    took = time.perf_counter() - started
    near = agreement(directory, REFERENCES)
    return {
        "build_s": took,
        "cosine_mean": near.mean_cosine,
        "cosine_min": near.min_cosine,
        "graph_bytes": (directory / GRAPH).stat().st_size,
    }


if __name__ == "__main__":
    sys.exit(main())
