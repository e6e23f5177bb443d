"""Tables and columns of a PDF page, told by the gaps in its lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from footnote.knowledge.parsing.normalisation import one_line
from footnote.knowledge.parsing.pdf_lines import Cell, Line
from footnote.knowledge.parsing.tables import column_names, looks_like_header, render_row

_MAX_DROP = 3.0  # line heights between two rows of one table
_MIN_ROWS = 2
_COLUMN_ROWS = 5  # lines beside each other from which on they may be columns of text
_PROSE = 25  # characters per cell that make prose of it
_CAPTION_WIDTH = 0.5


@dataclass(slots=True)
class Table:
    """A run of lines that is a table.

    Attributes:
        first, last: Indexes of its first line and of the line after it.
        rows: Rendered rows with the line each begins on.
    """

    first: int
    last: int
    rows: list[tuple[Line, str]]


def unfold_columns(lines: Sequence[Line]) -> list[Line]:
    """Puts lines of text columns that were read across the page one column after the other."""
    result: list[Line] = []
    index = 0
    while index < len(lines):
        end = index
        while end < len(lines) and len(lines[end].cells) == 2 and _follows(lines, index, end):
            end += 1
        run = lines[index:end]
        if _are_columns(run):
            result.extend(_side(line, 0) for line in run)
            result.extend(_side(line, 1) for line in run)
            index = end
        else:
            result.append(lines[index])
            index += 1
    return result


def find_tables(lines: Sequence[Line]) -> list[Table]:
    """All tables among the lines of a page."""
    tables: list[Table] = []
    index = 0
    while index < len(lines):
        end = _run_end(lines, index)
        table = _table(lines, index, end) if end - index >= _MIN_ROWS else None
        if table is not None:
            tables.append(table)
            index = end
        else:
            index += 1
    return tables


def _run_end(lines: Sequence[Line], start: int) -> int:
    """The end of the run of rows that begins at `start`; lone pieces between rows belong to it."""
    if len(lines[start].cells) < 2:
        return start
    end = start + 1
    while end < len(lines) and _follows(lines, start, end):
        if len(lines[end].cells) < 2 and not _is_within(lines, start, end):
            break
        end += 1
    while end > start and len(lines[end - 1].cells) < 2 and not _wraps(lines, end - 1):
        end -= 1
    return end


def _follows(lines: Sequence[Line], start: int, index: int) -> bool:
    """Whether a line stands below the one before, no further than rows do."""
    if index == start:
        return True
    before, line = lines[index - 1], lines[index]
    drop = before.bottom - line.bottom
    return 0.3 * line.size < drop < _MAX_DROP * max(line.size, before.size)


def _is_within(lines: Sequence[Line], start: int, index: int) -> bool:
    """A single piece, narrower than the table and inside of it: the rest of a cell, or a name of a group."""
    line = lines[index]
    left = min(other.left for other in lines[start:index])
    right = max(other.right for other in lines[start:index])
    narrow = line.right - line.left <= _CAPTION_WIDTH * (right - left)
    close = lines[index - 1].bottom - line.bottom < 1.8 * line.size
    return narrow and close and left - line.size <= line.left and line.right <= right + line.size


def _wraps(lines: Sequence[Line], index: int) -> bool:
    """Whether the last line of a table is the rest of a cell that is not the first."""
    return lines[index].left > lines[index - 1].left + 2 * lines[index].size


def _table(lines: Sequence[Line], start: int, end: int) -> Table | None:
    columns = _columns([line for line in lines[start:end] if len(line.cells) >= 2])
    if not columns:
        return None
    grid: list[list[str]] = []
    origins: list[Line] = []
    for line in lines[start:end]:
        row = _row(line, columns)
        if grid and not row[0] and len(line.cells) < 2:
            grid[-1] = [f"{above} {below}".strip() for above, below in zip(grid[-1], row, strict=True)]
        else:
            grid.append(row)
            origins.append(line)
    if len(grid) < _MIN_ROWS:
        return None
    named = looks_like_header(grid)
    names = column_names(grid[:1]) if named else ()
    body = list(zip(origins, grid, strict=True))[1 if named else 0 :]
    return Table(start, end, [(line, render_row(names, row)) for line, row in body])


def _columns(rows: Sequence[Line]) -> list[tuple[float, float]]:
    """Extents of the columns, by the rows that have as many cells as most; none if they do not line up."""
    if len(rows) < _MIN_ROWS:
        return []
    width = Counter(len(line.cells) for line in rows).most_common(1)[0][0]
    full = [line for line in rows if len(line.cells) == width]
    if len(full) < max(_MIN_ROWS, len(rows) // 2):
        return []
    columns = []
    for index in range(width):
        cells = [line.cells[index] for line in full]
        columns.append((min(cell.left for cell in cells), max(cell.right for cell in cells)))
    overlapping = any(columns[i][1] > columns[i + 1][0] for i in range(width - 1))
    return [] if overlapping else columns


def _row(line: Line, columns: Sequence[tuple[float, float]]) -> list[str]:
    row = [""] * len(columns)
    for cell in line.cells or [Cell(line.text, line.left, line.right)]:
        index = max(range(len(columns)), key=lambda i: _overlap(cell, columns[i]))
        row[index] = one_line(f"{row[index]} {cell.text}")
    return row


def _overlap(cell: Cell, column: tuple[float, float]) -> float:
    """How far a cell and a column share their extent; negative is the distance between them."""
    return min(cell.right, column[1]) - max(cell.left, column[0])


def _are_columns(run: Sequence[Line]) -> bool:
    """Whether lines of two pieces are prose in two columns rather than rows of a table."""
    if len(run) < _COLUMN_ROWS:
        return False
    lengths = [[len(line.cells[side].text) for line in run] for side in (0, 1)]
    prose = all(sorted(side)[len(side) // 2] >= _PROSE for side in lengths)
    edge = max(line.cells[0].right for line in run)
    return prose and all(line.cells[1].left > edge - 1 for line in run)


def _side(line: Line, side: int) -> Line:
    cell = line.cells[side]
    hyphen = line.hyphen if side == 1 else cell.text.endswith("-")
    return Line(
        text=cell.text,
        left=cell.left,
        bottom=line.bottom,
        right=cell.right,
        top=line.top,
        size=line.size,
        bold=line.bold,
        hyphen=hyphen and side == 1,
        spaced=True,
    )
