"""How the parent and its parser processes talk.

A request is one message with two file descriptors (the document and the answer's channel). The answer is
JSON: the parser has seen hostile bytes, so the parent believes nothing that could run code or break its
invariants.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

from footnote.knowledge.models import Block, ParsedDocument
from footnote.knowledge.parsing.errors import Unreadable

HEADER = struct.Struct(">BI")  # kind of frame, bytes that follow
ACCEPTED = b"+"  # the worker has taken the request; everything else follows
RESULT, FAILURE = 1, 2
# What the worker adds when a child has ended: mark, cause, exit status.
REPORT = struct.Struct(">4sBi")
REPORT_MARK = b"\x00end"
ENDED, DEADLINE, ABANDONED, UNAVAILABLE = 0, 1, 2, 3
MAX_REQUEST = 64 * 1024

_BLOCK_KINDS = frozenset({"heading", "paragraph", "list_item", "table_row", "code", "caption", "note"})
_UNIT_KINDS = frozenset({"page", "slide", "sheet", "section"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a parser process is to do.

    Attributes:
        format: Name of the format.
        limits: Fields of `IngestionSettings`.
    """

    filename: str
    format: str
    limits: dict[str, Any]

    def encode(self) -> bytes:
        """As one message."""
        return json.dumps({"filename": self.filename, "format": self.format, "limits": self.limits}).encode()

    @classmethod
    def decode(cls, data: bytes) -> Request:
        """From a message."""
        return cls(**json.loads(data))


class ProtocolError(ValueError):
    """An answer that no sound parser process gives."""


def encode_document(document: ParsedDocument) -> bytes:
    """A document as JSON; heading paths and labels are stored once each."""
    names: dict[Any, int] = {}
    blocks = [
        (
            block.start,
            block.end,
            block.kind,
            block.unit,
            names.setdefault(block.unit_label, len(names)),
            names.setdefault(block.heading_path, len(names)),
        )
        for block in document.blocks
    ]
    body = {
        "text": document.text,
        "blocks": blocks,
        "names": list(names),
        "title": document.title,
        "language": document.language,
        "unit_kind": document.unit_kind,
        "units_total": document.units_total,
        "units_read": document.units_read,
        "warnings": document.warnings,
        "removed": document.removed_characters,
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8")


def decode_document(data: bytes) -> ParsedDocument:
    """A document out of a parser process, checked against what `ParsedDocument` promises.

    Raises:
        ProtocolError: It breaks a promise.
    """
    try:
        body = json.loads(data)
        text = _text(body["text"])
        names = [tuple(map(_text, name)) if isinstance(name, list) else name for name in body["names"]]
        if any(isinstance(name, str) and _text(name) is None for name in names):
            raise ProtocolError("broken label")
        blocks = _blocks(body["blocks"], names, len(text))
        unit_kind = body["unit_kind"]
        if unit_kind is not None and unit_kind not in _UNIT_KINDS:
            raise ProtocolError("unknown kind of unit")
        return ParsedDocument(
            text=text,
            blocks=blocks,
            title=_text(body["title"]),
            language=_text(body["language"]),
            unit_kind=unit_kind,
            units_total=int(body["units_total"]),
            units_read=int(body["units_read"]),
            warnings=tuple(map(_text, body["warnings"])),
            removed_characters=int(body["removed"]),
        )
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        raise ProtocolError(f"malformed answer: {type(error).__name__}") from error


def encode_failure(error: Unreadable) -> bytes:
    """An `Unreadable` as JSON."""
    return json.dumps({"code": error.code, "reason": error.reason, "detail": error.detail}).encode()


def _text(value: Any) -> str:
    """A string without NUL and lone surrogates."""
    if not isinstance(value, str) or "\0" in value:
        raise ProtocolError("not a text")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ProtocolError("lone surrogates") from error
    return value


def _blocks(rows: list[list[Any]], names: list[Any], length: int) -> tuple[Block, ...]:
    blocks = []
    position = 0
    for start, end, kind, unit, label, path in rows:
        if not position <= start < end <= length or kind not in _BLOCK_KINDS:
            raise ProtocolError("blocks out of order")
        if unit is not None and not isinstance(unit, int):
            raise ProtocolError("unit is no number")
        if not isinstance(names[path], tuple) or not isinstance(names[label], str | None):
            raise ProtocolError("wrong names")
        blocks.append(Block(start, end, kind, unit, names[label], names[path]))
        position = end
    if not blocks:
        raise ProtocolError("no blocks")
    return tuple(blocks)
