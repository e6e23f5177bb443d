"""Shapes of a slide: text in its paragraphs, tables, charts, diagrams, groups within groups."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from footnote.knowledge.models import BlockKind
from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.drawings import add_chart, add_diagram
from footnote.knowledge.parsing.omml import linear
from footnote.knowledge.parsing.opc import Package, alternate
from footnote.knowledge.parsing.tables import SPAN, add_table
from footnote.knowledge.parsing.xml import attribute, local

_FRAME = frozenset({"dt", "ftr", "sldNum", "hdr", "sldImg"})
_LISTED = frozenset({"body", "obj", "subTitle"})
_DESCRIBED_WORDS = 3


def shapes_of(tree: Any) -> Iterator[Any]:
    """All shapes below a tree, those in groups in their place."""
    for element in tree:
        name = local(element)
        if name == "grpSp":
            yield from shapes_of(element)
        elif name == "AlternateContent":
            branch = alternate(element)
            if branch is not None:
                yield from shapes_of(branch)
        elif name in ("sp", "graphicFrame", "pic", "cxnSp"):
            yield element


def placeholder(shape: Any) -> str | None:
    """What the shape is a placeholder for; `obj` where nothing more is said, `None` if it is none."""
    for properties in shape:
        if local(properties).startswith("nv"):
            for element in properties.iter("{*}ph"):
                return element.get("type") or "obj"
    return None


def paragraph_text(paragraph: Any) -> str:
    """Runs, fields, line breaks and formulas of a paragraph."""
    parts: list[str] = []
    for child in paragraph:
        match local(child):
            case "r" | "fld":
                parts.extend(text.text or "" for text in child.iter("{*}t"))
            case "br":
                parts.append("\n")
            case "tab":
                parts.append("\t")
            case "m" | "oMath" | "oMathPara":
                parts.append(linear(child))
            case "AlternateContent":
                branch = alternate(child)
                parts.append(linear(branch) if branch is not None else "")
            case _:
                pass
    return "".join(parts)


class ShapeReader:
    """Adds the shapes of one slide."""

    def __init__(self, builder: DocumentBuilder, package: Package, part: str) -> None:
        self._builder = builder
        self._package = package
        self._part = part

    def read(self, shape: Any) -> None:
        """Adds one shape's content."""
        kind = placeholder(shape)
        if kind in _FRAME or self._is_hidden(shape):
            return
        match local(shape):
            case "sp" | "cxnSp":
                self._text(shape, listed=kind in _LISTED)
            case "graphicFrame":
                self._graphic(shape)
            case _:
                pass
        self._description(shape)

    def _is_hidden(self, shape: Any) -> bool:
        for properties in shape.iter("{*}cNvPr"):
            hidden = properties.get("hidden") in ("1", "true")
            if hidden:
                length = sum(len(text.text or "") for text in shape.iter("{*}t"))
                self._builder.hidden(length, "in hidden shapes")
            return hidden
        return False

    def _text(self, shape: Any, *, listed: bool) -> None:
        body = next((child for child in shape if local(child) == "txBody"), None)
        paragraphs = [child for child in body if local(child) == "p"] if body is not None else []
        several = sum(1 for paragraph in paragraphs if paragraph_text(paragraph).strip()) > 1
        for paragraph in paragraphs:
            self._builder.add(paragraph_text(paragraph), _kind(paragraph, listed=listed and several))

    def _graphic(self, frame: Any) -> None:
        for element in frame.iter("{*}tbl", "{*}chart", "{*}relIds"):
            match local(element):
                case "tbl":
                    self._table(element)
                case "chart":
                    add_chart(self._builder, self._package, self._target(element, "id"))
                case _:
                    add_diagram(self._builder, self._package, self._target(element, "dm"))

    def _target(self, element: Any, name: str) -> str | None:
        return self._package.target(self._part, attribute(element, name))

    def _table(self, table: Any) -> None:
        header = None
        rows: list[list[str]] = []
        for child in table:
            if local(child) == "tblPr" and child.get("firstRow") in ("1", "true"):
                header = True
            elif local(child) == "tr":
                rows.append(_row(child, rows[-1] if rows else []))
        add_table(self._builder, rows, header=header)

    def _description(self, shape: Any) -> None:
        """Alternative text that says something, not the name of a file."""
        for properties in shape.iter("{*}cNvPr"):
            description = (properties.get("descr") or "").strip()
            if len(description.split()) >= _DESCRIBED_WORDS:
                self._builder.add(description, "caption")
            return


def _row(row: Any, above: list[str]) -> list[str]:
    """Cell texts; cells that continue the one above repeat it, those that continue to the left are blank."""
    line: list[str] = []
    for cell in row:
        if local(cell) != "tc":
            continue
        if cell.get("vMerge") in ("1", "true"):
            line.append(above[len(line)] if len(line) < len(above) else "")
        elif cell.get("hMerge") in ("1", "true"):
            line.append(SPAN)
        else:
            line.append(" ".join(paragraph_text(p) for p in cell.iter("{*}p")))
    return line


def _kind(paragraph: Any, *, listed: bool) -> BlockKind:
    properties = next((child for child in paragraph if local(child) == "pPr"), None)
    for child in properties if properties is not None else ():
        if local(child) in ("buChar", "buAutoNum", "buBlip"):
            return "list_item"
        if local(child) == "buNone":
            return "paragraph"
    return "list_item" if listed else "paragraph"
