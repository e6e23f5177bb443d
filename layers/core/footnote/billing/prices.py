"""What models cost the platform: a versioned table of integer prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from footnote.quota import Meter, Used

ANY_MODEL = "*"
"""Stands for every model without a price of its own."""

_PER = 1_000_000


@dataclass(frozen=True, slots=True)
class PriceList:
    """One version of the table.

    Attributes:
        version: Stored with every cost; a version is never changed.
        prices: Micro-USD per million units, by meter and model (`*`: any other model).
    """

    version: int
    prices: Mapping[tuple[Meter, str], int]

    def cost(self, meter: Meter, model: str, units: int) -> int:
        """Micro-USD for units of a model, rounded up; 0 for what has no price."""
        price = self.prices.get((meter, model), self.prices.get((meter, ANY_MODEL), 0))
        return -(-units * price // _PER)

    def bound(self, meter: Meter, units: int) -> int:
        """Micro-USD that units of the dearest model would cost, rounded up."""
        dearest = max((price for (priced, _), price in self.prices.items() if priced is meter), default=0)
        return -(-units * dearest // _PER)

    def used(self, meter: Meter, units: int, model: str = "") -> Used:
        """The units with their cost."""
        return Used(meter, units, model, self.cost(meter, model, units))


class Prices(Protocol):
    """Where the price table comes from."""

    async def current(self) -> PriceList:
        """The version that is in force.

        Raises:
            ServiceUnavailable: It cannot be read and was never read before.
        """
        ...
