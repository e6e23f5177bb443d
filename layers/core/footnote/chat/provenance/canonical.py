"""One way of writing a value as JSON, so that its digest says whether it is still the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


def plain(value: object) -> Any:
    """The value as JSON knows it: dataclasses as objects, instants in UTC, identifiers as text."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, UUID | StrEnum):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value


def canonical(value: object) -> str:
    """JSON with sorted keys and no spaces.

    Raises:
        ValueError: A number is not finite.
    """
    return json.dumps(
        plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )


def sha256(text: str) -> str:
    """Hexadecimal digest of the text's UTF-8 form."""
    return hashlib.sha256(text.encode()).hexdigest()
