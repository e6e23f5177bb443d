"""Tables of Word documents: merged cells, header rows, and tables that only lay text out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from footnote.knowledge.parsing.docx_styles import is_on
from footnote.knowledge.parsing.tables import SPAN
from footnote.knowledge.parsing.xml import attribute, local

_MAX_SPAN = 100
_MAX_COLUMNS = 500
_PROSE = 600  # characters in a cell beyond which it is running text
_WRAPPERS = frozenset({"sdt", "sdtContent", "customXml", "ins", "moveTo"})


@dataclass(frozen=True, slots=True)
class Table:
    """Cell texts by row and column.

    Attributes:
        header: True if the document marks the first row as the header, `None` if it says nothing.
    """

    rows: list[list[str]]
    header: bool | None


def read_table(element: Any, text_of: Callable[[Any], str]) -> Table:
    """Texts of a table; a cell that is merged over rows is repeated in each, over columns stands once."""
    rows: list[list[str]] = []
    marked = False
    for number, row in enumerate(_inner(element, "tr")):
        properties = next((child for child in row if local(child) == "trPr"), None)
        if number == 0 and properties is not None:
            marked = is_on(properties, "tblHeader")
        above = rows[-1] if rows else []
        line: list[str] = [""] * _columns_before(properties)
        for cell in _inner(row, "tc"):
            width, continued = _merging(cell)
            column = len(line)
            text = above[column] if continued and column < len(above) else text_of(cell)
            line.append(text)
            line.extend(SPAN for _ in range(min(width, _MAX_SPAN) - 1))
            if len(line) >= _MAX_COLUMNS:
                break
        rows.append(line)
    return Table(rows, True if marked else None)


def is_layout(element: Any) -> bool:
    """Whether the table lays out text: one column, long prose in its cells, tables of tables."""
    rows = list(_inner(element, "tr"))
    cells = [cell for row in rows for cell in _inner(row, "tc")]
    if not cells or len(cells) == len(rows):
        return True
    prose = 0
    nested = 0
    for cell in cells:
        length = sum(len(text.text or "") for text in cell.iter("{*}t"))
        prose += length > _PROSE
        nested += any(local(child) == "tbl" for child in cell)
    return prose > len(cells) * 0.1 or nested > len(cells) * 0.3


def cells_of(element: Any) -> Iterator[Any]:
    """All cells, row by row."""
    for row in _inner(element, "tr"):
        yield from _inner(row, "tc")


def _inner(element: Any, name: str) -> Iterator[Any]:
    for child in element:
        if local(child) == name:
            yield child
        elif local(child) in _WRAPPERS:
            yield from _inner(child, name)


def _columns_before(properties: Any | None) -> int:
    """Columns that a row leaves out at its start."""
    for entry in properties if properties is not None else ():
        if local(entry) == "gridBefore":
            value = attribute(entry, "val") or "0"
            return min(int(value), _MAX_SPAN) if value.isdigit() else 0
    return 0


def _merging(cell: Any) -> tuple[int, bool]:
    """Columns that a cell spans, and whether it continues the cell above."""
    width, continued = 1, False
    for properties in cell:
        if local(properties) != "tcPr":
            continue
        for entry in properties:
            if local(entry) == "gridSpan":
                value = attribute(entry, "val") or "1"
                width = int(value) if value.isdigit() else 1
            elif local(entry) == "vMerge":
                continued = attribute(entry, "val") in (None, "continue")
    return max(1, width), continued
