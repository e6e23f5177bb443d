"""Whether a stored record, and the answer it speaks of, are what was written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from footnote.chat.provenance.canonical import sha256
from footnote.chat.provenance.models import StoredAnswer

_COLUMNS = ("organization_id", "message_id", "session_id", "user_id")


def verify(stored: StoredAnswer) -> tuple[str, ...]:
    """What is not as it was written, in words for a person; nothing if all is."""
    return tuple(_problems(stored))


def _problems(stored: StoredAnswer) -> Iterator[str]:
    record = stored.record
    if record.digest != stored.digest:
        yield "The record was changed after it was written: its digest does not fit."
        return
    for name in _COLUMNS:
        if str(getattr(record, name)) != record.body.get(name):
            yield f"The row's {name} is not the record's."
    if not _same_moment(record.created_at, record.body.get("created_at")):
        yield "The row's created_at is not the record's."
    answer = record.body.get("answer", {})
    if sha256(stored.answer) != answer.get("sha256"):
        yield "The answer's text was changed after the record was written."
    if cited(stored.sources) != [_place(one) for one in record.body.get("citations", [])]:
        yield "The answer's sources were changed after the record was written."


def cited(sources: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """The places that sources, as they are stored with a message, quote."""
    return [_place({**source, **piece}) for source in sources for piece in source.get("evidence", [])]


def _place(one: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(one.get(name) for name in ("number", "document_id", "version", "start", "end", "text"))


def _same_moment(at: datetime, written: object) -> bool:
    return isinstance(written, str) and datetime.fromisoformat(written) == at
