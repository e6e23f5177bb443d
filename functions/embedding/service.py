"""The use case: texts in, vectors out, queries before passages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from footnote.platform.serving.lanes import Lane
from functions.embedding.backends import Backend, Description, Embedded, Item, Kind
from functions.embedding.settings import EmbeddingServerSettings


class EmbeddingService:
    """Runs a backend behind one lane for queries and one for passages.

    Args:
        backend: The loaded model.
        settings: Niceness of passages and how many texts may wait.
    """

    def __init__(self, backend: Backend, settings: EmbeddingServerSettings) -> None:
        self._backend = backend
        self._lanes: dict[Kind, Lane[Item, Embedded]] = {
            kind: Lane(
                kind,
                partial(backend.embed, kind=kind),
                batch_size=backend.batch_size,
                workers=backend.concurrency,
                niceness=settings.passage_niceness if kind == "passage" else 0,
                capacity=settings.max_waiting,
            )
            for kind in ("query", "passage")
        }

    @property
    def description(self) -> Description:
        return self._backend.description

    async def embed(self, items: Sequence[Item], kind: Kind) -> list[Embedded]:
        """One result a text, in order.

        Raises:
            LaneFull: Too many texts wait already.
        """
        return await self._lanes[kind].map(items)

    def close(self) -> None:
        """Stops the worker threads after their current runs."""
        for lane in self._lanes.values():
            lane.close()
