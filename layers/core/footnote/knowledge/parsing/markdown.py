"""Markdown: headings, lists, tables, code and front matter; embedded HTML is read as HTML."""

from __future__ import annotations

import re

from markdown_it import MarkdownIt
from markdown_it.token import Token

from footnote.knowledge.models import ParsedDocument
from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.encoding import decode
from footnote.knowledge.parsing.formats import stem
from footnote.knowledge.parsing.html import add_html
from footnote.knowledge.parsing.normalisation import clean, one_line
from footnote.knowledge.parsing.source import Source
from footnote.knowledge.parsing.tables import add_table

_FRONT_MATTER = re.compile(
    r"\A(?:---|\+\+\+)[^\S\n]*\n(.*?)\n(?:---|\+\+\+|\.\.\.)[^\S\n]*(?:\n|\Z)", re.DOTALL
)
_FIELD = re.compile(r"^([A-Za-z][\w -]{0,40})\s*[:=]\s*(.+)$")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_BREAK_TAG = re.compile(r"<br\s*/?>", re.IGNORECASE)
_FOOTNOTE = re.compile(r"^\[\^([^\]]+)\]:\s*")


def parse(source: Source) -> ParsedDocument:
    """Reads Markdown; errors as in `parsing.parse`."""
    text, removed = clean(decode(source.data))
    builder = DocumentBuilder(source.limits.max_characters)
    builder.removed = removed
    title = ""
    front = _FRONT_MATTER.match(text)
    if front:
        title = _front_matter(builder, front[1])
        text = text[front.end() :]
    _Reader(builder).read(text)
    return builder.finish(title or builder.first_heading or stem(source.filename))


def _front_matter(builder: DocumentBuilder, block: str) -> str:
    """Adds the fields of the front matter; returns the title among them."""
    title = ""
    for line in block.split("\n"):
        field = _FIELD.match(line.strip())
        if not field:
            continue
        value = field[2].strip().strip("\"'")
        if field[1].lower() == "title":
            title = value
        if value and value not in ("true", "false", "null"):
            builder.add(f"{field[1]}: {value}", "note")
    return title


class _Reader:
    """Turns markdown-it's flat token list into blocks."""

    def __init__(self, builder: DocumentBuilder) -> None:
        self._builder = builder
        self._list_depth = 0
        self._row: list[str] | None = None
        self._table: list[list[str]] = []
        self._heading = 0

    def read(self, text: str) -> None:
        """Adds all blocks of a Markdown text."""
        parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
        for token in parser.parse(text):
            self._take(token)

    def _take(self, token: Token) -> None:
        match token.type:
            case "heading_open":
                self._heading = int(token.tag[1])
            case "bullet_list_open" | "ordered_list_open" | "bullet_list_close" | "ordered_list_close":
                self._list_depth += token.nesting
            case "inline":
                self._inline(token)
            case "fence" | "code_block":
                self._builder.add(token.content, "code", "code")
            case "html_block":
                self._html(token.content)
            case _:
                self._take_table(token)

    def _take_table(self, token: Token) -> None:
        match token.type:
            case "table_open":
                self._table = []
            case "tr_open":
                self._row = []
            case "tr_close":
                self._table.append(self._row or [])
                self._row = None
            case "table_close":
                add_table(self._builder, self._table, header=True)
            case _:
                pass

    def _inline(self, token: Token) -> None:
        text = inline_text(token.children or [])
        if self._row is not None:
            self._row.append(one_line(text))
        elif self._heading:
            self._builder.heading(text, self._heading)
            self._heading = 0
        else:
            note = _FOOTNOTE.match(text)
            if note:
                self._builder.add(f"{note[1]}: {text[note.end() :]}", "note")
            else:
                self._builder.add(text, "list_item" if self._list_depth else "paragraph")

    def _html(self, content: str) -> None:
        markup = _COMMENT.sub("", content)
        if markup.strip():
            add_html(self._builder, markup)


def inline_text(tokens: list[Token]) -> str:
    """The text of inline tokens: link and image texts stay, addresses and tags go."""
    parts: list[str] = []
    for token in tokens:
        match token.type:
            case "text" | "code_inline":
                parts.append(token.content)
            case "softbreak" | "hardbreak":
                parts.append(" ")
            case "image":
                parts.append(token.content)
            case "html_inline":
                parts.append(" " if _BREAK_TAG.match(token.content) else "")
            case _:
                pass
    return "".join(parts)
