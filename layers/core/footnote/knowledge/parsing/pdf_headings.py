"""Which paragraphs of a PDF are headings, and of what level: by bookmarks, size, weight and numbering."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from footnote.knowledge.parsing.normalisation import clean, one_line
from footnote.knowledge.parsing.pdf_layout import Paragraph

_MAX_LENGTH = 180
_MAX_LINES = 3
_LARGER = 1.12
_LARGER_THAN_MARKED = 1.25  # where bookmarks name the headings, size has to say more
_ITEM = re.compile(r"^\s*\(?(?:[a-z]|[ivx]+|\d+)\)", re.IGNORECASE)
_MAX_SHARE = 0.25  # of the text: where more is set large, size says nothing
_MAX_BOOKMARKS = 5_000
_SENTENCE_END = (".", ",", ";", ":", "…")
_NUMBER = re.compile(r"^(\d{1,2}(?:\.\d{1,2}){0,4})\.?\s+\S")
_NUMBER_ONLY = re.compile(r"^\d{1,2}(?:\.\d{1,2}){0,4}\.?\s+")
_FORMULA = re.compile(r"[=∈∀∃⇒⇔∩∪⊆≤≥×→↦∂∑∫√·−+]|^[^\w\"'“‘«„(¿¡]")
_LETTERS = re.compile(r"[^\W\d_]")
_OPEN_END = re.compile(r"\b(?:and|or|of|the|for|in|to|und|et|y|de|der|für)$|[-–,]$")
_SQUEEZE = re.compile(r"[\W_]+")

Bookmarks = dict[tuple[int, str], int]


def read_bookmarks(document: Any) -> Bookmarks:
    """Levels (from 1) of the document's outline by page (from 1) and title."""
    found: Bookmarks = {}
    bookmark: Any
    for count, bookmark in enumerate(document.get_toc(max_depth=6)):
        if count >= _MAX_BOOKMARKS:
            break
        destination = bookmark.get_dest()
        page: int | None = destination.get_index() if destination is not None else None
        if page is not None:
            for title in _spellings(bookmark.get_title() or ""):
                found.setdefault((page + 1, title), bookmark.level + 1)
    return found


def heading_levels(items: Sequence[Paragraph], bookmarks: Bookmarks) -> dict[int, int]:
    """Levels of the headings among paragraphs, by their index."""
    body = body_size(items)
    larger = _LARGER_THAN_MARKED if bookmarks else _LARGER
    levels: dict[int, int] = {}
    candidates: dict[int, float] = {}
    for index, item in enumerate(items):
        if not _may_be_heading(item):
            continue
        marked = _bookmark_level(item, bookmarks)
        if marked:
            levels[index] = marked
        elif not item.text.endswith(_SENTENCE_END):
            size = round(item.size * 2) / 2
            if size >= body * larger:
                candidates[index] = size
            elif _is_numbered_bold(item) or (not bookmarks and _stands_out(items, index, body)):
                candidates[index] = body
    large = sum(len(items[index].text) for index in candidates)
    if large > _MAX_SHARE * sum(len(item.text) for item in items):
        return levels
    ranks = {size: rank for rank, size in enumerate(sorted(set(candidates.values()), reverse=True), start=1)}
    for index, size in candidates.items():
        number = _NUMBER.match(items[index].text)
        depth = number[1].count(".") if number else 0
        base = ranks[size] if not bookmarks else max(ranks[size], 2)
        levels[index] = min(base + depth, 6)
    return levels


def body_size(items: Sequence[Paragraph]) -> float:
    """The size that most of the text is set in."""
    sizes: Counter[float] = Counter()
    for item in items:
        for line in item.lines:
            sizes[round(line.size * 2) / 2] += len(line.text)
    return max(sizes, key=lambda size: sizes[size]) if sizes else 1.0


def merge_large(items: list[Paragraph]) -> list[Paragraph]:
    """Joins the lines of headings that are set over several: large, of one size, right below each other."""
    body = body_size(items)
    merged: list[Paragraph] = []
    for item in items:
        last = merged[-1] if merged else None
        if last is not None and _is_second_line(last, item, body):
            last.lines += item.lines
            last.text = f"{last.text} {item.text}"
        else:
            merged.append(item)
    return merged


def _is_second_line(last: Paragraph, item: Paragraph, body: float) -> bool:
    large = last.size >= body * _LARGER
    open_ended = last.bold and item.bold and (item.text[:1].islower() or bool(_OPEN_END.search(last.text)))
    if not (large or open_ended) or last.page != item.page or abs(last.size - item.size) > 0.06 * last.size:
        return False
    drop = last.lines[-1].bottom - item.lines[0].bottom
    together = (
        len(last.lines) + len(item.lines) <= _MAX_LINES and len(last.text) + len(item.text) <= _MAX_LENGTH
    )
    ended = last.text.endswith(_SENTENCE_END) or bool(_NUMBER.match(item.text) or _ITEM.match(item.text))
    return together and not ended and 0 < drop <= 1.8 * item.size


def guess_title(items: Sequence[Paragraph], levels: dict[int, int]) -> str:
    """The largest text in the upper part of the first page, or the heading that the text begins with."""
    first = [item for item in items if item.page == 1][:8]
    body = body_size(items)
    best: Paragraph | None = None
    for item in first:
        large = item.size >= body * _LARGER and _may_be_heading(item)
        if large and (best is None or item.size > best.size * 1.05):
            best = item
    if best is None and items and 0 in levels:
        best = items[0]
    return best.text if best is not None and not _NUMBER.match(best.text) else ""


def _may_be_heading(item: Paragraph) -> bool:
    letters = len(_LETTERS.findall(item.text))
    if _ITEM.match(item.text) or _FORMULA.search(item.text):
        return False
    short = len(item.text) <= _MAX_LENGTH and len(item.lines) <= _MAX_LINES
    return short and item.kind != "table_row" and letters >= 3 and letters >= len(item.text) * 0.5


def _stands_out(items: Sequence[Paragraph], index: int, body: float) -> bool:
    """Bold and short in text of the same size, with ordinary text around it."""
    item = items[index]
    if not item.bold or item.size < body * 0.95 or len(item.lines) > 2 or item.kind == "list_item":
        return _is_numbered_bold(item)
    if index + 1 < len(items) and items[index + 1].kind == "table_row":
        return False  # the names of columns
    around = [other for other in items[max(0, index - 2) : index + 3] if other is not item]
    return any(not other.bold for other in around)


def _is_numbered_bold(item: Paragraph) -> bool:
    return item.bold and len(item.lines) <= 2 and bool(_NUMBER.match(item.text))


def _bookmark_level(item: Paragraph, bookmarks: Bookmarks) -> int:
    if not bookmarks:
        return 0
    for text in _spellings(item.text):
        for page in (item.page, item.page + 1, item.page - 1):
            level = bookmarks.get((page, text))
            if level:
                return level
    return 0


def _spellings(title: str) -> list[str]:
    """A title as it stands and without its number, which either side may leave out."""
    bare = _NUMBER_ONLY.sub("", title.strip())
    return [text for text in dict.fromkeys((_squeezed(title), _squeezed(bare))) if text]


def _squeezed(title: str) -> str:
    """Letters and digits only, lower case: bookmarks and headings differ in spaces and signs."""
    return _SQUEEZE.sub("", one_line(clean(title)[0]).lower())
