"""The answer as it grows: text, evidence, usage; and what is told about it in the end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from footnote.chat.citations import CitationChecker, Cited, Text
from footnote.chat.events import Citation, Restart, Token
from footnote.chat.grounding import Grounder
from footnote.chat.models import Answer, Answered, AnswerMetadata, Grounding, Source
from footnote.chat.passages import PackedPassage
from footnote.chat.sentence_gate import SentenceGate
from footnote.chat.sources import build_source
from footnote.models import Embedder, EvidenceSpan, GenerationDelta, Usage

_UNPROMPTED = frozenset({"extractive", "none"})
_FELL_BACK = "The generation model failed; another one answered."
UNGROUNDED = "No document supports what the generation model wrote; the documents' own sentences answer."


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
        embedder: For doubtful citations and sentences.
        unsupported: What becomes of sentences that nothing supports.
    """

    def __init__(
        self, basis: AnswerBasis, embedder: Embedder, *, unsupported: Literal["mark", "drop", "keep"] = "mark"
    ) -> None:
        self.basis = basis
        self.usage = Usage()
        self._grounder = Grounder([packed.prompt for packed in basis.passages], embedder)
        self._unsupported = unsupported
        self._model = basis.model
        self._finish_reason = "stop"
        self._earlier = Usage()
        self._replaced: str | None = None
        self._begin()

    def _begin(self) -> None:
        self._checker = CitationChecker(self._grounder)
        drops = self._unsupported == "drop" and bool(self.basis.passages)
        self._gate = SentenceGate(self._grounder, drops=drops)
        self._partial = False
        self.text = ""
        self._evidence: dict[int, list[EvidenceSpan]] = {}
        self._abstained = False
        self._confidence: float | None = None

    async def take(self, delta: GenerationDelta) -> AsyncIterator[Token | Citation | Restart]:
        """The events of one delta."""
        if delta.restart:
            for restart in self.restart(_FELL_BACK):
                yield restart
        self._note(delta)
        if delta.text:
            # Postgres keeps no NUL, and no reader wants one.
            async for piece in self._checker.feed(delta.text.replace("\x00", ""), delta.evidence):
                async for event in self._judged(piece):
                    yield event

    async def finish(self) -> AsyncIterator[Token | Citation]:
        """The events of what was still being checked."""
        async for piece in self._checker.finish():
            async for event in self._judged(piece):
                yield event
        async for piece in self._gate.finish():
            if (event_ := self._add(piece)) is not None:
                yield event_

    def restart(self, reason: str) -> Iterator[Restart]:
        """Takes back what was written; what it used stays used. An event, if something was shown."""
        shown = bool(self.text)
        self._earlier = _sum(self._earlier, self.usage)
        self.usage = self._earlier
        self._replaced = reason
        self._begin()
        if shown:
            yield Restart(reason)

    @property
    def is_groundless(self) -> bool:
        """A model wrote sentences and the passages support none of them; such are not to be kept."""
        if self._model in _UNPROMPTED or self._abstained or not self.basis.passages:
            return False
        if self._unsupported == "keep":
            return False
        found = self._gate.grounding()
        return not (found.supported or found.partial) and bool(found.unsupported or found.dropped)

    def answer(self, elapsed_ms: int, *, interrupted: bool = False) -> Answer:
        """The answer as far as it has come.

        Args:
            elapsed_ms: Milliseconds since the question arrived.
            interrupted: The client left before the end.
        """
        basis = self.basis
        sources = tuple(self._source(number) for number in sorted(self._evidence))
        grounding = self._gate.grounding(len(self.text) - len(self.text.lstrip()))
        metadata = AnswerMetadata(
            tokens_used=self.usage.input_tokens + self.usage.output_tokens,
            response_time_ms=elapsed_ms,
            model_used=self._model,
            cached=False,
            confidence=round(self._confidence_of_answer(), 4),
            abstained=self._abstains(),
            strategy=basis.strategy,
            degraded=self._degraded(),
            prompt_version=None if self._model in _UNPROMPTED else basis.prompt_version,
            passages_considered=len(basis.passages),
            citations_removed=self._checker.removed,
            finish_reason="interrupted" if interrupted else self._finish_reason,
            interrupted=interrupted,
            answered=self._answered(),
            grounding=self._told(grounding) if basis.passages else None,
        )
        return Answer(basis.session_id, basis.message_id, self.text.strip(), sources, metadata)

    def _note(self, delta: GenerationDelta) -> None:
        self._abstained = self._abstained or delta.abstained
        self._partial = self._partial or delta.partial
        if delta.confidence is not None:
            self._confidence = delta.confidence
        if delta.model:
            self._model = delta.model
        if delta.finished:
            self.usage = _sum(self._earlier, delta.usage)
            self._finish_reason = delta.finish_reason or "stop"

    async def _judged(self, piece: Text | Cited) -> AsyncIterator[Token | Citation]:
        async for passed in self._gate.feed(piece):
            if (event := self._add(passed)) is not None:
                yield event

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
        fell_back = self._replaced or (_FELL_BACK if self._model != self.basis.model else None)
        return " ".join(filter(None, (self.basis.degraded, fell_back))) or None

    def _abstains(self) -> bool:
        """The generator says so, or all it says is that the documents do not say."""
        if self._abstained or not self._gate.admits:
            return self._abstained
        found = self._gate.grounding()
        return not (found.supported or found.partial or found.unsupported)

    def _told(self, grounding: Grounding) -> Grounding:
        """Without the sentences, where they are not to be marked."""
        return replace(grounding, sentences=()) if self._unsupported == "keep" else grounding

    def _answered(self) -> Answered:
        if self._abstains():
            return "none"
        return "partial" if self._partial or self._gate.admits else "full"

    def _confidence_of_answer(self) -> float:
        """The generator's own figure; without one the share of its citations that hold."""
        if self._confidence is not None:
            return self._confidence
        total = self._checker.kept + self._checker.removed
        return self._checker.kept / total if total else 0.0


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.input_tokens + other.input_tokens,
        one.output_tokens + other.output_tokens,
        one.cached_tokens + other.cached_tokens,
    )
