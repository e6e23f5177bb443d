"""The running text of a Word document: paragraphs, tables, text boxes and the notes they refer to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.docx_inline import Inline, InlineReader
from footnote.knowledge.parsing.docx_styles import Style, paragraph_style, read_numbering, read_styles
from footnote.knowledge.parsing.docx_tables import cells_of, is_layout, read_table
from footnote.knowledge.parsing.drawings import add_chart, add_diagram
from footnote.knowledge.parsing.encoding import decode, html_declaration
from footnote.knowledge.parsing.html import add_html
from footnote.knowledge.parsing.normalisation import clean, one_line
from footnote.knowledge.parsing.opc import Package, alternate
from footnote.knowledge.parsing.tables import add_table, render_row
from footnote.knowledge.parsing.xml import attribute, local

_TRANSPARENT = frozenset(
    {"sdt", "sdtContent", "customXml", "ins", "moveTo", "smartTag", "body", "txbxContent"}
)
_MAX_HEADING = 250
_GUESSED_LEVEL = 9
_MAX_GUESSED = 100
_SENTENCE_MARKS = (".", ",", ";", ":", "?", "!")
_PLAIN = Style()


class BodyReader:
    """Walks block-level content and adds it.

    Args:
        builder: Where blocks go.
        package: The document's package.
        part: The part that holds the body.
        notes: Footnotes, endnotes and comments by kind and id.

    Attributes:
        title: Text of the first paragraph in the style “Title”, else empty.
    """

    def __init__(
        self, builder: DocumentBuilder, package: Package, part: str, notes: dict[tuple[str, str], Any]
    ) -> None:
        self.title = ""
        self._builder = builder
        self._package = package
        self._part = part
        self._notes = notes
        self._styles = read_styles(package, part)
        self._numbering = read_numbering(package, part)
        self._inline = InlineReader()
        self._guess_headings = False

    def read_body(self, body: Any) -> None:
        """Adds the whole document; without heading styles, headings are told by their look."""
        used = {style.get(key) for style in body.iter("{*}pStyle") for key in style.keys()}  # noqa: SIM118 - lxml
        self._guess_headings = not any(
            style.level for identifier, style in self._styles.items() if identifier in used
        )
        self.read(body)

    def read(self, container: Any) -> None:
        """Adds the content of a body, a cell or a text box."""
        for element in blocks_of(container):
            match local(element):
                case "p":
                    self._paragraph(element)
                case "tbl":
                    self._table(element)
                case "altChunk":
                    self._foreign(element)
                case _:
                    pass

    def plain_text(self, container: Any) -> str:
        """All text below an element in one line: for headers, notes and table cells."""
        parts = []
        for element in blocks_of(container):
            if local(element) == "p":
                inline = self._inline.read(element)
                parts.append(inline.text)
                parts.extend(self.plain_text(box) for box in inline.boxes)
            elif local(element) == "tbl":
                parts.extend(render_row((), row) for row in read_table(element, self.plain_text).rows)
        return one_line(clean(" ".join(parts))[0])

    def _paragraph(self, element: Any) -> None:
        properties = next((child for child in element if local(child) == "pPr"), None)
        identifier, outline, listing = paragraph_style(properties)
        style = self._styles.get(identifier or "", _PLAIN)
        inline = self._inline.read(element)
        if style.hidden:
            self._builder.hidden(len(inline.text), "hidden style")
            return
        if inline.hidden:
            self._builder.hidden(inline.hidden, "marked as hidden")
        numbering = style.numbering if listing is None else None if listing[0] == "0" else listing
        label = self._numbering.label(*numbering) if numbering and inline.text.strip() else None
        text = f"{label} {inline.text}" if label else inline.text
        level = style.level if outline is None else outline + 1 if outline < 9 else None
        if level is None and self._guess_headings and not label and _looks_like_heading(text, inline):
            level = _GUESSED_LEVEL
        self._add(text, level, is_item=label is not None or style.is_list)
        self._after(inline)

    def _add(self, text: str, level: int | None, *, is_item: bool) -> None:
        if level is not None and text.strip() and len(text) <= _MAX_HEADING:
            if level == 0 and not self.title:
                self.title = one_line(clean(text)[0])
            self._builder.heading(text, level)
        else:
            self._builder.add(text, "list_item" if is_item else "paragraph")

    def _after(self, inline: Inline) -> None:
        """Adds what hangs on a paragraph: text boxes, pictures' descriptions, charts, notes, comments."""
        for box in inline.boxes:
            self.read(box)
        for description in inline.pictures:
            self._builder.add(description, "caption")
        for identifier in inline.charts:
            add_chart(self._builder, self._package, self._package.target(self._part, identifier))
        for identifier in inline.diagrams:
            add_diagram(self._builder, self._package, self._package.target(self._part, identifier))
        for kind, identifier in inline.references:
            note = self._notes.pop((kind, identifier), None)
            if note is not None:
                self._builder.add(self._note(kind, note), "note")

    def _note(self, kind: str, element: Any) -> str:
        text = self.plain_text(element)
        if not text:
            return ""
        if kind == "comment":
            author = attribute(element, "author")
            return f"Comment by {author}: {text}" if author else f"Comment: {text}"
        return f"{kind.capitalize()}: {text}"

    def _table(self, element: Any) -> None:
        if is_layout(element):
            for cell in cells_of(element):
                self.read(cell)
            return
        table = read_table(element, self._cell_text)
        add_table(self._builder, table.rows, header=table.header)

    def _cell_text(self, cell: Any) -> str:
        return self.plain_text(cell)

    def _foreign(self, element: Any) -> None:
        """Content in another format that Word shows in place, as converters from HTML write it."""
        target = self._package.target(self._part, attribute(element, "id"))
        if target and target.lower().endswith((".html", ".htm", ".xhtml")):
            data = self._package.read(target)
            add_html(self._builder, decode(data, html_declaration(data)))
        elif target:
            self._builder.warn("Embedded content of another format was not read.")


def blocks_of(container: Any) -> Iterator[Any]:
    """Paragraphs, tables and foreign content below an element, through wrappers and accepted revisions."""
    for element in container:
        name = local(element)
        if name in _TRANSPARENT:
            yield from blocks_of(element)
        elif name == "AlternateContent":
            branch = alternate(element)
            if branch is not None:
                yield from blocks_of(branch)
        elif name in ("p", "tbl", "altChunk"):
            yield element


def _looks_like_heading(text: str, inline: Inline) -> bool:
    """A short line, all bold or all capitals, that is no sentence."""
    line = text.strip()
    if not 3 <= len(line) <= _MAX_GUESSED or line.endswith(_SENTENCE_MARKS):
        return False
    letters = sum(1 for character in line if character.isalpha())
    return letters >= 3 and (inline.bold or line.isupper())
