"""How far a passage supports what a sentence claims, without a language model.

Support is the share of the claim's content words that the passage holds. Words are compared by their first
letters, which stands in for stemming in the languages that inflect by endings; scripts without spaces are
compared by pairs of characters. Support falls with every number that the passage does not hold: figures are
what a wrong citation gets wrong first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from footnote.knowledge import lexical_form, sentence_spans
from footnote.models import Embedder, PromptPassage
from footnote.platform.errors import ModelUnavailable

SUPPORTED = 0.35
"""Share of a claim's words from which a passage supports it."""

SUPPORTED_COSINE = 0.6
"""Cosine of a claim and a sentence of a passage from which it supports a claim told in other words."""

_STEM = 5
_WORD = re.compile(r"\w+", re.UNICODE)
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_STOP_WORDS = (
    "the and for are was were that this with from have has had not but which also been its their they you "
    "your will would can could may into than then when where what who how there these those such more most "
    "other some der die das und ist ein eine nicht les des est une que qui pour dans los las del con por "
    "para una"
)
_STOP = frozenset(_STOP_WORDS.split())


def content_terms(text: str) -> frozenset[str]:
    """Comparable forms of the words that carry meaning, and all numbers."""
    words = (word.casefold() for word in _WORD.findall(lexical_form(text)))
    return frozenset(
        word[:_STEM]
        for word in words
        if word not in _STOP and (len(word) > 2 or any(c.isdigit() for c in word) or ord(word[0]) > 0x2E7F)
    )


def lexical_support(claim: str, text: str) -> float:
    """How much of the claim's words and numbers `text` holds, 0..1."""
    return word_support(claim, text) * number_support(claim, text)


def word_support(claim: str, text: str) -> float:
    """Share of the claim's content words that `text` holds, 0..1; 1 for a claim without any."""
    wanted = content_terms(claim)
    return len(wanted & content_terms(text)) / len(wanted) if wanted else 1.0


def number_support(claim: str, text: str) -> float:
    """Share of the claim's numbers that `text` holds, 0..1; 1 for a claim without numbers."""
    wanted = _numbers(claim)
    return len(wanted & _numbers(text)) / len(wanted) if wanted else 1.0


def best_sentence(claim: str, passage: PromptPassage) -> tuple[int, int]:
    """Span of the passage's sentence that shares most with the claim."""
    spans = sentence_spans(passage.text) or [(0, len(passage.text))]
    return max(spans, key=lambda span: lexical_support(claim, passage.text[span[0] : span[1]]))


async def cosine_support(claim: str, passage: PromptPassage, embedder: Embedder) -> float:
    """Best cosine of the claim and a sentence of the passage.

    0 where nothing can be embedded, and for a claim with a number that the passage does not hold: vectors
    hardly tell figures apart.
    """
    sentences = [passage.text[start:end] for start, end in sentence_spans(passage.text)]
    if not sentences or number_support(claim, passage.text) < 1.0:
        return 0.0
    try:
        asked, *vectors = await embedder.embed_queries([claim, *sentences])
    except ModelUnavailable:
        return 0.0
    return max(_dot(asked, vector) for vector in vectors)


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def _numbers(text: str) -> frozenset[str]:
    found = (number.replace(",", "").lstrip("0") or "0" for number in _NUMBER.findall(text))
    return frozenset(found)
