"""The part of a passage that shows best why it was found."""

from __future__ import annotations

import re

from footnote.knowledge.lexical import lexical_form
from footnote.knowledge.sentences import sentence_spans

_WORD = re.compile(r"\w+", re.UNICODE)
# Enough of a word to recognise its inflected forms without a stemmer.
_STEM = 5


def excerpt(text: str, query: str, max_characters: int = 320) -> str:
    """Consecutive sentences of `text` with the most words of `query`, on one line.

    What is left out is marked by an ellipsis. Without a common word it is the beginning.
    """
    wanted = _stems(query)
    spans = list(sentence_spans(text))
    if not spans:
        return ""
    best, most = (0, 0), -1
    for first in range(len(spans)):
        last = first
        while last + 1 < len(spans) and spans[last + 1][1] - spans[first][0] <= max_characters:
            last += 1
        common = len(wanted & _stems(text[spans[first][0] : spans[last][1]]))
        if common > most:
            best, most = (first, last), common
    start, end = spans[best[0]][0], spans[best[1]][1]
    cut = _cut(text, start, end, max_characters)
    head = "… " if text[:start].strip() else ""
    tail = " …" if text[cut:].strip() else ""
    return f"{head}{' '.join(text[start:cut].split())}{tail}"


def _cut(text: str, start: int, end: int, max_characters: int) -> int:
    """The end of the excerpt: of the last whole word that fits."""
    if end - start <= max_characters:
        return end
    limit = start + max_characters
    space = text.rfind(" ", start, limit)
    return space if space > start else limit


def _stems(text: str) -> frozenset[str]:
    return frozenset(word[:_STEM].casefold() for word in _WORD.findall(lexical_form(text)))
