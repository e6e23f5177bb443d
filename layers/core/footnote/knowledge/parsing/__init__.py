"""Documents of any supported format to canonical text with provenance, safely.

`parse` runs the parsers in confined processes; `Unreadable` and its subclasses say why a document gives no
text.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from footnote.knowledge.models import ParsedDocument
from footnote.knowledge.parsing.errors import KINDS, ParserUnavailable, Unreadable
from footnote.knowledge.parsing.formats import (
    BY_MEDIA_TYPE,
    FORMATS,
    SUPPORTED_ENDINGS,
    Format,
    format_of,
    stem,
)
from footnote.knowledge.parsing.sandbox import Sandbox
from footnote.platform.settings import IngestionSettings

__all__ = [
    "BY_MEDIA_TYPE",
    "FORMATS",
    "KINDS",
    "SUPPORTED_ENDINGS",
    "Format",
    "ParserUnavailable",
    "Sandbox",
    "Unreadable",
    "default_sandbox",
    "format_of",
    "parse",
    "stem",
]


@lru_cache(maxsize=1)
def default_sandbox() -> Sandbox:
    """The process's own parser process."""
    return Sandbox()


async def parse(source: Path | bytes, filename: str, limits: IngestionSettings) -> ParsedDocument:
    """Parses a document in a confined process.

    Args:
        source: The document's bytes, or where they are.
        filename: Its name; the ending decides on the format, and the content has to agree.
        limits: Limits of size, time and memory.

    Raises:
        Unreadable: The document gives no text; `code`, `reason` and `quarantine` say why.
        ParserUnavailable: The parsers themselves cannot run: a defect of the deployment.
        OSError: `source` is a path that cannot be read.
    """
    return await default_sandbox().parse(source, filename, limits)
