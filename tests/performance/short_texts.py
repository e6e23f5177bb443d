"""Short texts: how many a second become searchable.

    python -m tests.performance.short_texts [--corpus DIR] [--limit N] [--json OUT]

Footnote takes each text as a document of its own through its public API, with some clients at once: announce,
presigned upload, wait until all are searchable. The peers embed and insert the list in one call.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.performance.corpus import DEFAULT_CORPUS, Corpus, load
from tests.performance.figures import machine, megabytes, rate, ratios, save, table, warn_if_busy
from tests.performance.memory import peak_memory
from tests.performance.options import parser
from tests.performance.peers.environment import ensure_environment
from tests.performance.peers.runner import run_peer
from tests.performance.service import Service, service, warm_up
from tests.performance.upload import upload_texts


@dataclass(frozen=True)
class Insertion:
    """Texts into one system.

    Attributes:
        seconds: Until all of them can be found.
        uploaded_s: Until the last one was handed over; only where that is a step of its own.
        peak_memory_bytes: Of a peer: its process. Of Footnote: the whole stack. 0 where it is hidden.
    """

    texts: int
    chunks: int
    seconds: float
    uploaded_s: float | None
    peak_memory_bytes: int

    @property
    def texts_per_s(self) -> float:
        return rate(self.texts, self.seconds)


def measure_footnote(target: Service, corpus: Corpus, clients: int, limit_s: float) -> Insertion:
    """Uploads the corpus into a new organization."""
    with target.member() as client, peak_memory(target.pid) as peak:
        done = upload_texts(client, corpus.rows, clients, limit_s)
    return Insertion(len(corpus.rows), done.chunks, done.searchable_s, done.uploaded_s, peak.bytes)


def measure_peer(name: str, corpus: Corpus, limit_s: float) -> Insertion:
    """Lets a peer insert the corpus."""
    report = run_peer(ensure_environment(), name, texts=corpus.short_texts(), limit_s=limit_s)
    return Insertion(len(corpus.rows), report.text_chunks, report.texts_s, None, report.peak_memory_bytes)


def render(corpus: Corpus, results: dict[str, Insertion]) -> str:
    """The figures as a table, and how Footnote compares."""
    columns = {
        name: {
            "texts": str(one.texts),
            "chunks": str(one.chunks),
            "seconds until searchable": f"{one.seconds:.1f}",
            "texts per second": f"{one.texts_per_s:.1f}",
            "seconds until uploaded": "-" if one.uploaded_s is None else f"{one.uploaded_s:.1f}",
            "peak memory": megabytes(one.peak_memory_bytes) if one.peak_memory_bytes else "-",
        }
        for name, one in results.items()
    }
    lines = [table(f"short texts ({corpus.name})", columns)]
    if "footnote" in results and len(results) > 1:
        others = {name: one.texts_per_s for name, one in results.items() if name != "footnote"}
        lines.append(f"Texts per second: {ratios(results['footnote'].texts_per_s, others)}")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Measures, prints, writes."""
    options = parser(__doc__)
    options.add_argument("--corpus", type=Path, default=DEFAULT_CORPUS, help="folder with corpus.jsonl")
    options.add_argument("--limit", type=int, help="at most so many texts (default: all)")
    options.add_argument("--clients", type=int, default=8, help="uploads at once (default: 8)")
    chosen = options.parse_args(arguments)
    on = machine()
    warn_if_busy(on)
    corpus = load(chosen.corpus, chosen.limit)
    results: dict[str, Insertion] = {}
    for name in chosen.systems:
        if name == "footnote":
            with service(chosen.base_url) as target:
                warm_up(target)
                results[name] = measure_footnote(target, corpus, chosen.clients, chosen.limit_s)
        else:
            results[name] = measure_peer(name, corpus, chosen.limit_s)
    print(render(corpus, results))
    figures: dict[str, Any] = {
        name: asdict(one) | {"texts_per_s": one.texts_per_s} for name, one in results.items()
    }
    save(chosen.json, {"machine": on, "corpus": corpus.name, "systems": figures})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
