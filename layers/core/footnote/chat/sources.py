"""Turns the evidence of an answer into the sources that are shown."""

from __future__ import annotations

import re
from collections.abc import Sequence

from footnote.chat.models import Evidence, Location, Source
from footnote.knowledge import Passage, RetrievedPassage
from footnote.models import EvidenceSpan

_CONTEXT_CHARACTERS = 90
_WORD_CHARACTER = re.compile(r"\w", re.UNICODE)


def build_source(number: int, retrieved: RetrievedPassage, spans: Sequence[EvidenceSpan]) -> Source:
    """The source behind `[number]`.

    Args:
        number: The passage's number in the prompt.
        retrieved: The passage.
        spans: What was cited of it, at least one; offsets into the passage's text.
    """
    passage = retrieved.passage
    places = sorted({(span.start, span.end) for span in spans})
    return Source(
        number=number,
        document_id=passage.document_id,
        title=passage.title,
        filename=passage.filename,
        version=passage.version,
        excerpt=excerpt(passage.text, places),
        location=_location(passage),
        heading_path=passage.heading_path,
        evidence=tuple(
            Evidence(passage.start + start, passage.start + end, passage.text[start:end])
            for start, end in places
        ),
        relevance_score=max(0.0, min(1.0, retrieved.score)),
    )


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


def _location(passage: Passage) -> Location | None:
    if passage.unit_kind is None:
        return None
    return Location(passage.unit_kind, passage.unit_from, passage.unit_to, passage.unit_label)


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
