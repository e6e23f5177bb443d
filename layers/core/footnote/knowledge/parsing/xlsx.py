"""Excel workbooks: every row can be found and read on its own, with the names of its columns.

The XML is read directly and once: values, formulas and number formats come out of the same pass, a declared
range of a million rows costs nothing, and memory is bounded by what the sheets really hold.
"""

from __future__ import annotations

from typing import Any

from footnote.knowledge.models import ParsedDocument
from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.drawings import text_of
from footnote.knowledge.parsing.errors import Broken, Empty
from footnote.knowledge.parsing.formats import stem
from footnote.knowledge.parsing.opc import Package
from footnote.knowledge.parsing.source import Source
from footnote.knowledge.parsing.xlsx_regions import add_sheet
from footnote.knowledge.parsing.xlsx_sheet import Workbook, read_shared, read_sheet
from footnote.knowledge.parsing.xml import local

_MAX_NAMED = 10


def parse(source: Source) -> ParsedDocument:
    """Reads a workbook; errors as in `parsing.parse`."""
    with Package(source) as package:
        part = package.main_part("xl/workbook.xml")
        root = package.xml(part)
        base_1904 = any(entry.get("date1904") in ("1", "true") for entry in root.iter("{*}workbookPr"))
        workbook = read_shared(package, part, base_1904=base_1904)
        builder = DocumentBuilder(source.limits.max_characters, "sheet")
        hidden = []
        sheets = _sheets(package, part, root)
        for number, (name, target, state) in enumerate(sheets, start=1):
            if state in ("hidden", "veryHidden"):
                hidden.append(name)
                continue
            builder.unit(number, name)
            _read(builder, package, target, workbook, source.limits.max_characters)
        builder.units_total = len(sheets)
        if hidden:
            builder.warn(f"Hidden sheets were not read: {', '.join(hidden[:_MAX_NAMED])}.")
        if not builder.blocks:
            raise Empty("The visible sheets of the workbook are empty.")
        return builder.finish(package.title() or stem(source.filename))


def _sheets(package: Package, part: str, root: Any) -> list[tuple[str, str, str]]:
    """Name, part and state of each worksheet, in the order of the tabs; chart sheets have no cells."""
    found = []
    for element in root.iter("{*}sheet"):
        identifier = next((value for key, value in element.attrib.items() if key.endswith("}id")), None)
        target = package.target(part, identifier)
        if target:
            found.append((element.get("name") or "", target, element.get("state") or "visible"))
    if not found:
        raise Broken("The file is damaged: the workbook has no sheets.")
    return found


def _read(
    builder: DocumentBuilder, package: Package, part: str, workbook: Workbook, max_characters: int
) -> None:
    sheet = read_sheet(package, part, workbook, max_characters)
    if sheet.formulas:
        builder.warn(
            f"Cells with formulas but without stored results: {sheet.formulas}; the formulas were read. "
            "Open and save the file in Excel to store the results."
        )
    add_sheet(builder, sheet.rows)
    builder.reset_headings()
    _add_text_boxes(builder, package, part)
    _add_comments(builder, package, part)


def _add_text_boxes(builder: DocumentBuilder, package: Package, part: str) -> None:
    for target in package.targets(part, "drawing"):
        root = package.optional(target)
        for body in root.iter("{*}txBody") if root is not None else ():
            for paragraph in body.iter("{*}p"):
                builder.add(text_of(paragraph))


def _add_comments(builder: DocumentBuilder, package: Package, part: str) -> None:
    for target in package.targets(part, "comments"):
        root = package.optional(target)
        for comment in root.iter("{*}comment") if root is not None else ():
            text = " ".join(text_of(child) for child in comment if local(child) == "text")
            if text.strip():
                builder.add(f"Comment on {comment.get('ref')}: {text}", "note")
