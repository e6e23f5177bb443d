"""Which tiers hold a value, and how long (section 11.2 of the reference document, rule by rule)."""

from __future__ import annotations

from dataclasses import dataclass

HOT_BYTES = 1_024
HOT_ACCESSES = 10
STORE_TTL_FACTOR = 10
"""The store keeps ten times as long."""
PROMOTION_TTL_S = 300
"""How long Redis keeps what came back from the store."""

_RESPONSE_MEMORY_BYTES = 10_240
_DEFAULT_MEMORY_BYTES = 5_120
_DEFAULT_STORE_BYTES = 102_400
_HOT_TTL_S = 3_600


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of entry.

    Attributes:
        name: As in keys and statistics.
        version: Counted up when values of this kind are made or written in another way.
        ttl_s: Seconds in Redis and memory.
        slides: Whether reading an entry gives it a new term (section 6.5: responses).
    """

    name: str
    version: int
    ttl_s: int
    slides: bool = False


EMBEDDING = Kind("embedding", 1, 86_400)
RESPONSE = Kind("response", 1, 1_800, slides=True)
# 11.2 says 900 s, 6.5 says 1,800 s. The shorter one: a ranking may weigh how recent a document is, and that
# is the one thing a search depends on that its key does not hold.
SEARCH = Kind("search", 1, 900)


@dataclass(frozen=True, slots=True)
class Plan:
    """The tiers of one value."""

    memory: bool
    redis: bool
    store: bool
    ttl_s: int

    @property
    def store_ttl_s(self) -> int:
        return self.ttl_s * STORE_TTL_FACTOR


def plan(kind: Kind, size: int, accesses: int = 0) -> Plan:
    """The plan of 11.2 for a value.

    Args:
        kind: What it is.
        size: Bytes as it is written.
        accesses: How often it was asked for lately, in this process.
    """
    if size < HOT_BYTES and accesses > HOT_ACCESSES:
        return Plan(memory=True, redis=True, store=True, ttl_s=_HOT_TTL_S)
    if kind.name in {EMBEDDING.name, SEARCH.name}:
        return Plan(memory=False, redis=True, store=True, ttl_s=kind.ttl_s)
    if kind.name == RESPONSE.name:
        return Plan(memory=size < _RESPONSE_MEMORY_BYTES, redis=True, store=False, ttl_s=kind.ttl_s)
    return Plan(
        memory=size < _DEFAULT_MEMORY_BYTES,
        redis=True,
        store=size < _DEFAULT_STORE_BYTES,
        ttl_s=kind.ttl_s,
    )


def may_be_stored(kind: Kind, accesses: int) -> bool:
    """Whether the store can hold a value of the kind at all, whatever its size: if not, it is not asked."""
    return plan(kind, HOT_BYTES - 1, accesses).store or plan(kind, HOT_BYTES, accesses).store
