"""Turns the evidence of an answer into the sources that are shown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from footnote.chat.models import Evidence, Location, Source
from footnote.chat.passages import PackedPassage
from footnote.knowledge import Passage
from footnote.models import EvidenceSpan

_CONTEXT_CHARACTERS = 90
_WORD_CHARACTER = re.compile(r"\w", re.UNICODE)


def build_source(packed: PackedPassage, spans: Sequence[EvidenceSpan]) -> Source:
    """The source behind a citation.

    Of a passage that was joined from several chunks it tells the place of those that were cited, and a span
    over two chunks is evidence of both: what stands between them is not quoted.

    Args:
        packed: The passage.
        spans: What was cited of it, at least one; offsets into the passage's text.
    """
    passage = packed.retrieved.passage
    places = _quoted(packed, sorted({(span.start, span.end) for span in spans}))
    parts = _cited(packed, places)
    return Source(
        number=packed.prompt.number,
        document_id=passage.document_id,
        title=passage.title,
        filename=passage.filename,
        version=passage.version,
        excerpt=excerpt(passage.text, places),
        location=_location(parts),
        heading_path=parts[0].heading_path,
        evidence=tuple(
            Evidence(passage.start + start, passage.start + end, passage.text[start:end])
            for start, end in places
        ),
        relevance_score=max(0.0, min(1.0, packed.retrieved.score)),
    )


def _quoted(packed: PackedPassage, places: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The places without what stands between two chunks."""
    parts = packed.prompt.parts
    if not parts:
        return list(places)
    cut = ((max(start, part.start), min(end, part.end)) for start, end in places for part in parts)
    return sorted({(start, end) for start, end in cut if start < end})


def _cited(packed: PackedPassage, places: Sequence[tuple[int, int]]) -> list[Passage]:
    """The chunks that hold the places, in reading order."""
    if not packed.prompt.parts:
        return [packed.retrieved.passage]
    chunks = zip(packed.prompt.parts, packed.parts, strict=True)
    return [
        chunk.passage
        for part, chunk in chunks
        if any(part.start < end and start < part.end for start, end in places)
    ]


def excerpt(text: str, places: Sequence[tuple[int, int]]) -> str:
    """The cited places with a little around them on one line; what is left out is marked by an ellipsis."""
    windows: list[list[int]] = []
    for start, end in sorted(places):
        first = _word_start(text, max(0, start - _CONTEXT_CHARACTERS))
        last = _word_end(text, min(len(text), end + _CONTEXT_CHARACTERS))
        if windows and first <= windows[-1][1]:
            windows[-1][1] = max(windows[-1][1], last)
        else:
            windows.append([first, last])
    joined = " … ".join(" ".join(text[first:last].split()) for first, last in windows)
    head = "… " if windows and text[: windows[0][0]].strip() else ""
    tail = " …" if windows and text[windows[-1][1] :].strip() else ""
    return f"{head}{joined}{tail}"


def _location(chunks: Sequence[Passage]) -> Location | None:
    first, last = chunks[0], chunks[-1]
    if first.unit_kind is None:
        return None
    return Location(first.unit_kind, first.unit_from, last.unit_to, first.unit_label)


def _inside_word(text: str, at: int) -> bool:
    return 0 < at < len(text) and all(_WORD_CHARACTER.match(c) for c in text[at - 1 : at + 1])


def _word_start(text: str, at: int) -> int:
    """`at`, moved left to where its word begins; scripts without spaces give up after a while."""
    for place in range(at, max(-1, at - _CONTEXT_CHARACTERS), -1):
        if not _inside_word(text, place):
            return place
    return at


def _word_end(text: str, at: int) -> int:
    for place in range(at, min(len(text), at + _CONTEXT_CHARACTERS) + 1):
        if not _inside_word(text, place):
            return place
    return at
