"""Real documents: how many are read, and how fast they become searchable.

    python -m tests.performance.ingestion [DIR] [--systems footnote,llamaindex,langchain] [--json OUT]

Footnote takes the files through its public API (announce, presigned upload, wait until every document is in a
terminal state); the peers load, split, embed and insert them in one process. Loading libraries and models is
in no figure.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.performance.figures import machine, megabytes, rate, ratios, save, table, warn_if_busy
from tests.performance.memory import peak_memory
from tests.performance.options import parser
from tests.performance.peers.environment import ensure_environment
from tests.performance.peers.protocol import FileResult
from tests.performance.peers.runner import run_peer
from tests.performance.reading import read_again
from tests.performance.service import Json, Service, service, wait_for_all, warm_up

DEFAULT_DIRECTORY = Path("../shared/data/documents")
SUFFIXES = frozenset({".pdf", ".docx", ".pptx", ".xlsx", ".html", ".htm", ".md", ".csv", ".txt", ".eml"})
NOT_DOCUMENTS = frozenset({"README.md"})
_UPLOADERS = 4


@dataclass(frozen=True)
class Ingestion:
    """What a system made of the documents.

    Attributes:
        seconds: From the first file to the last one's end.
        embedded_share: Of the chunks' characters, those inside the model's window.
        peak_memory_bytes: Of a peer: its process, without the database. Of Footnote: the whole stack, engines
            and all. 0 where it is hidden.
    """

    files: list[FileResult]
    seconds: float
    embedded_share: float
    peak_memory_bytes: int
    versions: Mapping[str, str] = field(default_factory=dict)

    def count(self, outcome: str) -> int:
        return sum(file.outcome == outcome for file in self.files)

    @property
    def rates(self) -> dict[str, float]:
        """Chunks, characters, and characters that the model really read, each per second."""
        characters = rate(sum(file.characters for file in self.files), self.seconds)
        return {
            "chunks per second": rate(sum(file.chunks for file in self.files), self.seconds),
            "characters per second": characters,
            "embedded characters per second": characters * self.embedded_share,
        }


def measure_footnote(target: Service, files: Sequence[Path], limit_s: float) -> Ingestion:
    """Uploads all files into a new organization and waits until each has come to its end."""
    with target.member() as client, peak_memory(target.pid) as peak:
        started = time.perf_counter()
        with ThreadPoolExecutor(_UPLOADERS) as pool:
            ids = list(pool.map(client.upload, files))
        documents = wait_for_all(client, ids, limit_s)
        seconds = time.perf_counter() - started
    again = read_again([path for path, one in zip(files, ids, strict=True) if _is_read(documents[one])])
    results = [
        _result(path, documents[one], again.characters.get(path, 0))
        for path, one in zip(files, ids, strict=True)
    ]
    return Ingestion(results, seconds, again.embedded_share, peak.bytes)


def _is_read(document: Json) -> bool:
    return bool(document["status"] == "completed" and document["chunk_count"])


def _result(path: Path, document: Json, characters: int) -> FileResult:
    if _is_read(document):
        return FileResult(path.name, "read", characters, document["chunk_count"])
    if document["status"] == "completed":
        return FileResult(path.name, "empty")
    failure = document.get("failure") or {}
    reason = failure.get("reason") or document["status"]
    return FileResult(path.name, "failed", reason=f"{document['status']}: {reason}")


def measure_peer(name: str, files: Sequence[Path], limit_s: float) -> Ingestion:
    """Lets a peer take the files."""
    report = run_peer(ensure_environment(), name, files=files, limit_s=limit_s)
    return Ingestion(
        report.files, report.files_s, report.embedded_share, report.peak_memory_bytes, report.versions
    )


def render(results: dict[str, Ingestion]) -> str:
    """Figures, how Footnote compares, and the files that were not read."""
    columns = {
        name: {
            "files read / given": f"{one.count('read')} / {len(one.files)}",
            "accepted but empty": str(one.count("empty")),
            "refused or failed": str(one.count("failed")),
            "chunks": str(sum(file.chunks for file in one.files)),
            "characters": str(sum(file.characters for file in one.files)),
            "share of them inside the model's window": f"{100 * one.embedded_share:.0f} %",
            "seconds": f"{one.seconds:.1f}",
            **{what: f"{value:.1f}" for what, value in one.rates.items()},
            "peak memory": megabytes(one.peak_memory_bytes) if one.peak_memory_bytes else "-",
        }
        for name, one in results.items()
    }
    lines = [table("documents", columns)]
    if "footnote" in results:
        for what, value in results["footnote"].rates.items():
            others = {name: one.rates[what] for name, one in results.items() if name != "footnote"}
            if others:
                lines.append(f"{what.capitalize()}: {ratios(value, others)}")
    lines += ["", "Not read:"]
    for name, one in results.items():
        lines += [
            f"  {name}: {file.name}: {file.reason or 'no text'}"
            for file in one.files
            if file.outcome != "read"
        ]
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Measures, prints, writes."""
    options = parser(__doc__)
    options.add_argument("directory", type=Path, nargs="?", default=DEFAULT_DIRECTORY, metavar="DIR")
    options.add_argument("--limit", type=int, help="at most so many files, in order of their names")
    chosen = options.parse_args(arguments)
    files = _files(chosen.directory, chosen.limit)
    if not files:
        options.error(f"no documents in {chosen.directory}")
    on = machine()
    warn_if_busy(on)
    results: dict[str, Ingestion] = {}
    for name in chosen.systems:
        if name == "footnote":
            with service(chosen.base_url) as target:
                warm_up(target)
                results[name] = measure_footnote(target, files, chosen.limit_s)
        else:
            results[name] = measure_peer(name, files, chosen.limit_s)
    print(render(results))
    figures: dict[str, Any] = {name: asdict(one) | {"rates": one.rates} for name, one in results.items()}
    save(chosen.json, {"machine": on, "files": len(files), "systems": figures})
    return 0


def _files(directory: Path, limit: int | None) -> list[Path]:
    found = (path for path in sorted(directory.iterdir()) if path.suffix.lower() in SUFFIXES)
    return [path for path in found if path.name not in NOT_DOCUMENTS][:limit]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
