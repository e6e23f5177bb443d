"""Judges an answer sentence by sentence while it is written, and drops what nothing supports, if told to.

Text passes as it comes, unless unsupported sentences are to be dropped: then it waits for the end of its
sentence and the judgement. That costs a reader the time in which the model writes a sentence, and the check.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

from footnote.chat.citations import Cited, Text
from footnote.chat.exemptions import is_abstention
from footnote.chat.grounding import Grounder, Judgement
from footnote.chat.models import GroundedSentence, Grounding
from footnote.knowledge import sentence_spans
from footnote.models import EvidenceSpan

_MARKS = re.compile(r"(?:\s*\[\d{1,4}\])+")
_MARK = re.compile(r"\s*\[\d{1,4}\]")
_LONGEST_MARK = 60
_FOLLOWING_WORDS = 2
"""So many must be known before a full stop is taken for the end: "Dr." goes on, "Inc. The" does not."""


class SentenceGate:
    """The judgement of one answer.

    Args:
        grounder: Knows the passages.
        drops: Whether unsupported sentences are dropped.

    Attributes:
        dropped: How many were.
        admits: A sentence said that the documents do not say something.
    """

    def __init__(self, grounder: Grounder, *, drops: bool) -> None:
        self._grounder = grounder
        self._drops = drops
        self._judged: list[tuple[int, int, Judgement]] = []
        self._released = 0
        self._pending = ""
        self._cited: list[tuple[int, Cited]] = []
        self.dropped = 0
        self.admits = False

    async def feed(self, piece: Text | Cited) -> AsyncIterator[Text | Cited]:
        """Takes the next piece of the answer, its citations checked; gives what may leave."""
        if isinstance(piece, Cited):
            self._cited.append((len(self._pending), piece))
        else:
            self._pending += piece.text
        if not self._drops:
            yield piece
        async for one in self._judge(last=False):
            yield one

    async def finish(self) -> AsyncIterator[Text | Cited]:
        """Judges what is left."""
        async for one in self._judge(last=True):
            yield one

    def grounding(self, shift: int = 0) -> Grounding:
        """What was found so far.

        Args:
            shift: Characters taken away at the beginning of the answer.
        """
        sentences = tuple(
            GroundedSentence(
                start=max(0, start - shift),
                end=end - shift,
                support=round(judgement.support, 4),
                number=judgement.span.number if judgement.span else None,
                verdict=judgement.verdict,
            )
            for start, end, judgement in self._judged
        )
        return Grounding.of(sentences, dropped=self.dropped)

    async def _judge(self, *, last: bool) -> AsyncIterator[Text | Cited]:
        while (end := _sentence_end(self._pending, last=last)) is not None:
            text, self._pending = self._pending[:end], self._pending[end:]
            own = [piece for place, piece in self._cited if place <= end]
            self._cited = [(place - end, piece) for place, piece in self._cited if place > end]
            judgement = await self._judgement(text, [piece.span for piece in own])
            if judgement is not None and self._drops and judgement.verdict == "unsupported":
                self.dropped += 1
                continue
            if judgement is not None:
                lead = len(text) - len(text.lstrip())
                self._judged.append((self._released + lead, self._released + end, judgement))
            self._released += end
            if self._drops:
                yield Text(text)
                for piece in own:
                    yield piece

    async def _judgement(self, text: str, cited: list[EvidenceSpan]) -> Judgement | None:
        claim = _MARK.sub("", text).strip()
        if not any(character.isalnum() for character in claim):
            return None
        self.admits = self.admits or (not cited and is_abstention(claim))
        return await self._grounder.judge(claim, cited)


def _sentence_end(text: str, *, last: bool) -> int | None:
    """Where the first sentence ends, with the citations behind it; `None` if it may go on."""
    spans = sentence_spans(text)
    if not spans:
        return len(text) if last and text else None
    end = spans[0][1]
    marks = _MARKS.match(text, end)
    end = marks.end() if marks else end
    rest = text[end:].lstrip()
    if not rest:
        return len(text) if last else None
    is_mark = rest.startswith("[")
    if last or (not is_mark and "\n" in text[end : len(text) - len(rest)]):
        return end
    unclear = is_mark or len(rest.split()) < _FOLLOWING_WORDS
    return None if unclear and len(rest) < _LONGEST_MARK else end
