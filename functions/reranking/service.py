"""The use case: a query and passages in, scores out."""

from __future__ import annotations

from collections.abc import Sequence

from footnote.platform.serving.lanes import Lane
from functions.reranking.backends import Backend, Description, Pair, Scored
from functions.reranking.settings import RerankingServerSettings


class RerankingService:
    """Runs a backend behind one lane: somebody waits for every score.

    Args:
        backend: The loaded model.
        settings: How many pairs may wait.
    """

    def __init__(self, backend: Backend, settings: RerankingServerSettings) -> None:
        self._backend = backend
        self._lane: Lane[Pair, Scored] = Lane(
            "pair",
            backend.score,
            batch_size=backend.batch_size,
            workers=backend.concurrency,
            capacity=settings.max_waiting,
        )

    @property
    def description(self) -> Description:
        return self._backend.description

    async def score(self, query: str, passages: Sequence[str]) -> list[Scored]:
        """One result a passage, in order.

        Raises:
            LaneFull: Too many pairs wait already.
        """
        return await self._lane.map([Pair(query, passage) for passage in passages])

    def close(self) -> None:
        """Stops the worker threads after their current runs."""
        self._lane.close()
