"""Tables of HTML: those that hold data become rows, those that only lay a page out are walked through."""

from __future__ import annotations

from typing import Any

from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.normalisation import one_line
from footnote.knowledge.parsing.tables import SPAN, add_table

_BLOCK_CONTENT = "p, div, ul, ol, h1, h2, h3, h4, h5, h6, table, blockquote, form, br + br"
_PROSE = 400  # characters in one cell beyond which it is text laid out, not a value
_MAX_SPAN = 100
_MAX_COLUMNS = 500
# Reports set signs in cells of their own, to align the figures.
_BEFORE_NUMBER = frozenset({"$", "€", "£", "¥", "(", "$ (", "$("})
_AFTER_NUMBER = frozenset({"%", ")", ")%", "%)"})


def is_data_table(table: Any) -> bool:
    """Whether the table holds data in rows and columns rather than laying out text."""
    attributes = table.attributes
    if (attributes.get("role") or "") in ("presentation", "none"):
        return False
    if table.css_first("table table") is not None or table.css_first("td table") is not None:
        return False
    rows = _rows(table)
    widths = [len(_cells(row)) for row in rows]
    if not widths or max(widths) < 2:
        return False
    if table.css_first("th") is not None:
        return True
    cells = [cell for row in rows for cell in _cells(row)]
    prose = sum(1 for cell in cells if len(one_line(cell.text())) > _PROSE)
    blocks = sum(1 for cell in cells if len(cell.css(_BLOCK_CONTENT)) > 2)
    return prose <= len(cells) * 0.1 and blocks <= len(cells) * 0.2


def add_html_table(builder: DocumentBuilder, table: Any) -> int:
    """Adds caption and rows; returns how many characters of text they had."""
    from footnote.knowledge.parsing.html_walk import visible_text

    caption = table.css_first("caption")
    if caption is not None:
        builder.add(visible_text(caption), "caption")
    rows = _rows(table)
    grid = _grid(rows, visible_text)
    header = _header(rows)
    add_table(builder, _drop_filler_columns(grid), header=header)
    return sum(len(cell) for row in grid for cell in row if cell != SPAN)


def _rows(table: Any) -> list[Any]:
    return list(table.css("tr"))


def _cells(row: Any) -> list[Any]:
    cells = []
    child = row.child
    while child is not None:
        if child.tag in ("td", "th"):
            cells.append(child)
        child = child.next
    return cells


def _header(rows: list[Any]) -> bool | None:
    """Whether the first row of several cells is marked as the header; `None` if nothing is said."""
    for row in rows:
        cells = _cells(row)
        if len(cells) < 2:
            continue
        heads = sum(1 for cell in cells if cell.tag == "th")
        if heads == len(cells) or (row.parent is not None and row.parent.tag == "thead"):
            return True
        # A lone <th> at the start of each row names the row (as in fact boxes), not the columns.
        return False if heads else None
    return None


def _grid(rows: list[Any], text_of: Any) -> list[list[str]]:
    """Cell texts by row and column: row spans repeat their text downwards, column spans leave `SPAN`."""
    grid: list[list[str]] = []
    hanging: dict[int, tuple[int, str]] = {}
    for row in rows:
        line: list[str] = []
        for cell in _cells(row):
            _fill(line, hanging)
            attributes = cell.attributes
            text = text_of(cell)
            width, height = _span(attributes.get("colspan")), _span(attributes.get("rowspan"))
            for offset in range(width):
                if len(line) >= _MAX_COLUMNS:
                    break
                if height > 1:
                    hanging[len(line)] = (height - 1, text if offset == 0 else SPAN)
                line.append(text if offset == 0 else SPAN)
        _fill(line, hanging)
        grid.append(line)
    return grid


def _fill(line: list[str], hanging: dict[int, tuple[int, str]]) -> None:
    """Puts the texts of cells that reach down from rows above into the next columns."""
    while len(line) in hanging:
        column = len(line)
        left, text = hanging.pop(column)
        if left > 1:
            hanging[column] = (left - 1, text)
        line.append(text)


def _span(value: str | None) -> int:
    try:
        return max(1, min(int(value or 1), _MAX_SPAN))
    except ValueError:
        return 1


def _drop_filler_columns(grid: list[list[str]]) -> list[list[str]]:
    """Removes columns that only space things out, and joins currency and percent signs to their number."""
    width = max((len(row) for row in grid), default=0)
    padded = [row + [""] * (width - len(row)) for row in grid]
    for row in padded:
        for column in range(width - 1):
            here, there = row[column], row[column + 1]
            if here in _BEFORE_NUMBER and there not in ("", SPAN):
                row[column], row[column + 1] = "", here + there
            elif there in _AFTER_NUMBER and here not in ("", SPAN):
                row[column], row[column + 1] = here + there, ""
    used = [column for column in range(width) if any(row[column] not in ("", SPAN) for row in padded)]
    return [[row[column] for column in used] for row in padded]
