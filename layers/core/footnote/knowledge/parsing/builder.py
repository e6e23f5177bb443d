"""Builds canonical text block by block, so that no parser counts offsets itself."""

from __future__ import annotations

from typing import Literal

from footnote.knowledge.language import detect_language
from footnote.knowledge.models import Block, BlockKind, ParsedDocument, UnitKind
from footnote.knowledge.parsing.errors import Empty, Oversized
from footnote.knowledge.parsing.normalisation import clean, code_lines, lines, one_line

Layout = Literal["flow", "lines", "code"]
_LAYOUTS = {"flow": one_line, "lines": lines, "code": code_lines}
_TIGHT: frozenset[BlockKind] = frozenset({"list_item", "table_row"})
_MAX_HEADING = 200
_MAX_TITLE = 300
_TITLE_WITHIN = 4  # blocks
_LANGUAGE_SAMPLE = 20_000


class DocumentBuilder:
    """Collects blocks in reading order.

    Headings given to `heading` form the path of the blocks that follow them.

    Args:
        max_characters: Limit of the whole text.
        unit_kind: What units count, if the format has them.
    """

    def __init__(self, max_characters: int, unit_kind: UnitKind | None = None) -> None:
        self.unit_kind = unit_kind
        self.units_total = 0
        self.removed = 0
        self.warnings: list[str] = []
        self._max_characters = max_characters
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._length = 0
        self._unit: int | None = None
        self._unit_label: str | None = None
        self._units_read: set[int] = set()
        self._base: tuple[str, ...] = ()
        self._headings: list[tuple[int, str]] = []
        self._path: tuple[str, ...] = ()
        self._first_heading = ""
        self._top_level = 0
        self._top_headings = 0

    @property
    def path(self) -> tuple[str, ...]:
        """Titles of the headings that enclose the next block."""
        return self._path

    @property
    def blocks(self) -> int:
        """How many blocks there are so far."""
        return len(self._blocks)

    @property
    def first_heading(self) -> str:
        """A heading that stands at the start and over all others, or an empty string."""
        return self._first_heading if self._top_headings == 1 else ""

    def warn(self, message: str) -> None:
        """Notes what was left out; the same note is kept once."""
        if message not in self.warnings:
            self.warnings.append(message)

    def unit(self, number: int, label: str | None = None, *, keep_headings: bool = False) -> None:
        """Starts page, slide or sheet `number` (from 1)."""
        self._unit = number
        self._unit_label = one_line(clean(label)[0])[:_MAX_TITLE] or None if label else None
        self.units_total = max(self.units_total, number)
        if not keep_headings:
            self.reset_headings()

    def no_unit(self) -> None:
        """What follows lies on no page, slide or sheet (attachments)."""
        self._unit, self._unit_label = None, None

    def reset_headings(self, base: tuple[str, ...] = ()) -> None:
        """Forgets the headings so far; those that follow stand under `base`."""
        self._base = base
        self._headings = []
        self._path = base

    def heading(self, text: str, level: int) -> None:
        """Adds a heading; `level` 1 is the outermost."""
        title = self._normalise(text, "flow")
        if not title:
            return
        while self._headings and self._headings[-1][0] >= level:
            self._headings.pop()
        self._path = self._base + tuple(name for _, name in self._headings)
        self._append(title, "heading")
        self._note_top_heading(title, level)
        self._headings.append((level, title[:_MAX_HEADING]))
        self._path = self._base + tuple(name for _, name in self._headings)

    def _note_top_heading(self, title: str, level: int) -> None:
        if not self._headings and not self._first_heading and len(self._blocks) <= _TITLE_WITHIN:
            self._first_heading, self._top_level, self._top_headings = title, level, 1
        elif level <= self._top_level:
            self._top_headings += 1

    def add(self, text: str, kind: BlockKind = "paragraph", layout: Layout = "flow") -> None:
        """Adds a block; text of white space alone is nothing."""
        body = self._normalise(text, layout)
        if body:
            self._append(body, kind)

    def add_under(self, text: str, kind: BlockKind, path: tuple[str, ...]) -> None:
        """Adds a block under a heading path of its own (notes, comments)."""
        kept, self._path = self._path, path
        self.add(text, kind)
        self._path = kept

    def hidden(self, characters: int, what: str) -> None:
        """Counts text that a reader of the document would not see and that was left out."""
        if characters > 0:
            self.removed += characters
            self.warn(f"Hidden text was left out ({what}).")

    def clear(self) -> None:
        """Forgets all blocks: the parser starts over on the same document."""
        self._parts, self._blocks, self._length = [], [], 0
        self._units_read = set()
        self.reset_headings()

    def finish(self, title: str) -> ParsedDocument:
        """The document.

        Args:
            title: The document's own title, or its file name without the ending.

        Raises:
            Empty: There is no text.
        """
        if not self._blocks:
            raise Empty("The document holds no text.")
        text = "".join(self._parts)
        return ParsedDocument(
            text=text,
            blocks=tuple(self._blocks),
            title=self._normalise(title, "flow")[:_MAX_TITLE] or "Untitled",
            language=detect_language(text[:_LANGUAGE_SAMPLE]),
            unit_kind=self.unit_kind,
            units_total=self.units_total,
            units_read=len(self._units_read),
            warnings=tuple(one_line(clean(warning)[0]) for warning in self.warnings),
            removed_characters=self.removed,
        )

    def _normalise(self, text: str, layout: Layout) -> str:
        cleaned, removed = clean(text)
        self.removed += removed
        return _LAYOUTS[layout](cleaned)

    def _append(self, body: str, kind: BlockKind) -> None:
        if self._blocks:
            tight = kind in _TIGHT and self._blocks[-1].kind == kind
            separator = "\n" if tight else "\n\n"
            self._parts.append(separator)
            self._length += len(separator)
        start = self._length
        self._length += len(body)
        if self._length > self._max_characters:
            raise Oversized(
                f"The document has more than {self._max_characters:,} characters of text. "
                "Split it into smaller files."
            )
        self._parts.append(body)
        self._blocks.append(Block(start, self._length, kind, self._unit, self._unit_label, self._path))
        if self._unit is not None:
            self._units_read.add(self._unit)
