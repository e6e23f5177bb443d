"""Plain text: paragraphs, underlined and capital headings, lists, and lines that were wrapped."""

from __future__ import annotations

import re

from footnote.knowledge.models import ParsedDocument
from footnote.knowledge.parsing.builder import DocumentBuilder
from footnote.knowledge.parsing.encoding import decode
from footnote.knowledge.parsing.formats import stem
from footnote.knowledge.parsing.normalisation import clean
from footnote.knowledge.parsing.source import Source

_BLANK = re.compile(r"\n[^\S\n]*\n\s*")
_BULLET = re.compile(r"^\s*(?:[-*•‣▪–●○]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+\S")
_MARK = re.compile(r"^\s*[-*•‣▪–●○]\s+")
_UNDERLINE = re.compile(r"^\s*(=+|-+|~+|\*+)\s*$")
_SENTENCE_END = re.compile(r"[.!?:;…。！？؟۔।][\"'”’)\]»]*$")
_WRAP_MIN, _WRAP_MAX = 50, 130
_MAX_HEADING = 100


def parse(source: Source) -> ParsedDocument:
    """Reads plain text; errors as in `parsing.parse`."""
    text, removed = clean(decode(source.data))
    builder = DocumentBuilder(source.limits.max_characters)
    builder.removed = removed
    add_plain_text(builder, text)
    return builder.finish(stem(source.filename))


def add_plain_text(builder: DocumentBuilder, text: str) -> None:
    """Adds paragraphs and list items of plain text (also the body of an e-mail)."""
    for paragraph in _BLANK.split(text):
        lines = [line for line in paragraph.split("\n") if line.strip()]
        if not lines:
            continue
        if len(lines) == 2 and _UNDERLINE.match(lines[1]) and len(lines[0].strip()) <= _MAX_HEADING:
            builder.heading(lines[0], 1 if lines[1].strip().startswith("=") else 2)
            continue
        if len(lines) == 1 and _is_capital_heading(lines[0].strip()):
            builder.heading(lines[0], 3)
            continue
        for block, is_item in _blocks(lines):
            if not _UNDERLINE.match(block):
                builder.add(_MARK.sub("", block), "list_item" if is_item else "paragraph")


def _is_capital_heading(line: str) -> bool:
    letters = [character for character in line if character.isalpha()]
    return (
        len(letters) >= 4 and len(line) <= _MAX_HEADING and line.isupper() and not _SENTENCE_END.search(line)
    )


def _blocks(lines: list[str]) -> list[tuple[str, bool]]:
    """Joins wrapped lines; each list item and each line that was ended on purpose stands alone."""
    wrapped = _is_wrapped(lines)
    blocks: list[tuple[list[str], bool]] = []
    for line in lines:
        item = bool(_BULLET.match(line))
        if blocks and not item and (wrapped or blocks[-1][1]) and not _ends(blocks[-1][0][-1], line, wrapped):
            blocks[-1][0].append(line)
        else:
            blocks.append(([line], item))
    return [(" ".join(parts), item) for parts, item in blocks]


def _is_wrapped(lines: list[str]) -> bool:
    """Lines of nearly the same length that end in mid-sentence were broken by an editor, not by a writer."""
    if len(lines) < 2:
        return False
    lengths = [len(line.rstrip()) for line in lines[:-1]]
    longest = max(lengths)
    if not _WRAP_MIN <= longest <= _WRAP_MAX:
        return False
    full = sum(1 for length in lengths if length > longest * 0.7)
    open_ended = sum(1 for line in lines[:-1] if not _SENTENCE_END.search(line.rstrip()))
    return full >= len(lengths) * 0.6 and open_ended >= len(lengths) * 0.3


def _ends(previous: str, line: str, wrapped: bool) -> bool:
    """Whether `line` begins something new after `previous`."""
    if wrapped:
        return False
    continuation = line[:1].isspace() and not _SENTENCE_END.search(previous.rstrip())
    return not continuation
