"""Table rows as text that can be found and read on its own: every value beside the name of its column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.normalisation import clean, one_line

# Stands in the columns that a merged cell covers beside its own; no text of a document can contain it.
SPAN = "\x1f"
_VALUE = re.compile(r"^[\s(+\-–−<>~≈$€£¥%]*\d[\d\s.,:/%()+\-–−eE$€£¥]*$")
_YEAR = re.compile(r"^(?:FY ?)?(?:19|20|21)\d\d(?:[/-]\d\d)?$|^Q[1-4](?: ?(?:19|20)\d\d)?$")
_NAME = re.compile(r"[^\W\d_]{2}")
_MAX_HEADER_CELL = 80
_SAMPLE = 50
_SEPARATOR = "; "
_PLAIN_SEPARATOR = " | "

Row = Sequence[str]


def add_table(builder: DocumentBuilder, rows: Iterable[Row], *, header: bool | None = None) -> None:
    """Adds a table's rows as blocks.

    Args:
        builder: Where to.
        rows: Cell texts; rows may differ in length; `SPAN` where a cell to the left reaches over.
        header: Whether the first row names the columns; `None` to judge by its content.
    """
    table = [[cell if cell == SPAN else one_line(clean(cell)[0]) for cell in row] for row in rows]
    table = [row for row in table if any(map(_filled, row))]
    if not table:
        return
    if all(sum(map(_filled, row)) == 1 for row in table):
        for row in table:
            builder.add(next(filter(_filled, row)))
        return
    while len(table) > 1 and sum(map(_filled, table[0])) == 1 and _filled(table[0][0]):
        builder.add(table.pop(0)[0], "caption")  # one cell over the whole width
    add_rows(builder, table, looks_like_header(table) if header is None else header and len(table) > 1)


def add_rows(builder: DocumentBuilder, table: Sequence[Row], named: bool) -> None:
    """Adds normalised rows; the first one or two name the columns if `named`."""
    height = header_height(table) if named else 0
    names = column_names(table[:height])
    for row in table[height:]:
        builder.add(render_row(names, row), "table_row")


def render_row(names: Sequence[str], row: Row) -> str:
    """`Name: value; Name: value` where names are known, else the values between bars.

    A lone value at the start of a row is a note or the name of a group of rows: it stands without a name.
    """
    lone = len(names) > 1 and _filled(row[0]) and sum(map(_filled, row)) == 1
    if not names or lone:
        return _unnamed([cell for cell in row if _filled(cell)])
    parts = []
    for index, cell in enumerate(row):
        if _filled(cell):
            name = names[index] if index < len(names) else ""
            parts.append(f"{name}: {cell}" if name and name != cell else cell)
    return _SEPARATOR.join(parts)


def _unnamed(cells: list[str]) -> str:
    """Values between bars; of two, the first names the second (fact boxes, forms)."""
    if len(cells) == 2 and len(cells[0]) <= _MAX_HEADER_CELL and _NAME.search(cells[0]):
        return f"{cells[0].rstrip(' :')}: {cells[1]}"
    return _PLAIN_SEPARATOR.join(cells)


def looks_like_header(table: Sequence[Row]) -> bool:
    """Whether the first row names the columns.

    It does if there are rows below, its cells are short words (or years) and not values, hardly two are the
    same, and it is about as wide as the rows below it; an empty first cell is the corner of a cross table.
    """
    if len(table) < 2 or _names_rows(table):
        return False
    first = list(table[0])
    names = [cell for cell in first if _filled(cell)]
    covered = len(names) + first.count(SPAN)
    width = max(sum(map(_filled, row)) for row in table[1:])
    needed = width - 1 if not _filled(first[0]) else width
    if not names or covered < max(1, min(needed, width * 0.7)):
        return False
    if any(len(cell) > _MAX_HEADER_CELL for cell in names):
        return False
    years = sum(1 for cell in names if is_period(cell))
    values = sum(1 for cell in names if is_value(cell) and not is_period(cell))
    if years and width <= 2 and _filled(first[0]):
        return False  # two columns: a fact with a year in it
    all_years = years == len(names) and not _filled(first[0]) and len(names) > 1
    return values == 0 and (years < len(names) or all_years) and len(set(names)) > len(names) // 2


def _names_rows(table: Sequence[Row]) -> bool:
    """Whether the first column says of each row what it is, with a colon: fact boxes and forms."""
    labels = [row[0] for row in table[:_SAMPLE] if row and _filled(row[0])]
    colons = sum(label.endswith(":") for label in labels)
    return bool(labels) and labels[0].endswith(":") and colons >= len(labels) * 0.5


def header_height(table: Sequence[Row]) -> int:
    """1, or 2 where a row of group names with merged cells stands above the columns' own names."""
    if len(table) < 3 or SPAN not in table[0]:
        return 1
    first, second = table[0], table[1]
    below = [cell for cell in second if _filled(cell)]
    covered = sum(1 for top, cell in zip(first, second, strict=False) if top == SPAN and _filled(cell))
    words = all(not is_value(cell) or is_period(cell) for cell in below)
    corner = bool(second) and (not _filled(second[0]) or second[0] == first[0])
    return 2 if below and covered and words and corner else 1


def column_names(header: Sequence[Row]) -> tuple[str, ...]:
    """Names of the columns; a merged name holds for all columns that it covers, two rows are joined."""
    if not header:
        return ()
    width = max(map(len, header))
    names = [""] * width
    for row in header:
        current = ""
        for index in range(width):
            cell = row[index] if index < len(row) else ""
            current = current if cell == SPAN else cell.rstrip(":")
            if current and current != names[index]:
                names[index] = f"{names[index]} {current}".strip()
    return tuple(names)


def is_value(cell: str) -> bool:
    """Numbers, amounts, percentages, dates and times: what a column holds rather than what it is called."""
    return bool(_VALUE.match(cell))


def is_period(cell: str) -> bool:
    """Years and quarters: values that name columns."""
    return bool(_YEAR.match(cell))


def _filled(cell: str) -> bool:
    return bool(cell) and cell != SPAN
