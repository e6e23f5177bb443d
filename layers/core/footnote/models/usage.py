"""What models were used for, gathered while a request is served.

Adapters of models report here; who serves the request begins a collection and reads it at the end. Tasks that
are started within it report to the same collection. What a cache answers is not reported: it costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal, TypeVar

Kind = Literal[
    "input_tokens", "cached_tokens", "output_tokens", "embedding_tokens", "rerank_calls", "compute_ms"
]


_Item = TypeVar("_Item")


class ModelUsage:
    """Units by kind and model."""

    def __init__(self) -> None:
        self._units: Counter[tuple[Kind, str]] = Counter()

    def add(self, kind: Kind, model: str, units: int) -> None:
        """Adds units of a model; nothing for 0."""
        if units:
            self._units[kind, model] += units

    def units(self) -> dict[tuple[Kind, str], int]:
        """All units so far, in the order of kind and model."""
        return dict(sorted(self._units.items()))

    def total(self, kind: Kind) -> int:
        """Units of a kind, of all models."""
        return sum(units for (counted, _), units in self._units.items() if counted == kind)


_CURRENT: ContextVar[ModelUsage | None] = ContextVar("footnote_model_usage", default=None)


@contextmanager
def collecting_usage(usage: ModelUsage | None = None) -> Iterator[ModelUsage]:
    """Collects what models are used for within the block, and within tasks that are started there.

    Args:
        usage: Goes on with this collection; a new one by default.
    """
    usage = ModelUsage() if usage is None else usage
    token = _CURRENT.set(usage)
    try:
        yield usage
    finally:
        _CURRENT.reset(token)


async def collected(steps: AsyncGenerator[_Item, None], usage: ModelUsage) -> AsyncGenerator[_Item, None]:
    """The items of a generator, each step of which reports to `usage`, its end as well.

    A block around a generator's `yield` would not do: what runs between two steps, or goes on with the
    generator in another task, is not a part of it.
    """
    try:
        while True:
            with collecting_usage(usage):
                try:
                    item = await anext(steps)
                except StopAsyncIteration:
                    return
            yield item
    finally:
        with collecting_usage(usage):
            await steps.aclose()


def report_usage(kind: Kind, model: str, units: int) -> None:
    """Reports units to the running collection, if there is one."""
    usage = _CURRENT.get()
    if usage is not None:
        usage.add(kind, model, units)
