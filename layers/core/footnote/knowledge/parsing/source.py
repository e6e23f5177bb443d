"""What a parser is given."""

from __future__ import annotations

from dataclasses import dataclass

from footnote.knowledge.parsing.formats import Format
from footnote.platform.settings import IngestionSettings


@dataclass(frozen=True, slots=True)
class Source:
    """One document's bytes.

    Attributes:
        depth: 0 for the document itself, 1 for an attachment of it.
    """

    data: bytes
    filename: str
    format: Format
    limits: IngestionSettings
    depth: int = 0
