"""Table rows as text that can be found and read on its own: every value beside the name of its column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.normalisation import one_line

_VALUE = re.compile(r"^[\s(+\-–−<>~≈$€£¥%]*\d[\d\s.,:/%()+\-–−eE$€£¥]*$")
_MAX_HEADER_CELL = 80
_SEPARATOR = "; "
_PLAIN_SEPARATOR = " | "

Row = Sequence[str]


def add_table(builder: DocumentBuilder, rows: Iterable[Row], *, header: bool | None = None) -> None:
    """Adds a table's rows as blocks.

    Args:
        builder: Where to.
        rows: Cell texts; rows may differ in length, merged cells hold their text once.
        header: Whether the first row names the columns; `None` to judge by its content.
    """
    table = [[one_line(cell) for cell in row] for row in rows]
    table = [row for row in table if any(row)]
    if not table:
        return
    if _single_column(table):
        for row in table:
            builder.add(next(cell for cell in row if cell))
        return
    caption, table = _split_caption(table)
    if caption:
        builder.add(caption, "caption")
    named = looks_like_header(table) if header is None else header and len(table) > 1
    names = unique_names(table[0]) if named else ()
    for row in table[1:] if named else table:
        builder.add(render_row(names, row), "table_row")


def render_row(names: Sequence[str], row: Row) -> str:
    """`Name: value; Name: value` where names are known, else the values between bars."""
    if not names:
        return _PLAIN_SEPARATOR.join(cell for cell in row if cell)
    parts = []
    for index, cell in enumerate(row):
        if not cell:
            continue
        name = names[index] if index < len(names) else ""
        parts.append(f"{name}: {cell}" if name and name != cell else cell)
    return _SEPARATOR.join(parts)


def looks_like_header(table: Sequence[Row]) -> bool:
    """Whether the first row names the columns.

    It does if there are rows below, its cells are short words and not values, no two are the same, and it is
    as wide as the rows below it (an empty first cell is the corner of a cross table).
    """
    if len(table) < 2:
        return False
    first = list(table[0])
    filled = [cell for cell in first if cell]
    width = max(sum(1 for cell in row if cell) for row in table[1:])
    needed = width - 1 if first and not first[0] else width
    if len(filled) < max(1, min(needed, width * 0.7)):
        return False
    if any(len(cell) > _MAX_HEADER_CELL for cell in filled):
        return False
    values = sum(1 for cell in filled if is_value(cell) and not _is_year(cell))
    years = sum(1 for cell in filled if _is_year(cell))
    words = len(filled) - values - years
    return values == 0 and (words > 0) and len(set(filled)) > len(filled) // 2


def is_value(cell: str) -> bool:
    """Numbers, amounts, percentages, dates and times: what a column holds rather than what it is called."""
    return bool(_VALUE.match(cell))


def unique_names(row: Row) -> tuple[str, ...]:
    """Column names; those of merged cells (empty after a name) carry on the name before."""
    names: list[str] = []
    for index, cell in enumerate(row):
        inherits = not cell and index > 0
        names.append(names[-1] if inherits else cell.rstrip(":"))
    return tuple(names)


def _is_year(cell: str) -> bool:
    return len(cell) == 4 and cell.isdigit() and cell[0] in "12"


def _single_column(table: Sequence[Row]) -> bool:
    return all(sum(1 for cell in row if cell) == 1 for row in table)


def _split_caption(table: list[list[str]]) -> tuple[str, list[list[str]]]:
    """A first row with one filled cell over wider rows is the table's title."""
    if len(table) < 3:
        return "", table
    filled = [cell for cell in table[0] if cell]
    wider = sum(1 for row in table[1:] if sum(1 for cell in row if cell) > 1)
    if len(filled) == 1 and wider == len(table) - 1 and len(table[1]) > 2 and table[0][0]:
        return filled[0], table[1:]
    return "", table
