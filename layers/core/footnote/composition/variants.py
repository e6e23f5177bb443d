"""The same services under other settings."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Self

from footnote.composition.operations import Operations
from footnote.platform.errors import InvalidRequest
from footnote.platform.logging import get_logger

if TYPE_CHECKING:
    from footnote.platform.clock import Clock
    from footnote.platform.context import OrganizationContext
    from footnote.platform.overrides import LiveOverrides, Overrides, Value
    from footnote.platform.settings import Settings

logger = get_logger("composition")

_VARIANTS = 32  # configurations of organizations that are kept at the same time


class Variants(Operations):
    """Variants of a process's services: what went live in an organization, what is tried out."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        super().__init__(settings, clock)
        self._variants: dict[tuple[tuple[str, Value], ...], Self] = {}

    @cached_property
    def live_overrides(self) -> LiveOverrides:
        """Settings that went live in an organization."""
        from footnote.platform.overrides import LiveOverrides
        from footnote.stores.postgres.active_overrides import PostgresActiveOverrides

        return LiveOverrides(PostgresActiveOverrides(self.database), self.clock)

    async def of_organization(self, context: OrganizationContext) -> Self:
        """The services under the settings that are in force in the context's organization."""
        overrides = await self.live_overrides.of(context)
        if not overrides:
            return self
        key = tuple(sorted(overrides.items()))
        if key not in self._variants:
            self._variants[key] = self._variant(overrides)
            if len(self._variants) > _VARIANTS:
                self._variants.pop(next(iter(self._variants)))
        return self._variants[key]

    def _variant(self, overrides: Overrides) -> Self:
        from footnote.platform.overrides import merged

        try:
            other = self.derived(merged(self.settings, overrides))
        except InvalidRequest:
            # The deployment does not know a setting any more that it knew when it went live.
            logger.exception("settings of an organization cannot be applied")
            return self
        if self.settings.caches.enabled:
            # Their keys tell settings apart, so that one cache does for all.
            other.__dict__ |= {"cache": self.cache, "cache_states": self.cache_states}
        return other

    def derived(self, settings: Settings) -> Self:
        """The services of this process under other settings, over the same connections."""
        other = type(self)(settings, self.clock)
        other.__dict__ |= {"secrets": self.secrets, "database": self.database, "embedder": self.embedder}
        return other
