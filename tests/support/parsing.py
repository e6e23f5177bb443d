"""Parsing in the test's own process, for tests of the parsers themselves."""

from footnote.knowledge.models import ParsedDocument
from footnote.knowledge.parsing.dispatch import parse_source
from footnote.knowledge.parsing.formats import format_of
from footnote.knowledge.parsing.source import Source
from footnote.platform.settings import IngestionSettings


def parse_here(data: bytes, filename: str, **limits) -> ParsedDocument:
    """Parses without the sandbox."""
    return parse_source(Source(data, filename, format_of(filename), IngestionSettings(**limits)))


def texts(document: ParsedDocument, kind: str | None = None) -> list[str]:
    """The blocks' texts, of one kind if it is given."""
    return [
        document.text[block.start : block.end]
        for block in document.blocks
        if kind is None or block.kind == kind
    ]


def block_with(document: ParsedDocument, words: str):
    """The first block that holds some words."""
    for block in document.blocks:
        if words in document.text[block.start : block.end]:
            return block
    raise AssertionError(f"{words!r} is in no block of {document.title!r}")
