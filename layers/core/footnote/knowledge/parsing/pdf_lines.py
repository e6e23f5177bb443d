"""Lines of a PDF page with their places, by PDFium.

PDFium gives the characters of a page as one string in reading order, with line ends that it saw; a few boxes
per line are all that is needed to put paragraphs and headings together again, which keeps this fast.
"""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass, field
from typing import Any

import pypdfium2.raw as pdfium

from footnote.knowledge.parsing.pdf_fonts import is_unmapped, shifted
from footnote.knowledge.parsing.pdf_rtl import is_right_to_left, logical_order

# PDFium writes U+0002 (older versions U+FFFE) for a hyphen at a line's end and joins the lines.
_LINE = re.compile(r"[^\r\n\x02\ufffe]*(?:\r\n|[\r\n\x02\ufffe]|\Z)")
_HYPHENS = ("\x02", "\ufffe")
# The dots between a title and its page in a table of contents.
LEADERS = re.compile(r"(?:\s?[.…·_]){4,}\s*(?=[\divxlc]+$)", re.IGNORECASE)
_STRANGE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd\ue000-\uf8ff\U000f0000-\U0010ffff]")
_BOLD_WEIGHT = 600
_BOLD_FLAG = 1 << 18  # PDF 32000-1, table 123: ForceBold
_SAME_LINE = 0.5  # share of the smaller line's height that two pieces of a line have in common
_MAX_GAP = 3.0  # in line heights: further apart, pieces beside each other are no exponents
_SPACES = re.compile(r"\s+")
_CELL_GAP = 1.1  # of the letters' height: spaces in justified text stay below
_SAMPLES = 6  # boxes taken from a line: enough to see its size past a large sign in it
_NAME_BUFFER = 128


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of a line that stands well apart from its neighbours.

    Attributes:
        left, right: Its extent in points.
    """

    text: str
    left: float
    right: float


@dataclass(slots=True)
class Line:
    """A line of text.

    Attributes:
        left, bottom, right, top: Its box in points, from the lower left corner of the page.
        size: Height of its letters' boxes: what the eye takes for the font size.
        hyphen: Whether it ends in a hyphen that divides a word.
        spaced: Whether white space followed it in the file.
        rtl: Whether it runs from right to left.
        cells: Its pieces, if wide gaps part it: a row of a table, or lines of columns side by side.
    """

    text: str
    left: float = 0.0
    bottom: float = 0.0
    right: float = 0.0
    top: float = 0.0
    size: float = 0.0
    bold: bool = False
    hyphen: bool = False
    spaced: bool = False
    rtl: bool = False
    cells: list[Cell] = field(default_factory=list)


@dataclass(slots=True)
class PageText:
    """The text of a page.

    Attributes:
        strange: Share of characters that stand for no letter: the font does not say which.
        outside: Characters beyond the page's edges or too small to be seen, left out.
    """

    lines: list[Line]
    width: float
    height: float
    strange: float = 0.0
    outside: int = 0


def read_lines(page: Any, textpage: Any) -> PageText:
    """All visible lines of a page in reading order."""
    width, height = page.get_size()
    text = _characters(textpage)
    result = PageText([], width, height)
    if not text:
        return result
    result.strange = len(_STRANGE.findall(text.replace("\x02", ""))) / max(1, len(text))
    edges = page.get_bbox()
    for found in _LINE.finditer(text):
        if not found[0]:
            continue
        body = found[0].rstrip("\r\n\x02\ufffe")
        if not body.strip():
            continue
        line = _line(textpage, body, found.start(), hyphen=found[0].endswith(_HYPHENS))
        if _is_visible(line, edges):
            _append(result.lines, line)
        else:
            result.outside += len(body.strip())
    if result.lines and is_unmapped(textpage, len(text)):
        _restore_letters(result)
    return result


def _restore_letters(page: PageText) -> None:
    """Turns glyph numbers into letters; where that makes no sense the page counts as strange."""
    texts = shifted([line.text for line in page.lines])
    if texts is None:
        page.strange = 1.0
        return
    page.strange = 0.0
    for line, text in zip(page.lines, texts, strict=True):
        if line.text != text:
            line.text, line.cells = text, []


def _characters(textpage: Any) -> str:
    """The page's characters; positions in the string are PDFium's character indexes."""
    count = textpage.count_chars()
    if count <= 0:
        return ""
    buffer = (ctypes.c_ushort * (count + 1))()
    written = pdfium.FPDFText_GetText(textpage.raw, 0, count, buffer)
    text = bytes(buffer)[: 2 * max(0, written - 1)].decode("utf-16-le", "replace")
    if len(text) == count:
        return text
    # Surrogate pairs or characters without a code: one by one, to keep positions right.
    get = pdfium.FPDFText_GetUnicode
    raw = textpage.raw
    codes = (get(raw, index) for index in range(count))
    return "".join(
        chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else "\ufffd" for code in codes
    )


def _line(textpage: Any, body: str, start: int, *, hyphen: bool) -> Line:
    stripped = body.strip()
    first = start + len(body) - len(body.lstrip())
    last = first + len(stripped) - 1
    rtl = is_right_to_left(stripped)
    samples = {first + (last - first) * step // _SAMPLES for step in range(_SAMPLES + 1)}
    boxes = [_box(textpage, first + offset) for offset in _visible(stripped, samples, first)]
    line = Line(
        text=logical_order(textpage, stripped, first) if rtl else stripped,
        left=min(box[0] for box in boxes),
        bottom=min(box[1] for box in boxes),
        right=max(box[2] for box in boxes),
        top=max(box[3] for box in boxes),
        size=sorted(box[3] - box[1] for box in boxes)[len(boxes) // 2],
        bold=_is_bold(textpage, first) and _is_bold(textpage, last),
        hyphen=hyphen,
        spaced=body != body.rstrip(),
        rtl=rtl,
    )
    if not rtl and not LEADERS.search(stripped):
        line.cells = _cells(textpage, stripped, first, line)
    return line


def _cells(textpage: Any, text: str, first: int, line: Line) -> list[Cell]:
    """The pieces of a line between gaps wider than those between words; none if it is one piece."""
    cells: list[Cell] = []
    start, left = 0, line.left
    for found in _SPACES.finditer(text):
        before = _box(textpage, first + found.start() - 1)
        after = _box(textpage, first + found.end())
        if after[0] - before[2] > _CELL_GAP * line.size:
            cells.append(Cell(text[start : found.start()], left, before[2]))
            start, left = found.end(), after[0]
    if cells:
        cells.append(Cell(text[start:], left, line.right))
    return cells


def _visible(text: str, samples: set[int], first: int) -> list[int]:
    """Offsets of the samples that are letters; spaces have no box of their own."""
    offsets = sorted(index - first for index in samples)
    return [offset for offset in offsets if not text[offset].isspace()] or [0]


def _box(textpage: Any, index: int) -> tuple[float, float, float, float]:
    """Left, bottom, right, top of a character's cell."""
    rectangle = pdfium.FS_RECTF()
    if not pdfium.FPDFText_GetLooseCharBox(textpage.raw, index, rectangle):
        return 0.0, 0.0, 0.0, 0.0
    return rectangle.left, rectangle.bottom, rectangle.right, rectangle.top


def _is_bold(textpage: Any, index: int) -> bool:
    if pdfium.FPDFText_GetFontWeight(textpage.raw, index) >= _BOLD_WEIGHT:
        return True
    flags = ctypes.c_int()
    name = ctypes.create_string_buffer(_NAME_BUFFER)
    size = pdfium.FPDFText_GetFontInfo(textpage.raw, index, name, _NAME_BUFFER, flags)
    if not size:
        return False
    lowered = name.value.lower()
    return (
        bool(flags.value & _BOLD_FLAG)
        or b"bold" in lowered
        or b"black" in lowered
        or b"cmbx" in lowered
        or b"-medi" in lowered
    )


def _is_visible(line: Line, edges: tuple[float, float, float, float]) -> bool:
    left, bottom, right, top = edges
    inside = line.right > left and line.left < right and line.top > bottom and line.bottom < top
    return inside and line.size >= 1.0


def _append(lines: list[Line], line: Line) -> None:
    """Adds a line, or joins it to the one before if it is a further piece of it (exponents, table cells)."""
    before = lines[-1] if lines else None
    if before is None or before.hyphen or not _is_same_line(before, line):
        lines.append(line)
        return
    gap = line.left - before.right if not before.rtl else before.left - line.right
    if gap > _CELL_GAP * max(before.size, line.size):
        before.cells = (before.cells or [_whole(before)]) + (line.cells or [_whole(line)])
    elif before.cells or line.cells:
        before.cells = _joined_cells(before, line)
    space = " " if before.spaced or gap > 0.15 * max(before.size, line.size) else ""
    before.text += space + line.text
    before.left, before.right = min(before.left, line.left), max(before.right, line.right)
    before.bottom, before.top = min(before.bottom, line.bottom), max(before.top, line.top)
    if len(line.text) > len(before.text) // 2:
        before.size = max(before.size, line.size)
    before.hyphen, before.spaced = line.hyphen, line.spaced
    before.bold = before.bold and line.bold


def _whole(line: Line) -> Cell:
    return Cell(line.text, line.left, line.right)


def _joined_cells(before: Line, line: Line) -> list[Cell]:
    """Cells of two pieces of a line that touch: the last of the one and the first of the other are one."""
    left, right = before.cells or [_whole(before)], line.cells or [_whole(line)]
    middle = Cell(f"{left[-1].text} {right[0].text}", left[-1].left, right[0].right)
    return [*left[:-1], middle, *right[1:]]


def _is_same_line(before: Line, line: Line) -> bool:
    shared = min(before.top, line.top) - max(before.bottom, line.bottom)
    if shared < _SAME_LINE * min(before.top - before.bottom, line.top - line.bottom):
        return False
    gap = line.left - before.right if not before.rtl else before.left - line.right
    return -0.5 * line.size <= gap <= _MAX_GAP * max(before.size, line.size)
