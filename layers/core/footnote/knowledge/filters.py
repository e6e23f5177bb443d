"""What a search is confined to, before anything is ranked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class SearchFilters:
    """Metadata filters of section 7; an empty one lets everything pass. Dates are inclusive."""

    category: str | None = None
    tags: tuple[str, ...] = ()
    source: str | None = None
    date_from: datetime | None = None
    date_to: datetime | None = None
    document_ids: tuple[UUID, ...] = ()
    language: str | None = None


@dataclass(frozen=True, slots=True)
class TextConstraints:
    """What a chunk's words must or must not be; it holds for both legs. An empty one lets everything pass.

    Words are compared by their stems, as the lexical index does.

    Attributes:
        phrases: Each must stand in the chunk (with its title and headings), word after word.
        excluded: None of these words or phrases may stand in it.
        title: Words that must all stand in the document's title.
        filename: Parts of the file's name, without regard to case.
    """

    phrases: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    title: tuple[str, ...] = ()
    filename: tuple[str, ...] = ()
