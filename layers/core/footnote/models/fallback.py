"""Several generators as one: where one fails, the next takes over."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from footnote.models.ports import GenerationDelta, GenerationRequest, Generator
from footnote.platform.clock import Clock, SystemClock
from footnote.platform.errors import ModelUnavailable
from footnote.platform.logging import get_logger

logger = get_logger("generation")


class FallbackGenerator:
    """A `Generator` that asks its generators in order.

    One that fails before its first text is passed over silently. One that fails later has shown text that
    nobody will finish: the next generator's first delta then has `restart` set, and the reader discards all
    that came before it. The last delta names the model that answered.

    Args:
        generators: At least one; the best first, the most dependable last.
        clock: Time; tests set their own.
    """

    def __init__(self, generators: Sequence[Generator], clock: Clock | None = None) -> None:
        if not generators:
            raise ValueError("a fallback chain needs at least one generator")
        self._generators = tuple(generators)
        self._clock = clock or SystemClock()

    @property
    def name(self) -> str:
        """The preferred model; the last delta tells which one really answered."""
        return self._generators[0].name

    async def stream(self, request: GenerationRequest) -> AsyncIterator[GenerationDelta]:
        """The answer of the first generator that finishes one.

        Raises:
            ModelUnavailable: All failed; this is the last one's error. Text may have been sent before it.
        """
        started = self._clock.monotonic()
        discard = False
        for position, generator in enumerate(self._generators, start=1):
            attempt = self._within_deadline(request, started)
            shown = False
            try:
                async with _closing(generator.stream(attempt)) as deltas:
                    async for delta in _complete(deltas):
                        yield _labelled(delta, generator.name, restart=discard)
                        discard, shown = False, shown or bool(delta.text)
            except ModelUnavailable as error:
                logger.warning("a generator failed", extra={"model": generator.name, "after_text": shown})
                discard = discard or shown
                if position == len(self._generators):
                    raise ModelUnavailable(error.message, details=error.details) from error
            else:
                return

    def _within_deadline(self, request: GenerationRequest, started: float) -> GenerationRequest:
        """The request with what the generators before have left of its time."""
        if request.timeout_s is None:
            return request
        spent = self._clock.monotonic() - started
        return replace(request, timeout_s=max(0.0, request.timeout_s - spent))


def _labelled(delta: GenerationDelta, name: str, *, restart: bool) -> GenerationDelta:
    model = (delta.model or name) if delta.finished else delta.model
    return replace(delta, restart=delta.restart or restart, model=model)


async def _complete(deltas: AsyncIterator[GenerationDelta]) -> AsyncIterator[GenerationDelta]:
    """The deltas up to the finished one; their end without it is a failure, not an answer."""
    async for delta in deltas:
        yield delta
        if delta.finished:
            return
    raise ModelUnavailable("The model stopped in the middle of its answer.")


@asynccontextmanager
async def _closing(stream: AsyncIterator[GenerationDelta]) -> AsyncIterator[AsyncIterator[GenerationDelta]]:
    """Closes an asynchronous generator in any case: an abandoned answer ends its connection at once."""
    try:
        yield stream
    finally:
        close = getattr(stream, "aclose", None)
        if close is not None:
            await close()
