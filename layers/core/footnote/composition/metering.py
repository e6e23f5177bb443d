"""What may be used and what it costs."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from footnote.composition.events import Events

if TYPE_CHECKING:
    from footnote.quota import Admission
    from footnote.stores.postgres.quota import PostgresQuotaStore


class Metering(Events):
    """Services of quota and billing."""

    @cached_property
    def quota_store(self) -> PostgresQuotaStore:
        from footnote.stores.postgres.quota import PostgresQuotaStore

        return PostgresQuotaStore(self.database, self.settings.quota.default_plan)

    @cached_property
    def admission(self) -> Admission:
        from footnote.quota import Admission

        return Admission(self.quota_store, self.clock)
