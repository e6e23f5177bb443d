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
    from footnote.quota import KeptStages

logger = get_logger("composition")

_VARIANTS = 32  # configurations of organizations that are kept at the same time


class Variants(Operations):
    """Variants of a process's services: what went live in an organization, what is tried out."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        super().__init__(settings, clock)
        self._variants: dict[tuple[bool, tuple[tuple[str, Value], ...]], Self] = {}

    @cached_property
    def live_overrides(self) -> LiveOverrides:
        """Settings that went live in an organization."""
        from footnote.platform.overrides import LiveOverrides
        from footnote.stores.postgres.active_overrides import PostgresActiveOverrides

        return LiveOverrides(PostgresActiveOverrides(self.database), self.clock)

    @cached_property
    def stages(self) -> KeptStages:
        """Whose budgets are nearly spent."""
        from footnote.quota import KeptStages

        return KeptStages(self.quota_store, self.clock)

    async def of_organization(self, context: OrganizationContext, *, economy: bool | None = None) -> Self:
        """The services under the settings that are in force in the context's organization.

        Args:
            context: The organization.
            economy: Whether answers must cost less; by default where a budget is nearly spent, as known some
                seconds ago.
        """
        overrides = await self.live_overrides.of(context)
        if economy is None:
            economy = await self.stages.saves(context)
        if not overrides and not economy:
            return self
        key = (economy, tuple(sorted(overrides.items())))
        if key not in self._variants:
            self._variants[key] = self._variant(overrides, economy)
            if len(self._variants) > _VARIANTS:
                self._variants.pop(next(iter(self._variants)))
        return self._variants[key]

    def _variant(self, overrides: Overrides, economy: bool) -> Self:
        from footnote.composition.economy import economical, notice_of
        from footnote.platform.overrides import merged

        try:
            settings = merged(self.settings, overrides)
        except InvalidRequest:
            # The deployment does not know a setting any more that it knew when it went live.
            logger.exception("settings of an organization cannot be applied")
            if not economy:
                return self
            settings = self.settings
        other = self.derived(economical(settings) if economy else settings)
        other.notice = notice_of(settings) if economy else None
        if self.settings.caches.enabled:
            # Their keys tell settings apart, so that one cache does for all.
            other.__dict__ |= {"cache": self.cache, "cache_states": self.cache_states}
        return other

    def derived(self, settings: Settings) -> Self:
        """The services of this process under other settings, over the same connections."""
        other = type(self)(settings, self.clock)
        other.__dict__ |= {"secrets": self.secrets, "database": self.database, "embedder": self.embedder}
        other.__dict__["prices"] = self.prices
        return other
