"""Charts and diagrams of Office files as rows and lists: their data is text too."""

from __future__ import annotations

from typing import Any

from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.opc import Package
from footnote.knowledge.parsing.tables import add_table
from footnote.knowledge.parsing.xml import local

_MAX_POINTS = 1_000


def add_chart(builder: DocumentBuilder, package: Package, part: str | None) -> None:
    """Adds a chart's title and its values, one row per category."""
    root = package.optional(part)
    if root is None:
        return
    title = next((text_of(element) for element in root.iter("{*}title")), "")
    if title:
        builder.add(title, "caption")
    columns: list[tuple[str, list[str]]] = []
    categories: list[str] = []
    for series in root.iter("{*}ser"):
        parts = {local(child): child for child in series}
        categories = categories or _points(parts.get("cat"))
        name = text_of(parts["tx"]) if "tx" in parts else ""
        columns.append((name or f"Series {len(columns) + 1}", _points(parts.get("val"))))
    if not any(values for _, values in columns):
        return
    height = min(max(len(values) for _, values in columns), _MAX_POINTS)
    rows = [[title or "Category", *(name for name, _ in columns)]]
    for index in range(height):
        category = categories[index] if index < len(categories) else str(index + 1)
        rows.append([category, *(values[index] if index < len(values) else "" for _, values in columns)])
    add_table(builder, rows, header=True)


def add_diagram(builder: DocumentBuilder, package: Package, part: str | None) -> None:
    """Adds the texts of a diagram's shapes."""
    root = package.optional(part)
    if root is None:
        return
    for point in root.iter("{*}pt"):
        text = " ".join(paragraph for paragraph in (text_of(p) for p in point.iter("{*}p")) if paragraph)
        builder.add(text, "list_item")


def text_of(element: Any) -> str:
    """All letters of DrawingML text or cached values below an element."""
    return "".join(found.text or "" for found in element.iter("{*}t", "{*}v")).strip()


def _points(element: Any | None) -> list[str]:
    """Cached values in the order of their index; gaps are empty."""
    if element is None:
        return []
    points: dict[int, str] = {}
    for point in element.iter("{*}pt"):
        index = point.get("idx") or ""
        value = next((child.text or "" for child in point if local(child) == "v"), "")
        if index.isdigit() and int(index) < _MAX_POINTS:
            points[int(index)] = _rounded(value)
    return [points.get(index, "") for index in range(max(points) + 1)] if points else []


def _rounded(value: str) -> str:
    try:
        return f"{float(value):.10g}"
    except ValueError:
        return value
