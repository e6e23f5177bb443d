"""What caching needs of engines. Adapters are in `stores/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from footnote.platform.caching.keys import CacheKey
from footnote.platform.context import OrganizationContext


class CacheTier(Protocol):
    """A tier beyond the process's memory. Values are text.

    Every method raises `ServiceUnavailable` where the engine fails; the caller goes on without it.
    """

    async def get(self, context: OrganizationContext, key: CacheKey, extend_s: int | None) -> str | None:
        """The value, or `None`; `extend_s` gives an entry that is there a new term."""
        ...

    async def set(self, context: OrganizationContext, key: CacheKey, value: str, ttl_s: int) -> None:
        """Writes the value, in place of an earlier one."""
        ...

    async def delete(self, context: OrganizationContext, key: CacheKey) -> None:
        """Removes the entry, if it is there."""
        ...


@dataclass(frozen=True, slots=True)
class CacheState:
    """What keys need to know of an organization at the moment of a request.

    Attributes:
        corpus_version: Changes with every activation, replacement and deletion of a document.
        generations: By kind; a kind that was never invalidated is missing and counts as 0.
    """

    corpus_version: int = 0
    generations: Mapping[str, int] = field(default_factory=dict)

    def generation(self, kind: str) -> int:
        return self.generations.get(kind, 0)


class Generations(Protocol):
    """The authority on what is still valid."""

    async def state(self, context: OrganizationContext) -> CacheState:
        """The organization's state now.

        Raises:
            ServiceUnavailable: It cannot be read; nothing may be taken from a cache then.
        """
        ...

    async def advance(self, context: OrganizationContext, kind: str) -> int:
        """Begins the kind's next generation; returns it."""
        ...
