"""Keys: whose entry it is, of what kind, and a digest of everything the value depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from footnote.platform.context import OrganizationContext


@dataclass(frozen=True, slots=True)
class CacheKey:
    """Where an entry is found. Entries of two organizations never share a key.

    Attributes:
        kind: Name of the kind; a part of the key in every tier.
        digest: 64 hexadecimal digits over everything the value depends on.
        generation: The organization's generation of this kind; counting it up makes all entries unfindable.
        version: The kind's own version: how its values are made and written.
    """

    organization_id: UUID
    kind: str
    digest: str
    generation: int = 0
    version: int = 1

    @property
    def name(self) -> str:
        """The key without its organization: `{version}-{generation}-{digest}`."""
        return f"{self.version}-{self.generation}-{self.digest}"


def digest(parts: Mapping[str, Any]) -> str:
    """SHA-256 of the parts as canonical JSON: named, so that no two lists of parts can look alike."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def access_of(context: OrganizationContext) -> str:
    """What a member may see, as a part of a key: members with the same access share entries.

    Today an organization's members all search the same documents; role and permissions stand for whatever
    narrows that one day.
    """
    return digest({"role": context.role, "permissions": sorted(context.permissions)})


def _plain(value: object) -> object:
    if isinstance(value, (set, frozenset)):
        return sorted(map(str, value))
    return str(value)
