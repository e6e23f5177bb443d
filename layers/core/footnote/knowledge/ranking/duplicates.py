"""Passages that say the same in the same words: copies of a file, versions of it, boilerplate."""

from __future__ import annotations

import re
from collections.abc import Sequence

_SHINGLE = 3
_WORD = re.compile(r"\w+", re.UNICODE)


def near_duplicates(texts: Sequence[str], threshold: float) -> dict[int, int]:
    """Which texts repeat an earlier one, by place: `{later: earlier}`.

    Texts are compared by the Jaccard similarity of their runs of three words (Broder 1997). Of several alike
    the first stays, so that texts are to come best first.

    Args:
        texts: Best first.
        threshold: Similarity from which a text is a duplicate, 0..1.
    """
    shingles = [_shingles(text) for text in texts]
    kept: list[int] = []
    found: dict[int, int] = {}
    for place, own in enumerate(shingles):
        same = next((one for one in kept if _alike(own, shingles[one], threshold)), None)
        if same is None:
            kept.append(place)
        else:
            found[place] = same
    return found


def _shingles(text: str) -> frozenset[tuple[str, ...]]:
    words = [word.casefold() for word in _WORD.findall(text)]
    if len(words) <= _SHINGLE:
        return frozenset({tuple(words)})
    return frozenset(tuple(words[at : at + _SHINGLE]) for at in range(len(words) - _SHINGLE + 1))


def _alike(one: frozenset[tuple[str, ...]], other: frozenset[tuple[str, ...]], threshold: float) -> bool:
    smaller, larger = sorted((len(one), len(other)))
    if smaller < threshold * larger:
        return False  # cannot reach it, whatever they share
    common = len(one & other)
    return common >= threshold * (len(one) + len(other) - common)
