"""Passages as a search finds them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from footnote.knowledge import Passage


def make_passage(text: str, start: int = 0, **changes: Any) -> Passage:
    """A passage of an English document, `start` characters from its beginning; `changes` name the rest."""
    values: dict[str, Any] = {
        "chunk_id": 1, "document_id": UUID(int=1), "version": 1, "ordinal": 0, "title": "Farol",
        "filename": "farol.pdf", "text": text, "start": start, "end": start + len(text), "heading_path": (),
        "unit_kind": None, "unit_from": None, "unit_to": None, "unit_label": None, "language": "en",
    }  # fmt: skip
    return Passage(**(values | changes))
