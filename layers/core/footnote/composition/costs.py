"""Prices, costs and budgets."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from footnote.composition.billing import Billing

if TYPE_CHECKING:
    from footnote.stores.postgres.prices import PostgresPrices


class Costs(Billing):
    """Services of what models cost."""

    @cached_property
    def prices(self) -> PostgresPrices:
        """What models cost the platform."""
        from footnote.stores.postgres.prices import PostgresPrices

        return PostgresPrices(self.database, self.clock, self.settings.billing.prices_keep_s)
