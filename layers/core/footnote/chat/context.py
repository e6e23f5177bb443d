"""Packs passages into the token budget of a prompt, whole sentences only.

The embedding model's tokenizer counts. A generation model has another one: text in a script that the counting
one does not know comes out too short with it (a whole word becomes one unknown piece), so no text counts less
than a sixth of its bytes; and `token_factor` is there for models that need more tokens for everything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from footnote.chat.passages import Excerpt, PackedPassage, joined, neighbours
from footnote.knowledge import RetrievedPassage, count_tokens, sentence_spans
from footnote.models import PromptPassage, passage_frame

LEAST_REMNANT = 100
"""Tokens; a smaller remnant of the budget takes no cut passage (reference document, section 3.2, stage 4).

That is one or two opening sentences of a passage that ranked low, which rarely are its evidence. A passage
further down that fits whole is a better use of it.
"""

_BYTES_PER_TOKEN = 6


def pack(
    ranked: Sequence[RetrievedPassage], budget: int, *, token_factor: float = 1.0
) -> list[PackedPassage]:
    """Numbers the passages from 1, best first, as many as the budget holds.

    Neighbours in a document become one passage in reading order, and what is there already is not packed
    again. A passage that does not fit gives its first sentences if they are enough to be of use.

    Args:
        ranked: Best first.
        budget: Tokens of all passages as they stand in the prompt, with their headers and delimiters.
        token_factor: Tokens of the generation model for one of ours.
    """
    budget = math.floor(budget / token_factor)
    chosen: list[Excerpt] = []
    frames: dict[str, int] = {}
    for rank, retrieved in enumerate(_distinct(ranked)):
        text = retrieved.passage.text
        whole = Excerpt(rank, retrieved, text, tokens_of(text))
        if _size([*chosen, whole], frames) <= budget:
            chosen.append(whole)
            continue
        room = budget - _size([*chosen, Excerpt(rank, retrieved, "", 0)], frames)
        begun = _beginning(whole, room)
        if begun is not None and _size([*chosen, begun], frames) <= budget:
            chosen.append(begun)
            break
    return [joined(number, run) for number, run in enumerate(neighbours(chosen), 1)]


def tokens_of(text: str) -> int:
    """Tokens that a text is taken for."""
    return max(count_tokens(text), math.ceil(len(text.encode()) / _BYTES_PER_TOKEN))


def at_both_ends(passages: Sequence[PromptPassage]) -> tuple[PromptPassage, ...]:
    """The passages with the best one first, the second best last, and the others between: 1, 3, 5, 4, 2.

    Models read the beginning and the end of a long context best (Liu et al. 2023, "Lost in the Middle"). The
    numbers stay with their passages.
    """
    return (*passages[0::2], *reversed(passages[1::2]))


def _distinct(ranked: Sequence[RetrievedPassage]) -> Iterator[RetrievedPassage]:
    """Without passages whose words, or whose place in a document, came before."""
    seen: set[str] = set()
    taken: list[RetrievedPassage] = []
    for retrieved in ranked:
        words = " ".join(retrieved.passage.text.casefold().split())
        if words and words not in seen and not any(_within(retrieved, other) for other in taken):
            seen.add(words)
            taken.append(retrieved)
            yield retrieved


def _within(one: RetrievedPassage, other: RetrievedPassage) -> bool:
    inner, outer = one.passage, other.passage
    is_same = (inner.document_id, inner.version) == (outer.document_id, outer.version)
    return is_same and outer.start <= inner.start and inner.end <= outer.end


def _size(excerpts: Sequence[Excerpt], frames: dict[str, int]) -> int:
    """Tokens of the whole context with these excerpts; `frames` are those counted before."""
    size = sum(one.tokens for one in excerpts)
    for number, run in enumerate(neighbours(excerpts), 1):
        frame = passage_frame(joined(number, run).prompt)
        if frame not in frames:
            frames[frame] = tokens_of(frame)
        size += frames[frame]
    return size


def _beginning(whole: Excerpt, room: int) -> Excerpt | None:
    """As many of the first sentences as fit; `None` if that is too little to be of use."""
    if room < LEAST_REMNANT:
        return None
    end = used = 0
    for start, stop in sentence_spans(whole.text):
        tokens = tokens_of(whole.text[start:stop])
        if used + tokens > room:
            break
        end, used = stop, used + tokens
    return Excerpt(whole.rank, whole.retrieved, whole.text[:end], used) if end else None
