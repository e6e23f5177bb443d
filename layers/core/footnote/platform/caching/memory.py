"""The first tier: the process's own memory, bounded in entries and bytes."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from footnote.platform.caching.keys import CacheKey
from footnote.platform.clock import Clock


@dataclass(frozen=True, slots=True)
class _Entry:
    value: str
    size: int
    expires_at: float  # of the monotonic clock


class MemoryTier:
    """Least recently used entries go first.

    Args:
        clock: For terms.
        max_entries: Entries of all organizations together.
        max_bytes: Bytes of all values together; a larger value is not taken.
    """

    def __init__(self, clock: Clock, *, max_entries: int, max_bytes: int) -> None:
        self._clock = clock
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._entries: OrderedDict[tuple[UUID, str, str], _Entry] = OrderedDict()
        self._bytes = 0

    @property
    def size(self) -> int:
        """Bytes of all values."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: CacheKey, extend_s: int | None = None) -> str | None:
        """The value, or `None`; `extend_s` gives an entry that is there a new term."""
        place = _place(key)
        entry = self._entries.get(place)
        if entry is None:
            return None
        now = self._clock.monotonic()
        if now >= entry.expires_at:
            self._remove(place)
            return None
        if extend_s is not None:
            self._entries[place] = _Entry(entry.value, entry.size, now + extend_s)
        self._entries.move_to_end(place)
        return entry.value

    def set(self, key: CacheKey, value: str, ttl_s: int) -> None:
        """Keeps the value, in place of an earlier one; what is least recently used makes room."""
        place = _place(key)
        self._remove(place)
        size = len(value.encode())
        if size > self._max_bytes:
            return
        self._entries[place] = _Entry(value, size, self._clock.monotonic() + ttl_s)
        self._bytes += size
        while self._bytes > self._max_bytes or len(self._entries) > self._max_entries:
            self._remove(next(iter(self._entries)))

    def delete(self, key: CacheKey) -> None:
        """Forgets the entry, if it is there."""
        self._remove(_place(key))

    def forget(self, organization_id: UUID, kind: str) -> int:
        """Forgets all entries of an organization's kind; how many they were."""
        gone = [place for place in self._entries if place[:2] == (organization_id, kind)]
        for place in gone:
            self._remove(place)
        return len(gone)

    def _remove(self, place: tuple[UUID, str, str]) -> None:
        entry = self._entries.pop(place, None)
        if entry is not None:
            self._bytes -= entry.size


def _place(key: CacheKey) -> tuple[UUID, str, str]:
    return key.organization_id, key.kind, key.name
