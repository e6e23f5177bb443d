"""The terms of provenance: what an answer could rest on, and the record of what it did rest on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from footnote.chat.provenance.canonical import sha256
from footnote.models import EmbeddingModel

RECORD_SCHEMA = 1
"""Version of the record's shape."""


@dataclass(frozen=True, slots=True)
class SuppliedPassage:
    """A chunk that the generator was given, without its text.

    Attributes:
        number: What `[number]` in the answer refers to; those of joined neighbours are the same.
        start, end: The chunk's span in the document's text.
        supplied: Characters of the chunk that were really supplied, from its start.
        sha256: Of the chunk's whole text; tells whether a chunk found later is the same.
    """

    number: int
    chunk_id: int
    document_id: UUID
    version: int
    ordinal: int
    title: str
    filename: str
    unit_kind: str | None
    unit_from: int | None
    unit_to: int | None
    unit_label: str | None
    heading_path: tuple[str, ...]
    start: int
    end: int
    supplied: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an answer could rest on, fixed when it was written; a cached answer keeps them.

    Attributes:
        message_id: The message that it was written as.
        passages: By number.
        order: Numbers of the passages as they stood in the prompt.
        embedding: The model that search compared vectors of; `None` where it compared none.
        reranker: The one that ran, or `None`.
        planned_model: Who was asked to write first.
        corpus_version: Of the documents that were searched.
        settings: Digest of all settings, and the code's version, that shape results and answers.
        search_cache: The cache tier that the passages came from, or `None`.
    """

    message_id: UUID
    passages: tuple[SuppliedPassage, ...] = ()
    order: tuple[int, ...] = ()
    embedding: EmbeddingModel | None = None
    reranker: str | None = None
    planned_model: str = "none"
    corpus_version: int = 0
    settings: str = ""
    search_cache: str | None = None


@dataclass(frozen=True)
class ProvenanceRecord:
    """The immutable record of one answer. The attributes beside `text` repeat what `text` says.

    Attributes:
        text: Canonical JSON; what the digest is of.
    """

    organization_id: UUID
    message_id: UUID
    session_id: UUID
    user_id: UUID
    created_at: datetime
    text: str

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of `text`."""
        return sha256(self.text)

    @cached_property
    def body(self) -> dict[str, Any]:
        """The record as data."""
        return dict(json.loads(self.text))


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A record as it is stored, with the answer it speaks of.

    Attributes:
        digest: Hexadecimal, as it was written beside the record.
        answer: The message's text now.
        sources: The message's sources now.
    """

    record: ProvenanceRecord
    digest: str
    answer: str
    sources: list[dict[str, Any]]
