"""Packs passages into the token budget of a prompt, whole sentences only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from footnote.knowledge import Passage, RetrievedPassage, count_tokens, sentence_spans
from footnote.models import PromptPassage

_USEFUL_TOKENS = 40
"""A remnant of the budget smaller than this is left unused."""


@dataclass(frozen=True, slots=True)
class PackedPassage:
    """A passage as it is offered to a generator, and where it comes from.

    The prompt's text is a beginning of the passage's text, so spans of the one are spans of the other.
    """

    prompt: PromptPassage
    retrieved: RetrievedPassage


def pack(ranked: Sequence[RetrievedPassage], budget: int) -> list[PackedPassage]:
    """Numbers the passages from 1, best first, until the budget is used up.

    Args:
        ranked: Best first.
        budget: Tokens of all passages with their headers.
    """
    packed: list[PackedPassage] = []
    for retrieved in ranked:
        passage = retrieved.passage
        header = count_tokens(f"{passage.title} {location_label(passage)}")
        text = _fitting(passage.text, budget - header)
        if not text:
            break
        budget -= header + count_tokens(text)
        packed.append(PackedPassage(_prompt_passage(len(packed) + 1, retrieved, text), retrieved))
        if len(text) < len(passage.text):
            break
    return packed


def location_label(passage: Passage) -> str:
    """Where a passage stands, for a person: `page 3, Installation > Windows`."""
    parts: list[str] = []
    if passage.unit_kind and passage.unit_from is not None:
        last = passage.unit_to if passage.unit_to is not None else passage.unit_from
        span = f"{passage.unit_from}" if last == passage.unit_from else f"{passage.unit_from}-{last}"
        parts.append(f"{passage.unit_kind} {span}")
    if passage.unit_label:
        parts.append(passage.unit_label)
    if passage.heading_path:
        parts.append(" > ".join(passage.heading_path))
    return ", ".join(parts)


def _prompt_passage(number: int, retrieved: RetrievedPassage, text: str) -> PromptPassage:
    passage = retrieved.passage
    return PromptPassage(
        number=number,
        title=passage.title,
        text=text,
        score=retrieved.score,
        location=location_label(passage),
        language=passage.language,
    )


def _fitting(text: str, room: int) -> str:
    """The whole text, or as many of its first sentences as fit; empty if that is too little to be of use."""
    if count_tokens(text) <= room:
        return text
    if room < _USEFUL_TOKENS:
        return ""
    end = 0
    used = 0
    for start, stop in sentence_spans(text):
        used += count_tokens(text[start:stop])
        if used > room:
            break
        end = stop
    return text[:end]
