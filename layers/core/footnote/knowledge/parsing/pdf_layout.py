"""From lines to paragraphs: joins what was wrapped, parts what was set apart, drops what repeats."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from footnote.knowledge.models import BlockKind
from footnote.knowledge.parsing.pdf_lines import LEADERS, Line, PageText
from footnote.knowledge.parsing.pdf_tables import find_tables, unfold_columns

BULLET = re.compile(r"^\s*[●•◦▪■□‣⁃∙·*–—-]\s+(?=\S)")
_NUMBERED = re.compile(r"^\s*(?:\(?\d{1,2}[.)]|\(?[a-zA-Z][.)]|\(?[ivx]{1,5}[.)]|\[\d{1,3}\])\s+\S")
_TERMINAL = re.compile(r"[.!?:;。！？؟۔।][\"'”’»)\]]*$")
_NUMBER = re.compile(r"^[(+\-−–$€£]?\d[\d.,:/%)–-]*$|^[–—-]$|^n/?a$", re.IGNORECASE)
_CJK_END = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f]$")
_CJK_START = re.compile("^[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef\u3000-\u303f]")
_HANGUL = re.compile("[\uac00-\ud7af]")
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_DIGITS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(
    r"^\W*(?:(?:page|seite|página|pagina|s\.|p\.)\s*)?(?:\d{1,4}|[ivxlc]{1,6})"
    r"(?:\s*(?:/|of|von|de|di|sur)\s*\d{1,4})?\W*$",
    re.IGNORECASE,
)
# First parts of English compounds that keep their hyphen.
_COMPOUNDING = frozenset({
    "self", "well", "cross", "high", "low", "long", "short", "half", "full", "first", "second", "third",
    "end", "open", "real", "state", "large", "small", "two", "three", "four", "five", "multi", "ex", "non",
})  # fmt: skip
_TINY = 4
_MARGIN = 0.12  # of the page's height, above and below, where headers and footers stand
_NUMBER_MARGIN = 0.2
_REPEATS = 3
_REPEAT_SHARE = 0.4
_MARGIN_LINES = 3
_GAP = 0.7  # of the letters' height: more than between the lines of a paragraph
_EDGE_SHARE = 0.85
_NEIGHBOURS = 8
_SAME_EDGE = 27.0  # points: list items and first lines are set in by less


@dataclass(slots=True)
class Paragraph:
    """Lines that belong together.

    Attributes:
        page: Number from 1.
        kind: `paragraph`, `list_item` or `table_row`; headings are told later.
        text: Its text once the lines are joined; rows of tables have theirs from the start.
    """

    page: int
    lines: list[Line] = field(default_factory=list)
    kind: BlockKind = "paragraph"
    text: str = ""

    @property
    def size(self) -> float:
        """Size of its longest line."""
        return max(self.lines, key=lambda line: len(line.text)).size

    @property
    def bold(self) -> bool:
        """Whether all of it is bold."""
        return all(line.bold for line in self.lines)


def drop_running_lines(pages: Sequence[PageText]) -> None:
    """Takes out page numbers, and what repeats above and below on all pages but the first."""
    for page in pages:
        numbers = {id(line) for line in _outermost_lines(page) if _PAGE_NUMBER.match(line.text)}
        if len(numbers) < len(page.lines):
            page.lines = [line for line in page.lines if id(line) not in numbers]
    if len(pages) < _REPEATS:
        return
    seen: Counter[str] = Counter()
    for page in pages:
        seen.update({_key(line) for line in _margin_lines(page)})
    least = max(_REPEATS, int(len(pages) * _REPEAT_SHARE)) if len(pages) < 10 else _REPEATS
    kept: set[str] = set()
    for page in pages:
        gone = set()
        for line in _margin_lines(page):
            key = _key(line)
            if seen[key] < least:
                continue
            if key in kept or not any(character.isalpha() for character in key):
                gone.add(id(line))
            kept.add(key)
        page.lines = [line for line in page.lines if id(line) not in gone]


def paragraphs(page: PageText, number: int) -> list[Paragraph]:
    """The paragraphs of a page, in reading order, without their text yet, and rows of tables with it."""
    lines = unfold_columns(page.lines)
    leading = _leading(lines)
    rights = _right_edges(lines)
    tables = {table.first: table for table in find_tables(lines)}
    result: list[Paragraph] = []
    index = 0
    while index < len(lines):
        line = lines[index]
        current = result[-1] if result else None
        if index in tables:
            result += [Paragraph(number, [row], "table_row", text) for row, text in tables[index].rows]
            index = tables[index].last
            continue
        if current is not None and _continues(current, line, leading, rights):
            current.lines.append(line)
        else:
            result.append(Paragraph(number, [line], _kind(line)))
        index += 1
    return result


def vocabulary(pages: Iterable[PageText]) -> frozenset[str]:
    """All words that stand whole on some line: they tell which hyphens at line ends belong to the word."""
    words: set[str] = set()
    for page in pages:
        for line in page.lines:
            found = _WORD.findall(line.text.lower())
            words.update(found[:-1] if line.hyphen else found)
    return frozenset(words)


def spaces_are_written(pages: Iterable[PageText]) -> bool:
    """Whether Korean lines tell by a space at their end that a word ended there."""
    lines = [line for page in pages for line in page.lines if _HANGUL.search(line.text)]
    spaced = sum(line.spaced for line in lines)
    return bool(lines) and 0.1 < spaced / len(lines) < 0.9


def join(lines: Sequence[Line], words: frozenset[str], *, korean_spaces: bool) -> str:
    """One text out of wrapped lines."""
    text = lines[0].text
    if len(lines) == 1:
        return LEADERS.sub(" … ", text)
    for before, line in pairwise(lines):
        if before.hyphen or (text.endswith("-") and line.text[:1].islower() and text[-2:-1].isalpha()):
            text = _dehyphenated(text, line.text, words, marked=before.hyphen)
        else:
            text += (
                "" if _runs_on(before, text, line.text, korean_spaces=korean_spaces) else " "
            ) + line.text
    return text


def _runs_on(before: Line, text: str, following: str, *, korean_spaces: bool) -> bool:
    """Whether no space belongs between two lines: in Chinese and Japanese, and within Korean words."""
    if korean_spaces and not before.spaced and _HANGUL.match(text[-1:]) and _HANGUL.match(following):
        return True
    return bool(_CJK_END.search(text) and _CJK_START.search(following))


def _dehyphenated(text: str, following: str, words: frozenset[str], *, marked: bool) -> str:
    """Joins a divided word; the hyphen stays in compounds such as `well-known`."""
    left = _WORD.findall(text.rstrip("-").lower())
    right = _WORD.findall(following.lower())
    bare = text if marked else text[:-1]
    if not left or not right:
        return f"{bare}-{following}"
    joined, hyphened = left[-1] + right[0], f"{left[-1]}-{right[0]}"
    compound = left[-1] in _COMPOUNDING or (text.rstrip("-")[-1:].islower() and following[:1].isupper())
    if joined in words and not compound:
        return bare + following
    halves = left[-1].rpartition("-")[2] in words and right[0] in words and len(right[0]) > 3
    if hyphened in words or halves or compound or not following[:1].isalpha():
        return f"{bare}-{following}"
    return bare + following


def _continues(paragraph: Paragraph, line: Line, leading: float, rights: dict[int, float]) -> bool:
    """Whether a line goes on with the paragraph."""
    before = paragraph.lines[-1]
    if before.hyphen:
        return True
    if len(line.text) < _TINY and len(before.text) < _TINY and paragraph.kind == "paragraph":
        return True  # letters of a figure or a formula
    if _is_of_another_kind(paragraph, line):
        return False
    drop = before.bottom - line.bottom
    if drop <= 0.3 * line.size:
        return _goes_on_in_next_column(before, line)
    apart = drop > max(1.3 * leading, 1.15 * line.size) or not _overlaps(before, line)
    return not (apart or _is_indented(paragraph, line) or _ended_early(before, line, rights))


def _is_of_another_kind(paragraph: Paragraph, line: Line) -> bool:
    """Another direction, size or weight, an item of a list, a row of figures."""
    before = paragraph.lines[-1]
    if before.rtl != line.rtl or not 0.85 <= line.size / max(before.size, 0.1) <= 1.18:
        return True
    if before.bold != line.bold and (before.bold or len(paragraph.lines) == 1):
        return True
    if paragraph.kind == "table_row" or LEADERS.search(before.text):
        return True
    return _starts_item(line.text) or _is_figures(line)


def _goes_on_in_next_column(before: Line, line: Line) -> bool:
    higher = line.bottom > before.bottom + 3 * line.size
    return higher and not _TERMINAL.search(before.text) and line.text[:1].islower()


def _overlaps(before: Line, line: Line) -> bool:
    return min(before.right, line.right) > max(before.left, line.left)


def _is_indented(paragraph: Paragraph, line: Line) -> bool:
    """A first line set in from the lines above begins a paragraph; hanging lines of list items do not."""
    if _starts_item(paragraph.lines[0].text):
        return False
    edge = min(_begin(other) for other in paragraph.lines)
    indent = _begin(line) - edge
    if indent <= 0.7 * line.size or indent > 6 * line.size:
        return False
    return len(paragraph.lines) > 1 or bool(_TERMINAL.search(paragraph.lines[-1].text))


def _ended_early(before: Line, line: Line, rights: dict[int, float]) -> bool:
    """A line that stops well before the margin was ended on purpose."""
    margin = rights.get(id(before), _end(before))
    missing = margin - _end(before)
    width = max(margin - _begin(before), 1.0)
    closed = bool(_TERMINAL.search(before.text))
    new = line.text[:1].isupper() or line.text[:1].isdigit() or not line.text[:1].isalnum()
    if not line.text[:1].isupper() and not line.text[:1].islower() and missing > 0.3 * width:
        return True  # a script without capitals
    if missing > max(2.5 * before.size, 0.12 * width) and (closed or new):
        return True
    return closed and new and missing > 1.5 * before.size and len(before.text) < 40


def _begin(line: Line) -> float:
    """Distance of the line's beginning from the margin it begins at."""
    return -line.right if line.rtl else line.left


def _end(line: Line) -> float:
    return -line.left if line.rtl else line.right


def _right_edges(lines: Sequence[Line]) -> dict[int, float]:
    """Where those neighbours of each line usually end that begin where it does; by the line's `id`."""
    edges: dict[int, float] = {}
    for index, line in enumerate(lines):
        near = lines[max(0, index - _NEIGHBOURS) : index + _NEIGHBOURS + 1]
        ends = sorted(_end(other) for other in near if abs(_begin(other) - _begin(line)) <= _SAME_EDGE)
        # Not the furthest: a title over two columns says nothing about the margin of one of them.
        edges[id(line)] = ends[int(_EDGE_SHARE * (len(ends) - 1))]
    return edges


def _leading(lines: Sequence[Line]) -> float:
    """The usual distance from one line to the next."""
    drops = [
        before.bottom - line.bottom
        for before, line in pairwise(lines)
        if 0.5 * line.size < before.bottom - line.bottom < 3 * line.size and _overlaps(before, line)
    ]
    return median(drops) if drops else 12.0


def _kind(line: Line) -> BlockKind:
    if _is_figures(line):
        return "table_row"
    return "list_item" if _starts_item(line.text) or LEADERS.search(line.text) else "paragraph"


def _starts_item(text: str) -> bool:
    return bool(BULLET.match(text) or _NUMBERED.match(text))


def _is_figures(line: Line) -> bool:
    """A row of a table: two figures or more, and hardly less of them than words."""
    tokens = line.text.split()
    figures = sum(1 for token in tokens if _NUMBER.match(token))
    return len(tokens) >= 3 and figures >= 2 and figures >= 0.4 * len(tokens)


def _outermost_lines(page: PageText) -> list[Line]:
    """The highest and the lowest line, where page numbers stand, if they are near the edge."""
    if not page.lines:
        return []
    highest, lowest = max(page.lines, key=lambda x: x.top), min(page.lines, key=lambda x: x.bottom)
    found = [highest] if highest.bottom > page.height * (1 - _NUMBER_MARGIN) else []
    return [*found, lowest] if lowest.top < page.height * _NUMBER_MARGIN else found


def _margin_lines(page: PageText) -> list[Line]:
    """Lines near the upper and the lower edge that a gap sets apart from the body."""
    ordered = sorted(page.lines, key=lambda line: -line.top)
    upper = [line for line in ordered if line.bottom > page.height * (1 - _MARGIN)]
    lower = [line for line in ordered if line.top < page.height * _MARGIN]
    return _set_apart(ordered, len(upper)) + _set_apart(ordered[::-1], len(lower))


def _set_apart(ordered: Sequence[Line], within: int) -> list[Line]:
    """The first lines, from the page's edge inwards, up to the gap before the body; none without a gap."""
    for index in range(min(within, _MARGIN_LINES)):
        line = ordered[index]
        if index + 1 == len(ordered):
            return []
        inner = ordered[index + 1]
        gap = max(line.bottom - inner.top, inner.bottom - line.top)
        if gap > _GAP * max(line.size, inner.size):
            return list(ordered[: index + 1])
    return []


def _key(line: Line) -> str:
    return _DIGITS.sub("#", line.text.strip().lower())
