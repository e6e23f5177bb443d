"""Finds the tables on a worksheet, their names and their headers; everything else there is text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.normalisation import clean, one_line
from footnote.knowledge.parsing.tables import (
    SPAN,
    add_rows,
    header_height,
    is_period,
    is_value,
    looks_like_header,
)
from footnote.knowledge.parsing.xlsx_sheet import Cells

_MAX_CAPTION = 120
_MAX_HEADER_ROWS = 3
_SPACER_ROWS = 2  # empty rows that may lie between a header and its table
_SAMPLE = 200

Rows = list[tuple[int, Cells]]


def add_sheet(builder: DocumentBuilder, rows: Rows) -> None:
    """Adds all that a sheet holds, from top to bottom."""
    captions: list[str] = []
    pending: Rows = []
    level = 0
    for block in _blocks(rows):
        for part in _side_by_side(block):
            while part and _width(part[0][1]) == 1 and not _is_column(part):
                captions.append(_texts(part.pop(0)[1])[0])
            if not part:
                continue
            if pending and not _belongs(pending, part):
                level = _add(builder, captions, pending, level)
                captions, pending = [], []
            if _is_header_alone(part):
                pending += part
                continue
            level = _add(builder, captions, pending + part, level)
            captions, pending = [], []
    _add(builder, captions, pending, level)


def _add(builder: DocumentBuilder, captions: Sequence[str], rows: Rows, level: int) -> int:
    """Adds the lines above a table, as headings where they are short, and the table.

    Returns:
        How many headings deep the sheet is now: a table without lines of its own stands under them.
    """
    level = 0 if captions else level
    for line in captions:
        text = one_line(clean(line)[0])
        if rows and len(text) <= _MAX_CAPTION and not text.endswith("."):
            level += 1
            builder.heading(text, level)
        else:
            builder.add(text)
    if not rows:
        return level
    grid, context, joined = _join_header(_grid(rows))
    if context:
        builder.heading(context, level + 1)
    if _single_column(grid):
        for row in grid:
            builder.add(next(cell for cell in row if cell not in ("", SPAN)), "list_item")
    else:
        add_rows(builder, grid, joined or looks_like_header(grid))
    return level


def _blocks(rows: Rows) -> Iterator[Rows]:
    """Rows that follow each other without a gap."""
    block: Rows = []
    for row in rows:
        if block and row[0] > block[-1][0] + 1:
            yield block
            block = []
        block.append(row)
    if block:
        yield block


def _side_by_side(block: Rows) -> list[Rows]:
    """Splits a block where an empty column separates tables that begin or end in different rows."""
    columns = sorted({column for _, cells in block for column in cells})
    groups: list[list[int]] = []
    for column in columns:
        if groups and column == groups[-1][-1] + 1:
            groups[-1].append(column)
        else:
            groups.append([column])
    if len(groups) < 2:
        return [block]
    parts = [_columns(block, group) for group in groups]
    merged = [parts[0]]
    for part in parts[1:]:
        if _is_own_table(merged[-1], part):
            merged.append(part)
        else:
            merged[-1] = _union(merged[-1], part)
    return merged


def _is_own_table(left: Rows, right: Rows) -> bool:
    """Whether `right` is a table beside `left` and not more columns of it."""
    if (left[0][0], left[-1][0]) == (right[0][0], right[-1][0]) or len(right) < 2 or len(left) < 2:
        return False
    grid = _grid(right)
    if left[0][0] != right[0][0]:
        return looks_like_header(grid)
    labels = [row[0] for row in grid[1:_SAMPLE] if row[0]]
    own_labels = sum(1 for label in labels if not is_value(label)) > len(labels) / 2
    return looks_like_header(grid) and own_labels and len(grid[0]) > 1


def _belongs(header: Rows, table: Rows) -> bool:
    """Whether header rows stand right above a table and name its columns."""
    if table[0][0] - header[-1][0] > _SPACER_ROWS + 1:
        return False
    named = set(header[-1][1])
    used = {column for _, cells in table[:_SAMPLE] for column in cells}
    return len(named & used) >= max(1, len(named) // 2)


def _is_header_alone(part: Rows) -> bool:
    """A few rows of words over several columns, apart from the rows that they name."""
    if len(part) > _MAX_HEADER_ROWS or _width(part[-1][1]) < 2:
        return False
    texts = [text for _, cells in part for text in _texts(cells)]
    return all(not is_value(text) or is_period(text) for text in texts)


def _join_header(grid: list[list[str]]) -> tuple[list[list[str]], str, bool]:
    """Joins rows of group names above the column names into one header row.

    Returns:
        The grid with a single header row, a name that holds for the whole table if there is one, and whether
        there was anything to join.
    """
    height = _header_rows(grid)
    if height < 2:
        return grid, "", False
    names = [cell if cell != SPAN else "" for cell in grid[height - 1]]
    context = ""
    for row in reversed(grid[: height - 1]):
        labels = [index for index, cell in enumerate(row) if cell not in ("", SPAN)]
        if labels and labels[0] == 0 and not names[0]:
            names[0] = row[0]
            labels = labels[1:]
        if len(labels) == 1 and SPAN not in row:
            context = f"{row[labels[0]]} {context}".strip()
        elif labels:
            _prefix(names, row, labels)
    return [names, *grid[height:]], context, True


def _header_rows(grid: list[list[str]]) -> int:
    """How many rows at the top are words only and narrower than or above the row of column names."""
    if header_height(grid) == 2 and looks_like_header(grid):
        return 2
    height = 0
    for row in grid[:_MAX_HEADER_ROWS]:
        texts = [cell for cell in row if cell not in ("", SPAN)]
        if any(is_value(cell) and not is_period(cell) for cell in texts):
            break
        height += 1
    if height == len(grid) or height < 2:
        return 1
    widths = [sum(cell not in ("", SPAN) for cell in row) for row in grid[:height]]
    # Rows of words as wide as the next are data (a table of texts), not a taller header.
    while height > 1 and (widths[height - 2] >= widths[height - 1] or grid[height - 1][0]):
        height -= 1
    return height


def _prefix(names: list[str], row: list[str], labels: list[int]) -> None:
    """Puts group names before the column names they cover: by merged cells, else by where they stand."""
    last_named = max((index for index, name in enumerate(names) if name), default=0)
    right_aligned = SPAN not in row and labels[-1] == last_named and labels[0] > 1
    start = 1
    for position, label in enumerate(labels):
        if right_aligned:
            covered = range(start, label + 1)
            start = label + 1
        else:
            end = labels[position + 1] if position + 1 < len(labels) else len(names)
            if SPAN in row:
                end = label + 1
                while end < len(row) and row[end] == SPAN:
                    end += 1
            covered = range(label, end)
        for index in covered:
            if names[index] and names[index] != row[label]:
                names[index] = f"{row[label]} {names[index]}"
            elif index == label:
                names[index] = row[label]


def _grid(rows: Rows) -> list[list[str]]:
    """Sparse rows as lists over the columns that are used; empty columns between are left out."""
    columns = sorted({column for _, cells in rows for column in cells})
    return [
        [cells[c] if cells.get(c) == SPAN else one_line(clean(cells.get(c, ""))[0]) for c in columns]
        for _, cells in rows
    ]


def _columns(block: Rows, columns: list[int]) -> Rows:
    wanted = set(columns)
    cut = [(number, {c: t for c, t in cells.items() if c in wanted}) for number, cells in block]
    return [(number, cells) for number, cells in cut if cells]


def _union(left: Rows, right: Rows) -> Rows:
    joined = {number: dict(cells) for number, cells in left}
    for number, cells in right:
        joined.setdefault(number, {}).update(cells)
    return sorted(joined.items())


def _texts(cells: Cells) -> list[str]:
    return [text for _, text in sorted(cells.items()) if text != SPAN]


def _width(cells: Cells) -> int:
    return len(_texts(cells))


def _is_column(part: Rows) -> bool:
    """A list in one column is no stack of captions."""
    return len(part) > 2 and all(_width(cells) == 1 for _, cells in part)


def _single_column(grid: list[list[str]]) -> bool:
    return all(sum(cell not in ("", SPAN) for cell in row) == 1 for row in grid)
