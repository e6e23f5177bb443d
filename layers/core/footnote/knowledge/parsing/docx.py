"""Word documents: everything a reader of the page sees, in reading order, with its headings."""

from __future__ import annotations

from typing import Any

from footnote.knowledge.models import ParsedDocument
from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.docx_body import BodyReader
from footnote.knowledge.parsing.errors import Broken, Empty
from footnote.knowledge.parsing.formats import stem
from footnote.knowledge.parsing.opc import Package
from footnote.knowledge.parsing.source import Source
from footnote.knowledge.parsing.xml import attribute, local

_NOT_TEXT = frozenset({"separator", "continuationSeparator", "continuationNotice"})


def parse(source: Source) -> ParsedDocument:
    """Reads a document; errors as in `parsing.parse`."""
    with Package(source) as package:
        part = package.main_part("word/document.xml")
        body = next((child for child in package.xml(part) if local(child) == "body"), None)
        if body is None:
            raise Broken("The file is damaged: the document has no body.")
        builder = DocumentBuilder(source.limits.max_characters)
        reader = BodyReader(builder, package, part, _notes(package, part))
        _add_margins(builder, reader, package, part, "header")
        reader.read_body(body)
        builder.reset_headings()
        _add_margins(builder, reader, package, part, "footer")
        _name_embedded(builder, package, part)
        if not builder.blocks and any(True for _ in body.iter("{*}drawing", "{*}pict")):
            raise Empty("The document holds pictures but no text.")
        return builder.finish(
            reader.title or package.title() or builder.first_heading or stem(source.filename)
        )


def _notes(package: Package, part: str) -> dict[tuple[str, str], Any]:
    """Footnotes, endnotes and comments by kind and id."""
    found = {}
    for kind, name in (("footnotes", "footnote"), ("endnotes", "endnote"), ("comments", "comment")):
        for target in package.targets(part, kind):
            root = package.optional(target)
            for element in root if root is not None else ():
                if local(element) == name and attribute(element, "type") not in _NOT_TEXT:
                    found[name, attribute(element, "id") or ""] = element
    return found


def _add_margins(
    builder: DocumentBuilder, reader: BodyReader, package: Package, part: str, kind: str
) -> None:
    """Adds each distinct header or footer once: they repeat on every page."""
    seen: set[str] = set()
    for target in sorted(set(package.targets(part, kind))):
        root = package.optional(target)
        if root is None:
            continue
        text = reader.plain_text(root)
        if any(character.isalpha() for character in text) and text not in seen:
            seen.add(text)
            builder.add(text, "note")


def _name_embedded(builder: DocumentBuilder, package: Package, part: str) -> None:
    names = [r.target.rpartition("/")[2] for r in package.related(part) if r.kind in ("package", "oleObject")]
    if names:
        builder.warn(f"Embedded files were not read: {', '.join(names[:10])}.")
