"""What each sentence of an answer rests on.

Every sentence gets the passage that supports it best, the span in it, and a support between 0 and 1, whether
it cites anything or not. Words decide; where they are too few and nothing contradicts, the embedding model is
asked whether the sentence tells the same in other words. Of a sentence in another language than its passage
only numbers and names can be compared: it is supported in part at best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from footnote.chat.exemptions import is_exempt
from footnote.chat.models import Verdict
from footnote.chat.reading import REFERENCE_MARK
from footnote.chat.support import PARTLY_SUPPORTED, SUPPORTED, Ground, Wording, wording
from footnote.knowledge import detect_language
from footnote.models import Embedder, EvidenceSpan, PromptPassage
from footnote.platform.errors import ModelUnavailable

SUPPORTED_COSINE = 0.6
"""Cosine of a claim and a sentence of a passage from which it supports a claim told in other words."""

_FOREIGN_SUPPORT = 0.6
"""Of a sentence in another language than its passage, whose words tell nothing, if its facts are right."""
_EMBEDDED_SENTENCES = 12
_LEAST_SHARED = 0.15
"""Share of a claim's words below which a passage that nobody cited is not read for its meaning."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What became of a sentence.

    Attributes:
        support: 0..1.
        span: Where its best support stands; `None` if nothing supports it, or nothing needs to.
    """

    support: float
    verdict: Verdict
    span: EvidenceSpan | None = None


EXEMPT = Judgement(1.0, "exempt")


class Grounder:
    """Holds sentences against the passages that were supplied.

    Args:
        passages: The passages.
        embedder: Asked about a claim that shares few words with its passage.
    """

    def __init__(self, passages: Sequence[PromptPassage], embedder: Embedder) -> None:
        self._passages = {passage.number: passage for passage in passages}
        self._grounds: dict[int, Ground] = {}
        self._embedder = embedder
        self._last = ("", "und")

    def __contains__(self, number: int) -> bool:
        return number in self._passages

    async def judge(self, sentence: str, cited: Sequence[EvidenceSpan] = ()) -> Judgement:
        """What supports a sentence.

        Args:
            sentence: Without citation marks.
            cited: What it cites, checked; exact quotations support themselves.
        """
        if is_exempt(sentence) and not cited:
            return EXEMPT
        quoted = next((span for span in cited if self._quotes(sentence, span)), None)
        if quoted is not None:
            return Judgement(1.0, "supported", quoted)
        number = self._closest(sentence)
        support = self.words_support(sentence, [number]) if number else 0.0
        if cited:
            together = self.words_support(sentence, [span.number for span in cited])
            if together >= min(support, SUPPORTED):
                support, number = together, cited[0].number
        if support < SUPPORTED and number:
            named = {span.number for span in cited} or {number}
            for one in sorted(named):
                told = await self.meaning_support(sentence, one, cited=bool(cited))
                support, number = max((support, number), (told, one))
        verdict = _verdict(support)
        if verdict == "unsupported":
            return Judgement(support, verdict)
        span = next((span for span in cited if span.number == number), None) or self.span(sentence, number)
        return Judgement(support, verdict, span)

    def words_support(self, sentence: str, numbers: Sequence[int]) -> float:
        """Support by the words of one passage, or of several together; 0..1."""
        grounds = [self._ground(number) for number in dict.fromkeys(numbers)]
        if not grounds:
            return 0.0
        alone = max(self._support(sentence, ground) for ground in grounds)
        if len(grounds) < 2:
            return alone
        together = Ground("\n".join(ground.text for ground in grounds), language=grounds[0].language)
        return max(alone, self._support(sentence, together))

    def words_shared(self, sentence: str, number: int) -> float:
        """Share of the sentence's words that a passage holds, 0..1."""
        ground = self._ground(number)
        return ground.words(self._claim(sentence, ground))

    async def meaning_support(self, sentence: str, number: int, *, cited: bool = True) -> float:
        """Support by what a passage means: the best cosine with a sentence of it.

        0 where it is too small, where nothing can be embedded, and for a claim that the passage contradicts:
        vectors hardly tell figures, names and negations apart.
        """
        ground = self._ground(number)
        claim = self._claim(sentence, ground)
        if ground.contradicts(claim) or (not cited and ground.words(claim) < _LEAST_SHARED):
            return 0.0
        texts = _nearest(ground, claim)
        try:
            asked, *vectors = await self._embedder.embed_queries([sentence, *texts])
        except ModelUnavailable:
            return 0.0
        best = max(_dot(asked, vector) for vector in vectors)
        return max(best, SUPPORTED) if best >= SUPPORTED_COSINE else 0.0

    def span(self, sentence: str, number: int) -> EvidenceSpan:
        """The passage's sentence that shares most with a sentence of the answer."""
        ground = self._ground(number)
        return EvidenceSpan(number, *ground.spans[ground.best_sentence(self._claim(sentence, ground))])

    def best(self, sentence: str, least: float) -> int | None:
        """The passage whose words support a sentence; `None` if none does as far as that."""
        number = self._closest(sentence)
        return number if number and self.words_support(sentence, [number]) >= least else None

    def _ground(self, number: int) -> Ground:
        """Taken apart when it is first asked for: an answer that only quotes asks for none."""
        if number not in self._grounds:
            passage = self._passages[number]
            self._grounds[number] = Ground(passage.text, passage.title, passage.language)
        return self._grounds[number]

    def _quotes(self, sentence: str, span: EvidenceSpan) -> bool:
        text = self._passages[span.number].text[span.start : span.end]
        return _plain(sentence) in _plain(text)

    def _support(self, sentence: str, ground: Ground) -> float:
        claim = self._claim(sentence, ground)
        if self._is_foreign(sentence, ground):
            return _FOREIGN_SUPPORT * ground.facts(claim)
        return ground.support(claim)

    def _claim(self, sentence: str, ground: Ground) -> Wording:
        """The sentence taken apart in its own language, which is the passage's as a rule."""
        return wording(sentence, self._last[1] if self._is_foreign(sentence, ground) else ground.language)

    def _is_foreign(self, sentence: str, ground: Ground) -> bool:
        """Whether the sentence is in another language than the passage, as far as both are known."""
        if self._last[0] != sentence:
            self._last = sentence, detect_language(sentence)
        return len({self._last[1], ground.language} - {"und"}) > 1

    def _closest(self, sentence: str) -> int:
        """The passage that speaks of what a sentence says, whether it says the same; 0 without passages."""
        close = (
            (ground.closeness(self._claim(sentence, ground)), -number)
            for number, ground in ((number, self._ground(number)) for number in self._passages)
        )
        return -max(close, default=(0.0, 0))[1]


def _nearest(ground: Ground, claim: Wording) -> list[str]:
    """The sentences to be embedded: around the one that shares most words with the claim."""
    first = max(0, ground.best_sentence(claim) - _EMBEDDED_SENTENCES // 2)
    return [ground.text[start:end] for start, end in ground.spans[first : first + _EMBEDDED_SENTENCES]]


def _plain(text: str) -> str:
    return " ".join(REFERENCE_MARK.sub("", text).split()).removesuffix(" …")


def _verdict(support: float) -> Verdict:
    if support >= SUPPORTED:
        return "supported"
    return "partial" if support >= PARTLY_SUPPORTED else "unsupported"


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
