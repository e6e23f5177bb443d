"""Plans, subscriptions, invoices, usage."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from footnote.composition.metering import Metering

if TYPE_CHECKING:
    from footnote.stores.postgres.billing import PostgresPlanStore


class Billing(Metering):
    """Services of billing."""

    @cached_property
    def plans(self) -> PostgresPlanStore:
        from footnote.stores.postgres.billing import PostgresPlanStore

        return PostgresPlanStore(self.database)
