"""Documents that are read at the same time share requests to the embedding endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from footnote.knowledge.tokens import count_many
from footnote.models import (
    Embedder,
    EmbeddingModel,
    ModelUsage,
    PassageVectors,
    collecting_usage,
    report_usage,
)
from footnote.platform.errors import ModelUnavailable

# What the model adds to each text: [CLS] and [SEP].
_SPECIAL_TOKENS = 2


@dataclass(slots=True)
class _Waiting:
    """The passages of one caller and where their vectors go."""

    texts: Sequence[str]
    spans: Sequence[Sequence[tuple[int, int]]]
    vectors: asyncio.Future[list[PassageVectors]]
    usage: ModelUsage


class JoiningEmbedder:
    """An `Embedder` that joins what arrives while a request is under way into the next one.

    Alone, a caller waits for nobody; among many, the fixed cost of a request is shared. Long lists are sent
    by themselves, so that short documents do not wait for long ones. What a joined request used is reported
    to its callers, to each by the share of its texts.

    Args:
        embedder: Who does the work.
        most: Texts in one joined request; lists of as many or more go alone.
    """

    def __init__(self, embedder: Embedder, most: int = 32) -> None:
        self._embedder = embedder
        self._most = most
        self._waiting: list[_Waiting] = []
        self._sender: asyncio.Task[None] | None = None

    async def model(self) -> EmbeddingModel:
        return await self._embedder.model()

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        return await self._embedder.embed_queries(texts)

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        found = await self.embed_passages_with_sentences(texts, [()] * len(texts))
        return [list(one.vector) for one in found]

    async def embed_passages_with_sentences(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> list[PassageVectors]:
        if len(texts) >= self._most:
            return await self._embedder.embed_passages_with_sentences(texts, spans)
        waiting = _Waiting(texts, spans, asyncio.get_running_loop().create_future(), ModelUsage())
        self._waiting.append(waiting)
        if self._sender is None or self._sender.done():
            self._sender = asyncio.create_task(self._send())
        try:
            return await waiting.vectors
        finally:
            for (kind, model), units in waiting.usage.units().items():
                report_usage(kind, model, units)

    async def _send(self) -> None:
        while self._waiting:
            joined = self._take()
            try:
                vectors = await self._ask(joined)
            except ModelUnavailable as error:
                await self._send_apart(joined, error)
            except Exception as error:  # noqa: BLE001 - handed to everybody who waits for it
                _fail(joined, error)
            else:
                _hand_out(joined, vectors)

    async def _ask(self, joined: list[_Waiting]) -> list[PassageVectors]:
        texts = [text for one in joined for text in one.texts]
        spans = [of_text for one in joined for of_text in one.spans]
        with collecting_usage() as usage:
            try:
                return await self._embedder.embed_passages_with_sentences(texts, spans)
            finally:
                _share(joined, usage)

    def _take(self) -> list[_Waiting]:
        """The first in line, and those behind it that fit into the same request. Who gave up is left out."""
        self._waiting = [one for one in self._waiting if not one.vectors.done()]
        taken: list[_Waiting] = []
        size = 0
        while self._waiting and (not taken or size + len(self._waiting[0].texts) <= self._most):
            taken.append(self._waiting.pop(0))
            size += len(taken[-1].texts)
        return taken

    async def _send_apart(self, joined: list[_Waiting], error: ModelUnavailable) -> None:
        """One document's text must not fail the others': each is tried by itself."""
        if len(joined) <= 1:
            _fail(joined, error)
            return
        for one in joined:
            try:
                _hand_out([one], await self._ask([one]))
            except ModelUnavailable as own:
                _fail([one], own)


def _share(joined: list[_Waiting], usage: ModelUsage) -> None:
    """Divides what was used by the word pieces of the callers' texts, to the unit."""
    if not usage.units():
        return
    weights = [sum(count_many(one.texts)) + _SPECIAL_TOKENS * len(one.texts) for one in joined]
    whole = sum(weights)
    for (kind, model), units in usage.units().items():
        before = 0
        for one, weight in zip(joined, weights, strict=True):
            one.usage.add(kind, model, units * (before + weight) // whole - units * before // whole)
            before += weight


def _hand_out(joined: list[_Waiting], vectors: list[PassageVectors]) -> None:
    start = 0
    for one in joined:
        end = start + len(one.texts)
        if not one.vectors.done():
            one.vectors.set_result(vectors[start:end])
        start = end


def _fail(joined: list[_Waiting], error: Exception) -> None:
    for one in joined:
        if not one.vectors.done():
            one.vectors.set_exception(error)
