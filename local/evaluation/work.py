"""Work done by some threads, with progress."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Progress = Callable[[str, int, int], None]
"""Told what is going on, how much of it is done, and how much there is."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(
    what: str, items: Sequence[Item], work: Callable[[Item], Result], workers: int, progress: Progress
) -> list[Result]:
    """`work` over all items by some threads, in order, with progress."""
    results: list[Result] = []
    with ThreadPoolExecutor(workers) as pool:
        for result in pool.map(work, items):
            results.append(result)
            progress(what, len(results), len(items))
    return results
