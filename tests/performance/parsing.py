"""Times of parsing and chunking, file by file: `python -m tests.performance.parsing FOLDER [--rounds N]`.

Every file goes through the sandbox as in production. The best of the rounds counts; the start of the parser
process and the first import of a format are shown apart.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from footnote.knowledge.chunking import chunk
from footnote.knowledge.parsing import SUPPORTED_ENDINGS, Sandbox, Unreadable
from footnote.knowledge.tokens import count_tokens
from footnote.platform.settings import IngestionSettings


@dataclass
class Figures:
    """What one file costs and gives; times in milliseconds, the best of all rounds.

    Attributes:
        reason: Why it cannot be read, else empty.
    """

    name: str
    size: int
    parse_ms: float = float("inf")
    chunk_ms: float = float("inf")
    characters: int = 0
    chunks: int = 0
    tokens: int = 0
    reason: str = ""


def measure(paths: Iterable[Path], rounds: int) -> list[Figures]:
    """Parses and chunks every file `rounds` times."""
    settings = IngestionSettings()
    count_tokens("loads the tokenizer")
    sandbox = Sandbox()
    started = time.perf_counter()
    sandbox.start()
    sandbox.parse_blocking(b"First.", "first.txt", settings)
    print(f"parser process ready in {_ms(started):.0f} ms")
    try:
        return [_measure(sandbox, path, rounds, settings) for path in paths]
    finally:
        sandbox.close()


def _measure(sandbox: Sandbox, path: Path, rounds: int, settings: IngestionSettings) -> Figures:
    figures = Figures(path.name, path.stat().st_size)
    for _ in range(rounds):
        started = time.perf_counter()
        try:
            document = sandbox.parse_blocking(path, path.name, settings)
        except Unreadable as error:
            figures.parse_ms = min(figures.parse_ms, _ms(started))
            figures.chunk_ms = 0.0
            figures.reason = error.code
            continue
        figures.parse_ms = min(figures.parse_ms, _ms(started))
        started = time.perf_counter()
        chunks = chunk(document, settings)
        figures.chunk_ms = min(figures.chunk_ms, _ms(started))
        figures.characters, figures.chunks = len(document.text), len(chunks)
        figures.tokens = sum(draft.token_count for draft in chunks)
    return figures


def report(figures: list[Figures]) -> None:
    """Prints a line per file and the totals."""
    print(f"{'file':52} {'KB':>7} {'parse ms':>9} {'chunk ms':>9} {'chars':>8} {'chunks':>7} {'tokens':>7}")
    for one in figures:
        end = one.reason or f"{one.characters:8} {one.chunks:7} {one.tokens / max(1, one.chunks):7.0f}"
        print(f"{one.name[:52]:52} {one.size / 1024:7.0f} {one.parse_ms:9.1f} {one.chunk_ms:9.1f} {end}")
    read = [one for one in figures if not one.reason]

    def total(value: Callable[[Figures], float]) -> float:
        return sum(map(value, figures))

    parse, cut = total(lambda one: one.parse_ms), total(lambda one: one.chunk_ms)
    chunks, characters = total(lambda one: one.chunks), total(lambda one: one.characters)
    print(f"\n{len(read)} of {len(figures)} files read; {chunks:.0f} chunks of {characters:.0f} characters;")
    print(f"parse {parse:.0f} ms, chunk {cut:.0f} ms; {chunks / (parse + cut) * 1000:.0f} chunks per second")


def _ms(started: float) -> float:
    return (time.perf_counter() - started) * 1000


def main() -> None:
    """Entry point."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    paths = sorted(
        path
        for path in options.folder.rglob("*")
        if path.is_file() and path.suffix.lower() in SUPPORTED_ENDINGS
    )
    report(measure(paths, options.rounds))


if __name__ == "__main__":
    main()
