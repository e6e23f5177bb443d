"""Worksheets as sparse rows, streamed: only filled cells cost anything, whatever range is declared."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from footnote.knowledge.parsing.errors import Oversized
from footnote.knowledge.parsing.opc import Package
from footnote.knowledge.parsing.tables import SPAN
from footnote.knowledge.parsing.xlsx_values import NumberFormat, number_format, render
from footnote.knowledge.parsing.xml import attribute, iterate_xml, local

_REFERENCE = re.compile(r"^\$?([A-Z]{1,3})\$?(\d{1,7})$")
_ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
_MAX_MERGED_ROWS = 10_000
_MAX_MERGED_COLUMNS = 500

Cells = dict[int, str]


@dataclass(slots=True)
class Workbook:
    """What all sheets share."""

    strings: list[str]
    formats: list[NumberFormat]
    base_1904: bool


@dataclass(slots=True)
class Sheet:
    """A worksheet's content.

    Attributes:
        rows: Number of the row (from 1) and texts by column (from 0), in order; empty rows are left out.
        formulas: How many cells show their formula because the file holds no result.
    """

    rows: list[tuple[int, Cells]] = field(default_factory=list)
    formulas: int = 0


def read_shared(package: Package, part: str, *, base_1904: bool) -> Workbook:
    """Shared strings and number formats."""
    strings: list[str] = []
    for target in package.targets(part, "sharedStrings"):
        with package.open(target) as stream:
            for item in iterate_xml(stream, target, ("si",)):
                strings.append(_rich_text(item))
                _release(item)
    return Workbook(strings, _formats(package, part), base_1904)


def read_sheet(package: Package, part: str, workbook: Workbook, max_characters: int) -> Sheet:
    """All filled cells of a sheet.

    Raises:
        Oversized: The cells hold more than `max_characters`.
    """
    sheet = Sheet()
    merged: list[str] = []
    characters = 0
    number = 0
    with package.open(part) as stream:
        for element in iterate_xml(stream, part, ("row", "mergeCell")):
            if local(element) == "mergeCell":
                merged.append(element.get("ref") or "")
                continue
            declared = element.get("r") or ""
            number = int(declared) if declared.isdigit() else number + 1
            cells = _cells(element, workbook, sheet)
            _release(element)
            if cells:
                sheet.rows.append((number, cells))
                characters += sum(map(len, cells.values()))
                if characters > max_characters:
                    raise Oversized(
                        f"A sheet has more than {max_characters:,} characters. Split the workbook."
                    )
    _spread_merged(sheet, merged)
    return sheet


def column_letters(index: int) -> str:
    """Name of a column counted from 0: A, B, ... Z, AA."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def parse_reference(reference: str) -> tuple[int, int] | None:
    """Row (from 1) and column (from 0) of a reference such as `B12`."""
    found = _REFERENCE.match(reference)
    if not found:
        return None
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return int(found[2]), column - 1


def parse_range(reference: str) -> tuple[int, int, int, int] | None:
    """First row, first column, last row, last column of a range such as `A1:C7`."""
    first, _, last = reference.partition(":")
    start, end = parse_reference(first), parse_reference(last or first)
    return (*start, *end) if start and end else None


def _cells(row: Any, workbook: Workbook, sheet: Sheet) -> Cells:
    cells: Cells = {}
    column = -1
    for cell in row:
        if local(cell) != "c":
            continue
        place = parse_reference(cell.get("r") or "")
        column = place[1] if place else column + 1
        text = _text(cell, workbook, sheet).strip()
        if text:
            cells[column] = text
    return cells


def _text(cell: Any, workbook: Workbook, sheet: Sheet) -> str:
    value: str | None = None
    formula: str | None = None
    inline = ""
    for child in cell:
        match local(child):
            case "v":
                value = child.text
            case "f":
                formula = child.text
            case "is":
                inline = _rich_text(child)
            case _:
                pass
    if value is None:
        if formula and not inline:
            sheet.formulas += 1
            return f"={formula}"
        return inline
    return _typed(value, cell.get("t") or "n", cell.get("s"), workbook)


def _typed(value: str, kind: str, style: str | None, workbook: Workbook) -> str:
    match kind:
        case "s":
            index = int(value) if value.isdigit() else -1
            return workbook.strings[index] if 0 <= index < len(workbook.strings) else ""
        case "b":
            return "TRUE" if value == "1" else "FALSE"
        case "str" | "e" | "inlineStr":
            return _unescape(value)
        case "d":
            return value.replace("T", " ").removesuffix(" 00:00:00")
        case _:
            return _number(value, style, workbook)


def _number(value: str, style: str | None, workbook: Workbook) -> str:
    try:
        number = float(value)
        if number != number or abs(number) == float("inf"):  # noqa: PLR0124 - NaN is no number
            return value
    except ValueError:
        return value
    index = int(style) if style and style.isdigit() else 0
    shown = workbook.formats[index] if index < len(workbook.formats) else number_format(0, {})
    return render(number, shown, base_1904=workbook.base_1904)


def _rich_text(item: Any) -> str:
    """Text of all runs; readings above East Asian characters are not repeated."""
    parts: list[str] = []
    for child in item:
        name = local(child)
        if name == "t":
            parts.append(child.text or "")
        elif name == "r":
            parts.extend(text.text or "" for text in child if local(text) == "t")
    return _unescape("".join(parts))


def _unescape(text: str) -> str:
    """Characters that XML cannot hold are written as `_x000D_`."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def _formats(package: Package, part: str) -> list[NumberFormat]:
    codes: dict[int, str] = {}
    formats: list[NumberFormat] = []
    for target in package.targets(part, "styles"):
        root = package.optional(target)
        for group in root if root is not None else ():
            if local(group) == "numFmts":
                for entry in group:
                    identifier = attribute(entry, "numFmtId") or ""
                    if identifier.isdigit():
                        codes[int(identifier)] = attribute(entry, "formatCode") or "General"
            elif local(group) == "cellXfs":
                identifiers = [attribute(entry, "numFmtId") or "0" for entry in group]
                formats = [number_format(int(i) if i.isdigit() else 0, codes) for i in identifiers]
    return formats


def _spread_merged(sheet: Sheet, ranges: list[str]) -> None:
    """A merged cell's text is repeated in the rows that it covers; to its right stands `SPAN`."""
    if not ranges:
        return
    by_number = dict(sheet.rows)
    for reference in ranges:
        area = parse_range(reference)
        if area is None:
            continue
        top, left, bottom, right = area
        text = by_number.get(top, {}).get(left)
        if not text or bottom - top > _MAX_MERGED_ROWS:
            continue
        for number in range(top, bottom + 1):
            cells = by_number.get(number)
            if cells is None:
                continue
            cells.setdefault(left, text)
            for column in range(left + 1, min(right, left + _MAX_MERGED_COLUMNS) + 1):
                cells.setdefault(column, SPAN)


def _release(element: Any) -> None:
    """Frees an element that was read, and the empty shells of those before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
