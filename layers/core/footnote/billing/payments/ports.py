"""What subscriptions need of a payment provider."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from footnote.platform.errors import Conflict, ServiceUnavailable

SubscriptionStatus = Literal["incomplete", "trialing", "active", "past_due", "cancelled"]


class UnreadableState(ServiceUnavailable):
    """A provider's subscription is in a state that this release does not know; the message says which."""

    code = "PROVIDER_STATE_UNKNOWN"


class UnknownPayer(Conflict):
    """The provider has no such payer (any more): deleted there, or of another account."""


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays: an organization.

    Attributes:
        customer_ref: The provider's id of it; `None` before the first payment.
    """

    organization_id: UUID
    name: str
    email: str | None
    customer_ref: str | None = None


@dataclass(frozen=True, slots=True)
class PricedPlan:
    """A plan's version as the provider is to charge it, monthly."""

    plan: str
    version: int
    name: str
    price_cents: int
    currency: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """How a new subscription is paid for.

    Attributes:
        url: Where the payer goes; `None` where nothing has to be done: the subscription is active at once.
        customer_ref, subscription_ref: The provider's ids, as far as they exist already.
        running: The payer's subscriptions that the provider has already. With one, no other is begun.
    """

    url: str | None
    customer_ref: str | None = None
    subscription_ref: str | None = None
    running: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GivenBack:
    """What was given back of a subscription's price, by earlier calls too.

    Attributes:
        refund_refs: The provider's ids.
    """

    cents: int = 0
    refund_refs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderSubscription:
    """A subscription as the provider has it now.

    Attributes:
        plan, version: What is subscribed to, of the provider's own metadata.
        changed_at: The provider's time of this state; an older one never replaces a newer one.
    """

    organization_id: UUID
    customer_ref: str
    subscription_ref: str
    plan: str
    version: int
    status: SubscriptionStatus
    period_start: datetime
    period_end: datetime
    cancel_at_period_end: bool
    changed_at: datetime


class PaymentProvider(Protocol):
    """Takes money. Calls are idempotent by the key that they are given.

    Raises `ServiceUnavailable` when the provider cannot be reached, `Conflict` when it refuses.
    """

    @property
    def name(self) -> str:
        """`manual` or `stripe`."""
        ...

    async def customer(self, payer: Payer) -> str | None:
        """Makes the provider's record of a payer, and returns its id; `None` where none is needed.

        A payer with an id gets another one in its place.
        """
        ...

    async def subscribe(
        self, payer: Payer, plan: PricedPlan, *, success_url: str, cancel_url: str, key: str
    ) -> Checkout:
        """Begins a subscription, unless one runs. Ways to pay that were opened before are closed.

        Raises:
            UnknownPayer: The payer's id is none of the provider's.
            Conflict: Another one is begun at the same moment.
        """
        ...

    async def state(self, subscription_ref: str, asked_at: datetime) -> ProviderSubscription | None:
        """The subscription as it is now; `None`: the provider has none of ours under that id.

        Raises:
            UnreadableState: It is in a state that this release does not know.
        """
        ...

    async def give_back(self, subscription_ref: str) -> GivenBack:
        """Ends a subscription now and gives back all that was paid for it.

        Raises:
            ServiceUnavailable: Not all could be given back; to be called again.
        """
        ...

    async def portal(self, payer: Payer, *, return_url: str) -> str | None:
        """Where the payer manages cards and receipts; `None` where there is no such place."""
        ...

    async def change_plan(self, subscription_ref: str, plan: PricedPlan, *, prorate: bool, key: str) -> None:
        """Switches a running subscription: now, or without proration from the next period on."""
        ...

    async def cancel(self, subscription_ref: str, *, at_period_end: bool, key: str) -> None:
        """Ends a subscription now or at the end of its period; at once undone by `resume`."""
        ...

    async def resume(self, subscription_ref: str, *, key: str) -> None:
        """Takes back a cancellation at the end of the period."""
        ...

    async def report_usage(
        self, customer_ref: str, meter: str, units: int, *, event_id: str, at: datetime
    ) -> None:
        """Tells metered usage, counted once per `event_id`."""
        ...
