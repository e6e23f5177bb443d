"""Stand-ins for models: embedders without a model, and a generator that says what it is told to."""

from __future__ import annotations

import hashlib
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from footnote.chat import Answer, ChatQuestion, Event
from footnote.models import (
    EmbeddingModel,
    GenerationDelta,
    GenerationRequest,
    PassageVectors,
    Usage,
    report_usage,
)
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ModelUnavailable

DIMENSION = 64
QUESTION = "When was the lighthouse of Farol built?"


class WordEmbedder:
    """Vectors of hashed words: texts that share words are near, nothing else is.

    Attributes:
        calls: How many times vectors were asked for.
    """

    def __init__(self) -> None:
        self.calls = 0

    async def model(self) -> EmbeddingModel:
        return EmbeddingModel("words", "1", DIMENSION)

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        self.calls += 1
        return [_vector(text) for text in texts]

    async def embed_passages(self, texts: Sequence[str]) -> list[list[float]]:
        return await self.embed_queries(texts)

    async def embed_passages_with_sentences(
        self, texts: Sequence[str], spans: Sequence[Sequence[tuple[int, int]]]
    ) -> list[PassageVectors]:
        vectors = await self.embed_queries(texts)
        return [
            PassageVectors(vector, [_vector(text[start:end]) for start, end in of_text])
            for text, of_text, vector in zip(texts, spans, vectors, strict=True)
        ]


class NoEmbedder(WordEmbedder):
    """The endpoint is down."""

    async def embed_queries(self, texts: Sequence[str]) -> list[list[float]]:
        self.calls += 1
        raise ModelUnavailable("The embedding endpoint does not answer.")


def _vector(text: str) -> list[float]:
    values = [0.0] * DIMENSION
    for word in text.casefold().split():
        values[hashlib.sha256(word.strip(".,?!").encode()).digest()[0] % DIMENSION] += 1.0
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [value / length for value in values]


class ScriptedGenerator:
    """A generation model whose answer is known; it reports what it uses as an adapter does.

    Args:
        deltas: What it yields; an exception is raised at its place, a callable is awaited.

    Attributes:
        requests: What it was asked.
        closed: Whether its last stream has ended, in whatever way.
    """

    def __init__(self, *deltas: object, name: str = "scripted") -> None:
        self._deltas = deltas
        self.name = name
        self.requests: list[GenerationRequest] = []
        self.closed = False

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[GenerationDelta, None]:
        self.requests.append(request)
        self.closed = False
        usage = Usage(len(request.question) // 4, 0)  # until it is told, what it must have been
        try:
            for delta in self._deltas:
                if isinstance(delta, BaseException):
                    raise delta
                if isinstance(delta, str):
                    delta = GenerationDelta(delta)  # noqa: PLW2901
                if isinstance(delta, GenerationDelta):
                    written = usage.output_tokens + len(delta.text) // 4
                    usage = delta.usage if delta.finished else Usage(usage.input_tokens, written)
                    yield delta
                else:
                    await delta()  # type: ignore[operator]
        finally:
            self.closed = True
            report_usage("input_tokens", self.name, usage.input_tokens)
            report_usage("cached_tokens", self.name, usage.cached_tokens)
            report_usage("output_tokens", self.name, usage.output_tokens)


def finished(text: str = "", **options: Any) -> GenerationDelta:
    """The last piece of a scripted model's answer."""
    return GenerationDelta(text, finished=True, model="scripted", finish_reason="stop", **options)


def model(*deltas: object) -> Callable[[object], ScriptedGenerator]:
    """Makes a scripted model where the extractive answerer is at hand."""
    return lambda extractive: ScriptedGenerator(*deltas)


async def events_of(
    chat: Any, context: OrganizationContext, message: str = QUESTION, **options: Any
) -> list[Event]:
    """All that is streamed for a question."""
    return [event async for event in chat.orchestrator.stream(context, ChatQuestion(message, **options))]


async def answer_of(
    chat: Any, context: OrganizationContext, message: str = QUESTION, **options: Any
) -> Answer:
    """The whole answer to a question."""
    answer: Answer = await chat.orchestrator.answer(context, ChatQuestion(message, **options))
    return answer
