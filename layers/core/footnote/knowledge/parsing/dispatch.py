"""From a source to its document, in the process that calls: the inside of the sandbox."""

from __future__ import annotations

from importlib import import_module

from footnote.knowledge.models import ParsedDocument
from footnote.knowledge.parsing import sniffing
from footnote.knowledge.parsing.errors import Broken, OutOfMemory
from footnote.knowledge.parsing.source import Source

_PACKAGE = "footnote.knowledge.parsing"


def load(module: str) -> None:
    """Imports a format's module ahead of its first use."""
    import_module(f"{_PACKAGE}.{module}")


def parse_source(source: Source) -> ParsedDocument:
    """Checks and parses a document.

    Raises:
        Unreadable: It gives no text; the subclass says why.
    """
    try:
        sniffing.check(source)
        module = import_module(f"{_PACKAGE}.{source.format.module}")
        document: ParsedDocument = module.parse(source)
    except MemoryError as error:
        raise OutOfMemory("The document needs more memory than a document may use.") from error
    except RecursionError as error:
        raise Broken("The document is nested too deeply to be read.") from error
    return document
