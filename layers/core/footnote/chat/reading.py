"""Takes a passage apart: sentences, rows and items, and the headings and questions they stand under."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from footnote.knowledge import sentence_spans
from footnote.models import PromptPassage

REFERENCE_MARK = re.compile(r"\s*[\[【]\s*\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*\s*[\]】]")
"""A note or reference number of the document itself: `[4]`, `[2, 3]`."""

_HEADING_WORDS = 10
_ENDS = re.compile(r"[.!?。！？؟…:;।]['\"”’»)\]]*$")
_QUESTION = re.compile(r"[?？؟]['\"”’»)\]]*$")
_TABLE_ROW = re.compile(r"[^:;()\n]{1,80}: [^;\n]*; [^:;\n]{1,80}: ")
_ROW = re.compile(r"\t| \| |^\s*[-*•▪◦–]\s|^\s*\(?\d{1,3}[.)]\s|: \S|=")
_CODE = re.compile(
    r"\s*(?:<[/!?]?\w[^>]*>|.*[{};]\s*$|.*</\w+>\s*$|[{}\[\]()]+[,;]?\s*$|[\w.]+\(.*\)\s*$|"
    r"(?:def|class|import|from|return|const|let|var|function|public|private|#include)\b)"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, table row or list item of a passage.

    Attributes:
        number: The passage's number.
        index: Place among the passage's sentences, from 0.
        start, end: Span in the passage's text.
        is_label: A heading or a question: it says what the next sentences are about and is no answer itself.
        label: The nearest label above, empty without one.
        follows_label: The label stands directly above.
    """

    number: int
    index: int
    start: int
    end: int
    text: str
    is_label: bool
    label: str = ""
    follows_label: bool = False

    @property
    def embedding_text(self) -> str:
        """What is compared with the question: the sentence, after a label that stands directly above."""
        return f"{self.label} {self.text}" if self.follows_label else self.text

    @property
    def says_something(self) -> bool:
        """It holds more than marks."""
        return any(character.isalnum() for character in REFERENCE_MARK.sub("", self.text))

    @property
    def is_question(self) -> bool:
        return _QUESTION.search(self.text) is not None

    @property
    def is_code(self) -> bool:
        """A line of markup or of a program."""
        return _CODE.match(self.text) is not None

    @property
    def ends(self) -> bool:
        """It ends as sentences do, and not as rows and items do."""
        return _ENDS.search(self.text) is not None


def split_passage(passage: PromptPassage) -> list[Sentence]:
    """The passage's sentences in reading order, labels marked."""
    spans = _with_whole_rows(passage.text, sentence_spans(passage.text))
    labels = _labels(passage.text, spans)
    found: list[Sentence] = []
    label = ""
    for index, (start, end) in enumerate(spans):
        text = passage.text[start:end]
        follows = index > 0 and labels[index - 1]
        found.append(Sentence(passage.number, index, start, end, text, labels[index], label, follows))
        if labels[index]:
            label = text
    return found


def _with_whole_rows(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Joins the sentences of one table row again: a full stop in a cell does not part it from its column."""
    joined: list[tuple[int, int]] = []
    row_end = 0
    for start, end in spans:
        if joined and end <= row_end:
            joined[-1] = (joined[-1][0], end)
            continue
        joined.append((start, end))
        line_end = text.find("\n", start)
        line_end = len(text) if line_end < 0 else line_end
        row_end = line_end if _TABLE_ROW.match(text, start, line_end) else 0
    return joined


def _labels(text: str, spans: Sequence[tuple[int, int]]) -> list[bool]:
    """Which sentences are headings or questions with something below them.

    One or two short lines above a text are headings. Three or more are a list under its name, and the last of
    them, if text follows, is a heading again. After a colon all of them are items.
    """
    looks = [_looks_like_heading(text, start, end) for start, end in spans]
    found = [_QUESTION.search(text[start:end]) is not None for start, end in spans]
    for first, stop in _runs(looks):
        if first == 0 or not text[spans[first - 1][0] : spans[first - 1][1]].endswith((":", "：")):
            found[first] = True
            found[stop - 1] = stop < len(spans)
    if found:
        found[-1] = False  # nothing stands below it
    return found


def _runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Half-open ranges of neighbours that are all true."""
    first: int | None = None
    for index, flag in enumerate([*flags, False]):
        if flag and first is None:
            first = index
        elif not flag and first is not None:
            yield first, index
            first = None


def _looks_like_heading(text: str, start: int, end: int) -> bool:
    """A short line of its own that neither ends like a sentence nor holds a value like a row does."""
    line = text[start:end]
    on_own_line = (end == len(text) or "\n" in text[end : end + 2]) and (
        start == 0 or "\n" in text[max(0, start - 2) : start]
    )
    return (
        on_own_line
        and "\n" not in line
        and len(line.split()) <= _HEADING_WORDS
        and not any(mark.search(line) for mark in (_ENDS, _ROW))
        and _CODE.match(line) is None
    )
