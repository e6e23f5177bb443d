"""Passages as they are offered to a generator: neighbouring chunks of a document joined into one.

Chunks of one document that stand next to each other read better as one text with one header. The joined text
has the length of the document's own, so that spans map one to one. Between two chunks a document has nothing
but white space, whose kind is not stored and is put back by rule: quotations are taken from the chunks and
never from the space between.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from footnote.knowledge import Passage, RetrievedPassage
from footnote.models import PassagePart, PromptPassage, SentenceScore

_GAP_CHARACTERS = 8
"""More between two chunks than separators and they are not neighbours."""

_ENDS_SENTENCE = re.compile(r"[.!?。！？؟…।]['\"”’»)\]]*$")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A chunk, or its first sentences.

    Attributes:
        rank: Place in the search result, from 0.
        text: A beginning of the chunk's text.
        tokens: Of the text.
    """

    rank: int
    retrieved: RetrievedPassage
    text: str
    tokens: int

    @property
    def start(self) -> int:
        """In the document's text, as `end`."""
        return self.retrieved.passage.start

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True, slots=True)
class PackedPassage:
    """A passage as it is offered to a generator, and where it comes from.

    Attributes:
        prompt: What the generator is given.
        retrieved: The passage with the scores of its best chunk. The prompt's text is a beginning of its
            text, so spans of the one are spans of the other, and `passage.start` maps both into the document.
        parts: The chunks it was joined from, in reading order; one of them, usually.
    """

    prompt: PromptPassage
    retrieved: RetrievedPassage
    parts: tuple[RetrievedPassage, ...] = ()


def neighbours(excerpts: Sequence[Excerpt]) -> list[list[Excerpt]]:
    """The excerpts in runs that follow each other in one document; each in reading order, best run first."""
    placed = sorted(excerpts, key=lambda one: (str(one.retrieved.passage.document_id), one.start, one.rank))
    runs: list[list[Excerpt]] = []
    for excerpt in placed:
        if runs and _follows(runs[-1][-1], excerpt):
            runs[-1].append(excerpt)
        else:
            runs.append([excerpt])
    return sorted(runs, key=lambda run: min(one.rank for one in run))


def _follows(one: Excerpt, other: Excerpt) -> bool:
    before, after = one.retrieved.passage, other.retrieved.passage
    if (before.document_id, before.version, before.unit_kind) != (
        after.document_id,
        after.version,
        after.unit_kind,
    ):
        return False
    gap = other.start - one.end
    if gap < 0:
        return other.end > one.end and one.text.endswith(other.text[:-gap])
    # Without a space a word may go on, and its pieces would be counted wrongly.
    return 0 < gap <= _GAP_CHARACTERS or (gap == 0 and not (one.text[-1:] + other.text[:1]).isalnum())


def joined(number: int, run: Sequence[Excerpt]) -> PackedPassage:
    """One passage of a run of neighbours.

    It is named after its first chunk: the headings of the others stand in the text. Its scores are those of
    its best chunk; each part keeps its own.
    """
    best = min(run, key=lambda one: one.rank).retrieved
    text = ""
    parts: list[PassagePart] = []
    sentences: list[SentenceScore] = []
    for excerpt in run:
        gap = excerpt.start - run[0].start - len(text)
        text += _gap(text, gap)
        begin = len(text)
        text += excerpt.text[max(0, -gap) :]
        parts.append(PassagePart(begin, len(text), excerpt.retrieved.score))
        sentences += _moved(excerpt, excerpt.start - run[0].start, begin)
    whole = best
    if len(run) > 1:
        whole = replace(best, passage=_joined_passage(run, text), sentences=tuple(sentences))
    passage = whole.passage
    prompt = PromptPassage(
        number=number,
        title=passage.title,
        text=text,
        score=whole.score,
        location=location_label(passage),
        language=passage.language,
        sentences=tuple(sentences),
        parts=tuple(parts) if len(parts) > 1 else (),
    )
    return PackedPassage(prompt, whole, tuple(one.retrieved for one in run))


def _moved(excerpt: Excerpt, shift: int, begin: int) -> Iterator[SentenceScore]:
    """The sentences that an excerpt holds whole, at their places in the joined text from `begin` on."""
    for one in excerpt.retrieved.sentences:
        if one.end <= len(excerpt.text) and one.start + shift >= begin:
            yield replace(one, start=one.start + shift, end=one.end + shift)


def _joined_passage(run: Sequence[Excerpt], text: str) -> Passage:
    first, last = run[0].retrieved.passage, run[-1].retrieved.passage
    unit_to = last.unit_to if last.unit_to is not None else last.unit_from
    return replace(
        first,
        chunk_id=min(run, key=lambda one: one.rank).retrieved.passage.chunk_id,
        text=text,
        end=first.start + len(text),
        unit_to=unit_to if first.unit_from is not None else None,
        unit_label=first.unit_label if first.unit_label == last.unit_label else None,
    )


def _gap(text: str, length: int) -> str:
    """White space as the parser puts it: a space between sentences, line ends between blocks."""
    if length == 1:
        return " " if _ENDS_SENTENCE.search(text) else "\n"
    return "\n" * length  # none for chunks that overlap


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
