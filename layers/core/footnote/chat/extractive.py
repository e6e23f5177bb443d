"""The extractive answerer: the sentences of the passages that answer the question, word for word, cited.

Needs no language model. It is the default generator and the fallback of every other one.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from footnote.chat.abstention import Observed, decide, observe
from footnote.chat.evidence import Scored, TermCoverage, candidates, with_cosines, with_known_cosines
from footnote.chat.parts import AskedParts, asked_parts, question_parts
from footnote.chat.ports import TermAnalyzer
from footnote.chat.reading import REFERENCE_MARK, Sentence, split_passage
from footnote.chat.refusals import abstention, remainder
from footnote.chat.selection import select
from footnote.knowledge import count_tokens, detect_language, mixture, stand_alone
from footnote.models import (
    Embedder,
    EvidenceSpan,
    GenerationDelta,
    GenerationRequest,
    PromptPassage,
    Usage,
    report_usage,
)
from footnote.platform.errors import ModelUnavailable

NAME = "extractive"
EMBEDDED_SENTENCES = 24
"""How many sentences are embedded, of those whose cosines did not come with their passages."""

_LIST_MARK = re.compile(r"^\s*[-*•▪◦–]\s+")
_ENDS_SENTENCE = re.compile(r"[.!?。！？؟…।]['\"”’»)\]]*$")
# The embedding model reads English; in other languages words decide alone.
_EMBEDDED_LANGUAGES = frozenset({"en", "und"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found in the passages: candidates best first, and whether they answer.

    Attributes:
        observed: What the decision rests on.
        asked: The parts of the question.
    """

    ranked: list[Scored]
    coverage: TermCoverage
    sentences: list[Sentence]
    answers: bool
    confidence: float
    observed: Observed
    asked: AskedParts


class ExtractiveAnswerer:
    """A `Generator` that quotes.

    Args:
        embedder: For the cosines of sentences that came without; if it does not answer, words decide alone.
        terms: The question's terms and their rarity in the organization's corpus.
        threshold: Probability below which to abstain, instead of the calibrated one.
        max_sentences: How many sentences an answer is put together from, besides those that a sentence
            leans on.
    """

    name = NAME

    def __init__(
        self,
        embedder: Embedder,
        terms: TermAnalyzer,
        *,
        threshold: float | None = None,
        max_sentences: int = 2,
    ) -> None:
        self._embedder = embedder
        self._terms = terms
        self._threshold = threshold
        self._max_sentences = max_sentences

    async def stream(self, request: GenerationRequest) -> AsyncIterator[GenerationDelta]:
        """One delta for each sentence of the answer, with its exact span; or one that abstains."""
        counted = Usage()
        try:
            async with aclosing(self._answer(request)) as deltas:
                async for delta in deltas:
                    written = counted.output_tokens + count_tokens(delta.text)
                    counted = delta.usage if delta.finished else Usage(_read_tokens(request), written)
                    yield delta
        finally:
            report_usage("input_tokens", self.name, counted.input_tokens)
            report_usage("output_tokens", self.name, counted.output_tokens)

    async def _answer(self, request: GenerationRequest) -> AsyncGenerator[GenerationDelta, None]:
        reading = await self.read(request)
        if reading is None or not reading.answers:
            confidence = reading.confidence if reading else 0.0
            text = abstention(request.question, detect_language(request.question))
            usage = Usage(_read_tokens(request), count_tokens(text))
            yield GenerationDelta(
                text, finished=True, abstained=True, usage=usage, confidence=confidence,
                model=self.name, finish_reason="stop",
            )  # fmt: skip
            return
        texts = {passage.number: passage.text for passage in request.passages}
        written = 0
        finish = "stop"
        for piece in select(
            reading.ranked,
            reading.sentences,
            reading.coverage,
            self._max_sentences,
            wanted=reading.asked.wanted,
        ):
            raw = texts[piece.number][piece.start : piece.end]
            shown, taken = shown_text(raw), len(raw)
            if written + count_tokens(shown) > request.max_tokens:
                finish = "length"
                if written:
                    break
                shown, taken = _cut(raw, request.max_tokens)
            yield GenerationDelta(
                f"{_separator(raw) if written else ''}{shown} [{piece.number}]",
                evidence=(EvidenceSpan(piece.number, piece.start, piece.start + taken),),
            )
            written += count_tokens(shown)
        if reading.asked.missing:
            rest = remainder(reading.asked.missing, detect_language(request.question))
            yield GenerationDelta(f"\n{rest}", partial=True)
            written += count_tokens(rest)
        yield GenerationDelta(
            finished=True,
            usage=Usage(_read_tokens(request), written),
            confidence=reading.confidence,
            model=self.name,
            finish_reason=finish,
        )

    async def read(self, request: GenerationRequest) -> Reading | None:
        """Scores every sentence of the passages; `None` if there is nothing to read."""
        passages = sorted(request.passages, key=lambda passage: passage.number)
        sentences = [sentence for passage in passages for sentence in split_passage(passage)]
        query = stand_alone(request.question, request.history)
        headers = [f"{passage.title} {passage.location}" for passage in passages]
        texts = [query.text, request.question, *headers, *(sentence.text for sentence in sentences)]
        parts = question_parts(request.question)
        language = _language(request.question, passages)
        analysis = await self._terms.analyze(request.context, [*texts, *parts], language)
        coverage = TermCoverage(analysis, passages, sentences)
        asked = asked_parts(parts, analysis, [coverage.passage_terms(one.number) for one in passages])
        if asked.missing:
            coverage = TermCoverage(analysis, passages, sentences, without=asked.missing_terms)
        ranked = candidates(request.question, passages, sentences, coverage)
        if not ranked:
            return None
        ranked = with_known_cosines(ranked, passages, in_conversation=query.conversation is not None)
        ranked = await self._compared(request.question, query.conversation, ranked)
        observed = observe(
            asked.spoken_of or request.question,
            passages,
            ranked,
            coverage,
            with_cosine=language in _EMBEDDED_LANGUAGES,
        )
        decision = decide(observed, self._threshold)
        return Reading(ranked, coverage, sentences, decision.answer, decision.confidence, observed, asked)

    async def _compared(self, question: str, conversation: str | None, ranked: list[Scored]) -> list[Scored]:
        """Those with a cosine, and the first of those without, which get theirs from the model."""
        known = [candidate for candidate in ranked if candidate.cosine is not None]
        unknown = [candidate for candidate in ranked[:EMBEDDED_SENTENCES] if candidate.cosine is None]
        if unknown:
            known += await self._embedded(question, conversation, unknown)
        return sorted(known, key=lambda candidate: candidate.score, reverse=True)

    async def _embedded(self, question: str, conversation: str | None, ranked: list[Scored]) -> list[Scored]:
        asked = [question] if conversation is None else [question, conversation]
        texts = [candidate.sentence.embedding_text for candidate in ranked]
        try:
            vectors = await self._embedder.embed_queries([*asked, *texts])
        except ModelUnavailable:
            return ranked
        mixed = mixture(vectors[0], vectors[1]) if conversation is not None else None
        return with_cosines(ranked, vectors[0], mixed, vectors[len(asked) :])


def _language(question: str, passages: Sequence[PromptPassage]) -> str:
    """The question's language if a passage is in it, else the best passage's: its terms are to be met."""
    asked = detect_language(question)
    found = [passage.language for passage in passages]
    return asked if asked in found else next((language for language in found if language != "und"), asked)


def _read_tokens(request: GenerationRequest) -> int:
    return sum(count_tokens(passage.text) for passage in request.passages) + count_tokens(request.question)


def shown_text(raw: str) -> str:
    """A quotation as it is shown: one line, unless it is a list.

    The source's own reference marks are left out, because they would read as citations of ours.
    """
    lines = [" ".join(REFERENCE_MARK.sub("", line).split()) for line in raw.splitlines()]
    text = "\n".join(line for line in lines if line)
    return text if "\n" in text else _LIST_MARK.sub("", text)


def _cut(raw: str, max_tokens: int) -> tuple[str, int]:
    """As many words of a sentence as fit, for one longer than the whole answer may be; and their length."""
    ends = [word.end() for word in re.finditer(r"\S+", raw)]
    fitting = bisect_right(ends, max_tokens, key=lambda end: count_tokens(shown_text(raw[:end]) + " …"))
    taken = ends[max(0, fitting - 1)]
    return shown_text(raw[:taken]) + " …", taken


def _separator(raw: str) -> str:
    """Sentences run on; rows and list items get lines of their own."""
    return " " if _ENDS_SENTENCE.search(raw) else "\n"
