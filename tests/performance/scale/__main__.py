"""Search in small and large organizations: latency, recall, build time and size.

    python -m tests.performance.scale [--sizes 10000,100000,1000000] [--organizations 1000x1000]
                                      [--json OUT] [--plot OUT.svg]

Loads organizations of each size, and many small ones, into a throw-away database, lets the product index
them, and asks real questions: each leg and both, without and with filters that leave 1, 10 and 50 % of the
documents. Beside it, in the same run: the plain exact scan, and one HNSW index that organizations share.
Vectors are mixtures of two real ones, texts recombine real sentences. 1,000,000 chunks need some 10 GB of
disk and 5 GB of memory.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from footnote.platform.settings import RetrievalSettings
from tests.performance.figures import machine, save, warn_if_busy
from tests.performance.scale.corpus import load_material
from tests.performance.scale.report import plot, render
from tests.performance.scale.run import Bench
from tests.support.postgres import TestDatabase, running_cluster

DATA = Path("../shared/data/evaluation")
# As on a machine of 8 GB that has nothing else to do.
_SERVER = {"shared_buffers": "2GB", "max_wal_size": "8GB", "effective_cache_size": "6GB"}


def main(arguments: Sequence[str]) -> int:
    """Loads, measures, prints, writes."""
    chosen = _options().parse_args(arguments)
    on = machine()
    warn_if_busy(on)
    started = time.perf_counter()
    largest = max([*chosen.sizes, *(chunks for _, chunks in chosen.organizations)])
    material = load_material(chosen.data, min(chosen.passages, largest), chosen.questions)
    with _database() as database:
        bench = Bench(database, material, RetrievalSettings())
        figures: dict[str, Any] = {"machine": on, "questions": len(material.questions)}
        figures["single"] = [bench.single(number, size) for number, size in enumerate(chosen.sizes, 1)]
        figures["many"] = [bench.many(count, chunks) for count, chunks in chosen.organizations]
        bench.close()
    figures["seconds"] = round(time.perf_counter() - started, 1)
    print(render(figures))
    save(chosen.json, figures)
    if chosen.plot:
        plot(figures, chosen.plot)
    return 0


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument(
        "--sizes", type=_numbers, default=(10_000, 100_000), help="chunks of one organization"
    )
    options.add_argument(
        "--organizations", type=_many, default=(), help="so many organizations of so many chunks, 1000x1000"
    )
    options.add_argument("--questions", type=int, default=100, help="questions asked (default: 100)")
    options.add_argument("--passages", type=int, default=2_000, help="real passages mixed (default: 2000)")
    options.add_argument("--data", type=Path, default=DATA, help="folder of the judged sets")
    options.add_argument("--json", type=Path, metavar="OUT", help="write all figures there")
    options.add_argument("--plot", type=Path, metavar="OUT", help="draw them there (.svg or .png)")
    return options


def _numbers(value: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in value.split(",") if part)
    except ValueError:
        raise argparse.ArgumentTypeError("give numbers of chunks separated by commas") from None
    if any(number < 1 for number in numbers):
        raise argparse.ArgumentTypeError("an organization needs at least one chunk")
    return numbers


def _many(value: str) -> tuple[tuple[int, int], ...]:
    pairs = [_numbers(part.replace("x", ",")) for part in value.split(",") if part]
    if any(len(pair) != 2 for pair in pairs):
        raise argparse.ArgumentTypeError("give ORGANIZATIONSxCHUNKS, for instance 1000x1000")
    return tuple((pair[0], pair[1]) for pair in pairs)


@contextmanager
def _database() -> Iterator[TestDatabase]:
    with tempfile.TemporaryDirectory(prefix="footnote-scale-") as directory:
        Path(directory).chmod(0o755)
        with running_cluster(Path(directory), _SERVER) as cluster, cluster.migrated_database() as database:
            yield database


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
