"""Plans: what an organization may use, and what it pays. A published version is never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field, model_validator

from footnote.platform.context import OrganizationContext
from footnote.quota import PERIODS, Meter

CUSTOM = "custom"
"""The name of the plan that is made for one organization."""

_MOST = 2**53
Units = Annotated[int, Field(ge=0, le=_MOST)]
_LIMITS = frozenset(meter.value for meter in Meter if meter is not Meter.COST) | {"tokens_per_message"}
_PRICED = frozenset(
    meter.value for meter, period in PERIODS.items() if period != "level" and meter is not Meter.COST
)


@dataclass(frozen=True, slots=True)
class UsagePrice:
    """What units of one meter cost above those that are included; one of the two prices is set.

    Attributes:
        cents_per_1000: Cents for a thousand units.
        micro_usd_per_unit: Millionths of a dollar for one unit.
    """

    included: int = 0
    cents_per_1000: int | None = None
    micro_usd_per_unit: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One version of a plan.

    Attributes:
        limits: By meter, and `tokens_per_message`; absent or `None`: unlimited.
        rates: Requests a minute by route class.
        usage_prices: By meter; as `UsagePrice`, in integers.
    """

    plan: str
    version: int
    name: str
    price_cents: int
    currency: str = "USD"
    limits: Mapping[str, int | None] = field(default_factory=dict)
    rates: Mapping[str, int] = field(default_factory=dict)
    usage_prices: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    features: tuple[str, ...] = ()

    @property
    def is_custom(self) -> bool:
        """Whether it was made for one organization."""
        return self.plan == CUSTOM

    def usage_price(self, meter: str) -> UsagePrice | None:
        """The price of units of a meter; `None`: they are in the plan's own price."""
        found = self.usage_prices.get(meter)
        return None if found is None else UsagePrice(**found)


class UsagePriceDocument(BaseModel):
    """`UsagePrice`, as an operator writes it."""

    model_config = ConfigDict(extra="forbid")

    included: Units = 0
    cents_per_1000: Units | None = None
    micro_usd_per_unit: Units | None = None

    @model_validator(mode="after")
    def _has_one_price(self) -> UsagePriceDocument:
        if (self.cents_per_1000 is None) == (self.micro_usd_per_unit is None):
            raise ValueError("set either cents_per_1000 or micro_usd_per_unit")
        return self


class PlanDocument(BaseModel):
    """A version to publish, as an operator writes it (JSON)."""

    model_config = ConfigDict(extra="forbid")

    plan: str = Field(default=CUSTOM, pattern=r"^[a-z][a-z0-9_]{1,31}$")
    name: str = Field(min_length=1, max_length=100)
    price_cents: int = Field(ge=0, le=100_000_000)
    currency: str = Field(default="USD", pattern=r"^USD$")
    limits: dict[str, Units | None]
    rates: dict[str, Annotated[int, Field(ge=0, le=1_000_000)]] = {}
    usage_prices: dict[str, UsagePriceDocument] = {}
    features: list[Annotated[str, Field(min_length=1, max_length=64)]] = []
    is_public: bool = True

    @model_validator(mode="after")
    def _names_what_there_is(self) -> PlanDocument:
        unknown = sorted(set(self.limits) - _LIMITS)
        if unknown:
            raise ValueError(
                f"limits name no meter: {', '.join(unknown)}; known are {', '.join(sorted(_LIMITS))}"
            )
        unpriced = sorted(set(self.usage_prices) - _PRICED)
        if unpriced:
            raise ValueError(f"usage_prices name what has no price by unit: {', '.join(unpriced)}")
        return self

    def prices(self) -> dict[str, dict[str, int]]:
        """`usage_prices` as they are stored."""
        return {meter: price.model_dump(exclude_none=True) for meter, price in self.usage_prices.items()}


class PlanStore(Protocol):
    """Where plans are kept."""

    async def offered(self, context: OrganizationContext) -> list[Plan]:
        """The newest public versions, the cheapest first, and the organization's own plan."""
        ...
