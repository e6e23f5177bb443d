"""A cross-encoder of the usual size on this machine's cores: pairs a second, and how long a search waits.

    python -m tests.performance.reranking CORPUS [--pairs N] [--rounds N] [--json OUT]

CORPUS holds `corpus.jsonl` and `queries.jsonl` with a `text` each. The model has the shape of MiniLM with six
layers, in float32 and with int8 weights, and random weights: how fast it is does not depend on them, and how
well it ranks is not measured here. First batches of several sizes in this process, then whole searches in the
container over HTTP.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import onnxruntime
import psutil
from onnxruntime.quantization import QuantType, quantize_dynamic

from functions.reranking.backends import Pair
from functions.reranking.backends.onnx import INPUTS, open_session
from functions.reranking.pairs import TOKENIZER, PairTokenizer
from functions.reranking.settings import RerankingServerSettings
from tests.performance.figures import machine, megabytes, percentile, rate, save, table, warn_if_busy
from tests.support.container import RunningContainer, running_container
from tests.support.cross_encoder import Shape, build_cross_encoder

MINILM = Shape(layers=6, hidden=384, heads=12, inner=1536, positions=512)
GRAPHS = {"fp32": "model.onnx", "int8": "model_int8.onnx"}
BATCH_SIZES = (1, 4, 16)
DEPTHS = (10, 20, 40)
WINDOW = 512


def load(directory: Path, count: int) -> list[Pair]:
    """Questions and passages spread evenly over a corpus, each question with every so many passages."""

    def read(name: str) -> list[str]:
        lines = (directory / name).read_text(encoding="utf-8").splitlines()
        texts = [json.loads(line)["text"] for line in lines if line.strip()]
        return texts[:: max(1, len(texts) // count)]

    return list(islice(map(Pair, cycle(read("queries.jsonl")), cycle(read("corpus.jsonl"))), count))


def build(directory: Path) -> Path:
    """The model with both graphs."""
    build_cross_encoder(directory, MINILM)
    graph, quantised = (directory / name for name in GRAPHS.values())
    quantize_dynamic(graph, quantised, weight_type=QuantType.QInt8)
    return directory


def run(session: onnxruntime.InferenceSession, tokenizer: PairTokenizer, pairs: Sequence[Pair]) -> None:
    """One run, padded to its longest pair."""
    encodings = [tokenizer.encode(pair.query, pair.passage).encoding for pair in pairs]
    length = max(len(encoding.ids) for encoding in encodings)
    for encoding in encodings:
        encoding.pad(length)
    session.run(
        None,
        {
            name: np.array([getattr(encoding, place) for encoding in encodings], dtype=np.int64)
            for name, place in INPUTS.items()
        },
    )


def in_process(model: Path, graph: str, pairs: Sequence[Pair], rounds: int) -> dict[int, float]:
    """Pairs a second on all cores by batch size; medians of interleaved rounds."""
    session, tokenizer = open_session(model / graph), PairTokenizer(model / TOKENIZER, WINDOW)
    workers = RerankingServerSettings().cores()
    rates: dict[int, list[float]] = {size: [] for size in BATCH_SIZES}
    for _ in range(rounds):
        for size in BATCH_SIZES:
            batches = [pairs[start : start + size] for start in range(0, len(pairs), size)]
            started = time.perf_counter()
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(partial(run, session, tokenizer), batches))
            rates[size].append(rate(len(pairs), time.perf_counter() - started))
    return {size: round(percentile(found, 0.5), 1) for size, found in rates.items()}


def served(container: RunningContainer, pairs: Sequence[Pair], rounds: int) -> dict[str, Any]:
    """What a search waits for so many passages, in milliseconds; and the container's memory."""
    process = psutil.Process(container.process.pid)
    figures: dict[str, Any] = {"rss_idle_bytes": process.memory_info().rss}
    with httpx.Client(base_url=container.url, timeout=120, trust_env=False) as client:
        for depth in DEPTHS:
            times = [_search(client, pairs[start : start + depth]) for start in _starts(pairs, depth, rounds)]
            p50, p95 = (round(percentile(times, share), 1) for share in (0.5, 0.95))
            figures[f"{depth} passages"] = {"p50": p50, "p95": p95}
    figures["rss_bytes"] = process.memory_info().rss
    return figures


def _starts(pairs: Sequence[Pair], depth: int, rounds: int) -> list[int]:
    return list(range(0, len(pairs) - depth + 1, depth)) * rounds


def _search(client: httpx.Client, pairs: Sequence[Pair]) -> float:
    body = {"query": pairs[0].query, "passages": [pair.passage for pair in pairs]}
    started = time.perf_counter()
    client.post("/invocations", json=body).raise_for_status()
    return 1000 * (time.perf_counter() - started)


def measure(pairs: Sequence[Pair], rounds: int) -> dict[str, dict[str, Any]]:
    """All figures, by precision."""
    figures: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        model = build(Path(scratch) / "model")
        for precision, graph in GRAPHS.items():
            figures[precision] = {
                "graph_bytes": (model / graph).stat().st_size,
                "pairs_per_s": in_process(model, graph, pairs, rounds),
            }
            log = Path(scratch) / "log"
            with running_container(model, log, "reranking", RERANKING_GRAPH=graph) as container:
                figures[precision]["served"] = served(container, pairs, rounds)
    return figures


def _column(figures: dict[str, Any]) -> dict[str, str]:
    served = figures["served"]
    rows = {"graph on disk": megabytes(figures["graph_bytes"])}
    for size, value in figures["pairs_per_s"].items():
        rows[f"pairs/s, {size} a run"] = f"{value:.0f}"
    for depth in DEPTHS:
        times = served[f"{depth} passages"]
        rows[f"served: a search of {depth} passages, p50 / p95"] = (
            f"{times['p50']:.0f} / {times['p95']:.0f} ms"
        )
    rows["served: memory, idle / after"] = (
        f"{megabytes(served['rss_idle_bytes'])} / {megabytes(served['rss_bytes'])}"
    )
    return rows


def _mean_tokens(pairs: Sequence[Pair]) -> float:
    with tempfile.TemporaryDirectory() as scratch:
        model = build_cross_encoder(Path(scratch) / "tiny")
        tokenizer = PairTokenizer(model / TOKENIZER, WINDOW)
        counts = [len(tokenizer.encode(pair.query, pair.passage).encoding.ids) for pair in pairs]
    return sum(counts) / len(counts)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("corpus", type=Path, help="a folder with corpus.jsonl and queries.jsonl")
    options.add_argument("--pairs", type=int, default=160, help=f"at least {max(DEPTHS)}")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--json", type=Path, metavar="OUT", help="write all figures there")
    chosen = options.parse_args(arguments)
    if chosen.pairs < max(DEPTHS):
        options.error(f"--pairs: at least {max(DEPTHS)}, as many as one search has passages")
    before = machine()
    warn_if_busy(before)
    pairs = load(chosen.corpus, chosen.pairs)
    figures = measure(pairs, chosen.rounds)
    title = f"{len(pairs)} pairs of {_mean_tokens(pairs):.0f} word pieces"
    print(table(title, {precision: _column(values) for precision, values in figures.items()}))
    save(chosen.json, {"machine": before, **figures})
    return 0


if __name__ == "__main__":
    sys.exit(main())
