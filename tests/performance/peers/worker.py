"""A peer's process, in the peers' environment: `python -m tests.performance.peers.worker TASK REPORT`."""

from __future__ import annotations

import importlib.metadata
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.performance.peers.protocol import FileResult, Outcome, Peer, Report, SearchResult, ShortText, Task
from tests.performance.window import Chunk, embedded_share

_WARM_UP = ShortText(
    "warm-up", "A first text, so that nothing is loaded for the first time while the clock runs."
)
_REASON_CHARACTERS = 160


def main(task_file: Path, report_file: Path) -> None:
    """Carries a task out and writes the report."""
    task = Task.read(task_file)
    peer = _create(task)
    peer.add_texts([_WARM_UP])
    started = time.perf_counter()
    files, chunks = _add_files(peer, task)
    files_s = time.perf_counter() - started
    text_chunks, texts_s = _add_texts(peer, task)
    searches = (
        {name: _search(search, task) for name, search in peer.searches().items()} if task.queries else {}
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
    Report(
        versions={name: importlib.metadata.version(name) for name in (*peer.packages, "torch")},
        files=files,
        files_s=files_s,
        embedded_share=embedded_share(chunks, Path(task.model)),
        text_chunks=text_chunks,
        texts_s=texts_s,
        searches=searches,
        peak_memory_bytes=peak,
    ).write(report_file)


def _create(task: Task) -> Peer:
    if task.peer == "llamaindex":
        from tests.performance.peers.llamaindex import LlamaIndexPeer

        return LlamaIndexPeer(task.database, Path(task.model))
    if task.peer == "langchain":
        from tests.performance.peers.langchain import LangChainPeer

        return LangChainPeer(task.database, Path(task.model))
    raise ValueError(f"no such peer: {task.peer}")


def _add_files(peer: Peer, task: Task) -> tuple[list[FileResult], list[Chunk]]:
    results: list[FileResult] = []
    everything: list[Chunk] = []
    for path in map(Path, task.files):
        try:
            indexed = peer.add_file(path)
        except Exception as error:  # noqa: BLE001 - whatever a peer raises is what it does with this file
            reason = f"{type(error).__name__}: {error}".replace("\n", " ")
            results.append(FileResult(path.name, "failed", reason=reason[:_REASON_CHARACTERS]))
            continue
        outcome: Outcome = "read" if indexed.chunks else "empty"
        results.append(FileResult(path.name, outcome, indexed.characters, len(indexed.chunks)))
        everything += indexed.chunks
    return results, everything


def _add_texts(peer: Peer, task: Task) -> tuple[int, float]:
    if not task.texts:
        return 0, 0.0
    started = time.perf_counter()
    chunks = peer.add_texts(task.texts)
    return chunks, time.perf_counter() - started


def _search(search: Callable[[str, int], list[str]], task: Task) -> SearchResult:
    search(task.queries[0], task.depth)
    seconds: list[float] = []
    rankings: list[list[str]] = []
    for query in task.queries:
        started = time.perf_counter()
        ranking = search(query, task.depth)
        seconds.append(time.perf_counter() - started)
        rankings.append(ranking)
    return SearchResult(seconds, rankings)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
