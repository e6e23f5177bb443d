"""Passages that say the same in the same words: copies of a file, versions of it, boilerplate."""

from __future__ import annotations

import re

_SHINGLE = 3  # words
_WORD = re.compile(r"\w+", re.UNICODE)


class Unrepeated:
    """Texts that do not repeat each other, taken one after the other.

    Texts are compared by the Jaccard similarity of their runs of three words (Broder 1997).

    Args:
        threshold: Similarity from which a text is a duplicate, 0..1.
    """

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._taken: list[frozenset[tuple[str, ...]]] = []

    def take(self, text: str) -> int | None:
        """Takes a text, unless it repeats one that was taken: then that one's number, from 0."""
        own = _shingles(text)
        for number, other in enumerate(self._taken):
            if _alike(own, other, self._threshold):
                return number
        self._taken.append(own)
        return None


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    words = _WORD.findall(text.casefold())
    if len(words) <= _SHINGLE:
        return frozenset({tuple(words)})
    return frozenset(zip(words, words[1:], words[2:], strict=False))


def _alike(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]], threshold: float) -> bool:
    smaller, larger = sorted((len(one), len(other)))
    if smaller < threshold * larger:
        return False  # cannot reach it, whatever they share
    common = len(one & other)
    return common >= threshold * (len(one) + len(other) - common)
