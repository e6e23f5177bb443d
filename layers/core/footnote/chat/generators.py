"""Which generator answers a question."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from footnote.models import GenerationDelta, GenerationRequest, Generator

NO_MODEL = (
    "No generation model is configured, so I can only answer from your documents. "
    'Ask again with "enable_rag": true.'
)


class NoGenerator:
    """Stands where a model would answer freely but none is configured: says so and invents nothing."""

    name = "none"

    async def stream(self, request: GenerationRequest) -> AsyncIterator[GenerationDelta]:  # noqa: ARG002 - the port's
        """One delta that abstains."""
        yield GenerationDelta(
            NO_MODEL, finished=True, abstained=True, confidence=0.0, model=self.name, finish_reason="stop"
        )


@dataclass(frozen=True, slots=True)
class Generators:
    """Who writes.

    Attributes:
        grounded: Answers from passages, its fallbacks behind it.
        extractive: Says that nothing was found, at no model's cost.
        free: Answers without passages.
    """

    grounded: Generator
    extractive: Generator
    free: Generator

    def planned(self, *, enable_rag: bool) -> str:
        """The name of who is asked to write first, if there is anything to write from."""
        return (self.grounded if enable_rag else self.free).name

    def choose(self, *, enable_rag: bool, has_passages: bool) -> Generator:
        """The generator for one question: a model without passages would only invent an answer."""
        if not enable_rag:
            return self.free
        return self.grounded if has_passages else self.extractive
