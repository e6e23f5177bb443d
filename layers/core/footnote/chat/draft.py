"""The answer as it grows: text, evidence, usage; and what is told about it in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from footnote.chat.citations import CitationChecker, Cited, Text
from footnote.chat.events import Citation, Restart, Token
from footnote.chat.models import Answer, AnswerMetadata, Source
from footnote.chat.passages import PackedPassage
from footnote.chat.sources import build_source
from footnote.models import Embedder, EvidenceSpan, GenerationDelta, Usage

_UNPROMPTED = frozenset({"extractive", "none"})
_FELL_BACK = "The generation model failed; another one answered."


@dataclass(frozen=True, slots=True)
class AnswerBasis:
    """What an answer rests on, fixed before it is written.

    Attributes:
        model: Who is asked to write first.
        strategy: What search ran, or `none`.
        degraded: What search left out against the plan and why, or `None`.
    """

    session_id: UUID
    message_id: UUID
    passages: Sequence[PackedPassage]
    model: str
    strategy: str
    degraded: str | None
    prompt_version: str


class AnswerDraft:
    """Takes a generator's deltas, gives the events they become, and is an `Answer` in the end.

    Args:
        basis: What the answer rests on.
        embedder: For doubtful citations.
    """

    def __init__(self, basis: AnswerBasis, embedder: Embedder) -> None:
        self.basis = basis
        self.usage = Usage()
        self._embedder = embedder
        self._model = basis.model
        self._finish_reason = "stop"
        self._begin()

    def _begin(self) -> None:
        prompts = [packed.prompt for packed in self.basis.passages]
        self._checker = CitationChecker(prompts, self._embedder)
        self.text = ""
        self._evidence: dict[int, list[EvidenceSpan]] = {}
        self._abstained = False
        self._confidence: float | None = None

    async def take(self, delta: GenerationDelta) -> AsyncIterator[Token | Citation | Restart]:
        """The events of one delta."""
        if delta.restart:
            shown = bool(self.text)
            self._begin()
            if shown:
                yield Restart(_FELL_BACK)
        self._note(delta)
        if delta.text:
            # Postgres keeps no NUL, and no reader wants one.
            async for piece in self._checker.feed(delta.text.replace("\x00", ""), delta.evidence):
                if (event := self._add(piece)) is not None:
                    yield event

    async def finish(self) -> AsyncIterator[Token | Citation]:
        """The events of what was still being checked."""
        async for piece in self._checker.finish():
            if (event := self._add(piece)) is not None:
                yield event

    def answer(self, elapsed_ms: int, *, interrupted: bool = False) -> Answer:
        """The answer as far as it has come.

        Args:
            elapsed_ms: Milliseconds since the question arrived.
            interrupted: The client left before the end.
        """
        basis = self.basis
        sources = tuple(self._source(number) for number in sorted(self._evidence))
        metadata = AnswerMetadata(
            tokens_used=self.usage.input_tokens + self.usage.output_tokens,
            response_time_ms=elapsed_ms,
            model_used=self._model,
            cached=False,
            confidence=round(self._confidence_of_answer(), 4),
            abstained=self._abstained,
            strategy=basis.strategy,
            degraded=self._degraded(),
            prompt_version=None if self._model in _UNPROMPTED else basis.prompt_version,
            passages_considered=len(basis.passages),
            citations_removed=self._checker.removed,
            finish_reason="interrupted" if interrupted else self._finish_reason,
            interrupted=interrupted,
        )
        return Answer(basis.session_id, basis.message_id, self.text.strip(), sources, metadata)

    def _note(self, delta: GenerationDelta) -> None:
        self._abstained = self._abstained or delta.abstained
        if delta.confidence is not None:
            self._confidence = delta.confidence
        if delta.model:
            self._model = delta.model
        if delta.finished:
            self.usage = delta.usage
            self._finish_reason = delta.finish_reason or "stop"

    def _add(self, piece: Text | Cited) -> Token | Citation | None:
        if isinstance(piece, Text):
            self.text += piece.text
            return Token(piece.text) if piece.text else None
        number = piece.span.number
        first = number not in self._evidence
        self._evidence.setdefault(number, []).append(piece.span)
        return Citation(self._source(number)) if first else None

    def _source(self, number: int) -> Source:
        return build_source(self.basis.passages[number - 1], self._evidence[number])

    def _degraded(self) -> str | None:
        """What went otherwise than planned, in words for a person."""
        fell_back = _FELL_BACK if self._model != self.basis.model else None
        return " ".join(filter(None, (self.basis.degraded, fell_back))) or None

    def _confidence_of_answer(self) -> float:
        """The generator's own figure; without one the share of its citations that hold."""
        if self._confidence is not None:
            return self._confidence
        total = self._checker.kept + self._checker.removed
        return self._checker.kept / total if total else 0.0
