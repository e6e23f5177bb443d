"""PowerPoint presentations: by slide, the title first, then shapes, tables, charts, notes, comments."""

from __future__ import annotations

from typing import Any

from footnote.knowledge.models import ParsedDocument
from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.drawings import text_of
from footnote.knowledge.parsing.errors import Broken, Oversized
from footnote.knowledge.parsing.formats import stem
from footnote.knowledge.parsing.normalisation import clean, one_line
from footnote.knowledge.parsing.opc import Package
from footnote.knowledge.parsing.pptx_shapes import ShapeReader, paragraph_text, placeholder, shapes_of
from footnote.knowledge.parsing.source import Source
from footnote.knowledge.parsing.xml import attribute, local

_TITLES = frozenset({"title", "ctrTitle"})
_MAX_TITLE = 200
_MAX_UNMARKED_TITLE = 120


def parse(source: Source) -> ParsedDocument:
    """Reads a presentation; errors as in `parsing.parse`."""
    with Package(source) as package:
        part = package.main_part("ppt/presentation.xml")
        slides = _slides(package, part)
        if len(slides) > source.limits.max_pages:
            raise Oversized(f"The presentation has more than {source.limits.max_pages:,} slides. Split it.")
        builder = DocumentBuilder(source.limits.max_characters, "slide")
        authors = _authors(package, part)
        first_title = ""
        hidden = []
        for number, slide in enumerate(slides, start=1):
            root = package.optional(slide)
            if root is None:
                builder.warn(f"Slide {number} is damaged and was not read.")
                continue
            if root.get("show") in ("0", "false"):
                hidden.append(str(number))
                continue
            title = _read_slide(builder, package, slide, root, number, authors)
            first_title = first_title or title
        builder.units_total = len(slides)
        if hidden:
            builder.warn(f"Hidden slides were not read: {', '.join(hidden)}.")
        return builder.finish(package.title() or first_title or stem(source.filename))


def _slides(package: Package, part: str) -> list[str]:
    """Slide parts in the order of the show."""
    root = package.xml(part)
    ordered = []
    for element in root.iter("{*}sldId"):
        # `id` is the slide's own number; the relationship's id lives in a namespace.
        identifier = next((value for key, value in element.attrib.items() if key.endswith("}id")), None)
        target = package.target(part, identifier)
        if target:
            ordered.append(target)
    found = ordered or sorted(package.targets(part, "slide"))
    if not found:
        raise Broken("The file is damaged: the presentation has no slides.")
    return found


def _read_slide(
    builder: DocumentBuilder, package: Package, part: str, root: Any, number: int, authors: dict[str, str]
) -> str:
    """Adds one slide; returns its title."""
    tree = next(root.iter("{*}spTree"), None)
    shapes = list(shapes_of(tree)) if tree is not None else []
    title_shape = next((shape for shape in shapes if placeholder(shape) in _TITLES), None)
    if title_shape is None or not _title(title_shape):
        title_shape = _topmost(tree)
    title = _title(title_shape)
    builder.unit(number, title or None)
    if title:
        builder.heading(title, 1)
    reader = ShapeReader(builder, package, part)
    for shape in shapes:
        if shape is not title_shape or not title:
            reader.read(shape)
    _add_notes(builder, package, part)
    _add_comments(builder, package, part, authors)
    return title


def _topmost(tree: Any | None) -> Any | None:
    """The text that stands over all others, on slides whose title is not marked as one."""
    placed: list[tuple[int, int, Any, list[Any]]] = []
    for shape in tree if tree is not None else ():
        texts = [paragraph for paragraph in shape.iter("{*}p") if paragraph_text(paragraph).strip()]
        offset = next(shape.iter("{*}off"), None)
        if texts and offset is not None and (offset.get("y") or "").lstrip("-").isdigit():
            placed.append((int(offset.get("y")), len(placed), shape, texts))
    if len(placed) < 2:
        return None
    _, _, shape, texts = min(placed, key=lambda entry: entry[:2])
    length = sum(len(paragraph_text(text)) for text in texts)
    return shape if local(shape) == "sp" and len(texts) <= 2 and length <= _MAX_UNMARKED_TITLE else None


def _title(shape: Any | None) -> str:
    if shape is None:
        return ""
    text = one_line(clean(" ".join(paragraph_text(p) for p in shape.iter("{*}p")))[0])
    return text if len(text) <= _MAX_TITLE else ""


def _add_notes(builder: DocumentBuilder, package: Package, part: str) -> None:
    for target in package.targets(part, "notesSlide"):
        root = package.optional(target)
        tree = next(root.iter("{*}spTree"), None) if root is not None else None
        for shape in shapes_of(tree) if tree is not None else ():
            if placeholder(shape) == "body":
                text = "\n".join(paragraph_text(p) for p in shape.iter("{*}p"))
                if text.strip():
                    builder.add(f"Notes: {text}", "note")


def _authors(package: Package, part: str) -> dict[str, str]:
    """Names of comment authors by id, from the old and the new kind of part."""
    names = {}
    for kind in ("commentAuthors", "authors"):
        for target in package.targets(part, kind):
            root = package.optional(target)
            for element in root if root is not None else ():
                names[attribute(element, "id") or ""] = attribute(element, "name") or ""
    return names


def _add_comments(builder: DocumentBuilder, package: Package, part: str, authors: dict[str, str]) -> None:
    for target in package.targets(part, "comments"):
        root = package.optional(target)
        for comment in root.iter("{*}cm", "{*}reply") if root is not None else ():
            text = _comment_text(comment)
            author = authors.get(attribute(comment, "authorId") or "", "")
            if text:
                builder.add(f"Comment by {author}: {text}" if author else f"Comment: {text}", "note")


def _comment_text(comment: Any) -> str:
    for child in comment:
        if local(child) == "text":
            return (child.text or "").strip()
        if local(child) == "txBody":
            return text_of(child)
    return ""
