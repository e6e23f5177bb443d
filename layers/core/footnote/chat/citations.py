"""Checks citations while an answer is written: what leaves here cites supplied passages only.

Text flows through as it comes; from an opening bracket on it is held back until it is known whether a
citation follows. A citation of a passage that was not supplied, or that does not support the sentence it
stands in, is corrected to the passage that does, or removed.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from footnote.chat.grounding import Grounder
from footnote.chat.support import content_terms
from footnote.knowledge import sentence_spans
from footnote.models import EvidenceSpan

_LIST = r"\^?\d{1,4}(?:\s*(?:[,;–-]|and)\s*\^?\d{1,4})*"
_ONE = rf"[\[【]\s*(?:sources?\s+|passages?\s+)?{_LIST}\s*(?:†[^\]】]*)?[\]】]"
_CITATION = re.compile(rf"{_ONE}(?:\s*{_ONE})*", re.IGNORECASE)
_REMARK = re.compile(r"†[^\]】]*")
_RANGE = re.compile(r"(\d+)(?:\s*[–-]\s*(\d+))?")
_SENTENCE_END = re.compile(r"[.!?…]['\"”’)\]]*\s|[。！？؟।\n]")
_HELD_CHARACTERS = 60  # longer than any citation
_LONGEST_RANGE = 10
_CLAIM_CHARACTERS = 1_500
_CLAIM_TERMS = 3
_CLAIM_HELD_CHARACTERS = 500
_HOLDS = 0.6
"""Support from which a citation stays: less than a whole sentence needs, it may support a part of it."""
_CONTRIBUTES = 0.18
"""Share of a claim's words from which a passage has a part in what several support together."""


@dataclass(frozen=True, slots=True)
class Text:
    """Checked text to append to the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A citation that holds, and the exact span it rests on."""

    span: EvidenceSpan


class CitationChecker:
    """The check of one answer. Feed it the generator's text, then `finish` it.

    Args:
        grounder: Knows what was supplied to the generator.

    Attributes:
        kept: Citations that hold or were corrected.
        removed: Citations that were dropped.
    """

    def __init__(self, grounder: Grounder) -> None:
        self._grounder = grounder
        self._written = ""
        self._held = ""
        self.kept = 0
        self.removed = 0

    async def feed(self, text: str, evidence: Sequence[EvidenceSpan] = ()) -> AsyncIterator[Text | Cited]:
        """Takes the next piece of the answer.

        Args:
            text: As the generator wrote it.
            evidence: Exact spans, from a generator that quotes: then these are the only valid citations.
        """
        self._held += text
        async for piece in self._release({span.number: span for span in evidence}, last=False):
            yield piece

    async def finish(self) -> AsyncIterator[Text | Cited]:
        """Releases what is still held back."""
        async for piece in self._release({}, last=True):
            yield piece
        if self._held:
            yield self._write(self._held)
            self._held = ""

    async def _release(self, exact: dict[int, EvidenceSpan], *, last: bool) -> AsyncIterator[Text | Cited]:
        last = last or bool(exact)
        while (found := _CITATION.search(self._held)) is not None:
            before, after = self._held[: found.start()], self._held[found.end() :]
            if not last and _may_go_on(after):
                return
            claim = self._claim(before, after, last=last)
            if claim is None:
                return
            spans = await self._checked(_numbers(found[0]), claim, exact)
            self._held = after
            marks = "".join(f"[{span.number}]" for span in spans)
            yield self._write(before + marks if marks else before.rstrip())
            for span in spans:
                yield Cited(span)
        safe = _safe_length(self._held)
        if safe:
            yield self._write(self._held[:safe])
            self._held = self._held[safe:]

    def _write(self, text: str) -> Text:
        self._written += text
        return Text(text)

    def _claim(self, before: str, after: str, *, last: bool) -> str | None:
        """The sentence a citation stands in; `None` if too little of it is known yet.

        Usually it stands at the end. At the beginning ("According to [1], ...") the rest is waited for.
        """
        text = (self._written + before)[-_CLAIM_CHARACTERS:]
        text = _CITATION.sub("", text).rstrip()
        spans = sentence_spans(text)
        claim = text[spans[-1][0] : spans[-1][1]] if spans else ""
        if len(content_terms(claim)) >= _CLAIM_TERMS:
            return claim
        end = _SENTENCE_END.search(after)
        if end is None and not last and len(after) < _CLAIM_HELD_CHARACTERS:
            return None
        return f"{claim} {_CITATION.sub('', after[: end.end()] if end else after)}"

    async def _checked(
        self, numbers: Sequence[int], claim: str, exact: dict[int, EvidenceSpan]
    ) -> list[EvidenceSpan]:
        """The spans behind the numbers that hold; corrected if none does but another passage would."""
        if exact:
            spans = [exact[number] for number in numbers if number in exact]
        else:
            cited = [number for number in numbers if number in self._grounder]
            spans = await self._supported(cited, claim) or self._corrected(claim)
        self.kept += len(spans)
        self.removed += max(0, len(numbers) - len(spans))
        return spans

    async def _supported(self, cited: Sequence[int], claim: str) -> list[EvidenceSpan]:
        """Those that support the claim by themselves; else those that do so together."""
        alone = [number for number in cited if await self._supports(number, claim)]
        if len(alone) < len(cited) and len(cited) > 1:
            if self._grounder.words_support(claim, cited) < _HOLDS:
                return self._spans(alone, claim)
            return self._spans([n for n in cited if n in alone or self._contributes(n, claim)], claim)
        return self._spans(alone, claim)

    async def _supports(self, number: int, claim: str) -> bool:
        if self._grounder.words_support(claim, [number]) >= _HOLDS:
            return True
        return await self._grounder.meaning_support(claim, number) > 0.0

    def _contributes(self, number: int, claim: str) -> bool:
        return self._grounder.words_shared(claim, number) >= _CONTRIBUTES

    def _corrected(self, claim: str) -> list[EvidenceSpan]:
        best = self._grounder.best(claim, _HOLDS) if content_terms(claim) else None
        return [] if best is None else self._spans([best], claim)

    def _spans(self, numbers: Sequence[int], claim: str) -> list[EvidenceSpan]:
        return [self._grounder.span(claim, number) for number in numbers]


def _numbers(written: str) -> list[int]:
    """The numbers of `[1]`, `[1, 3]` or `[2-4][7]`, each once."""
    found: list[int] = []
    for first, last in _RANGE.findall(_REMARK.sub("", written)):
        start, stop = int(first), int(last or first)
        found.extend(range(start, min(stop, start + _LONGEST_RANGE) + 1) if stop >= start else (start, stop))
    return list(dict.fromkeys(found))


def _may_go_on(after: str) -> bool:
    """Whether more citations of the same sentence may follow directly."""
    rest = after.lstrip()
    return not rest or (rest[0] in "[【" and _safe_length(rest) == 0)


def _safe_length(held: str) -> int:
    """How much of the text can be shown: up to a bracket that may begin a citation, or trailing spaces."""
    opened = max(held.rfind("["), held.rfind("【"))
    if opened >= 0 and len(held) - opened <= _HELD_CHARACTERS and not re.search(r"[\]】]", held[opened:]):
        return len(held[:opened].rstrip())
    return len(held.rstrip())
