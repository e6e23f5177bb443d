"""The terms of subscriptions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol
from uuid import UUID

from footnote.billing.payments import ProviderSubscription, SubscriptionStatus
from footnote.billing.payments.webhooks import Outcome
from footnote.billing.plans import Plan
from footnote.platform.context import OrganizationContext

ChangeKind = Literal["same", "begin", "now", "later", "end"]


@dataclass(frozen=True, slots=True)
class Subscription:
    """The time under one version of a plan.

    Attributes:
        provider: `manual` or `stripe`.
        anchor: When the first period began; later ones begin on the same day of the month (UTC).
        pending_plan, pending_version: What comes at the end of the period.
        priced_from: Since when the plan's price of the period counts, where that is before `period_start`: a
            subscription that comes back begins here only where no other period is.
    """

    subscription_id: UUID
    plan: str
    plan_version: int
    provider: str
    status: SubscriptionStatus
    anchor: datetime
    period_start: datetime
    period_end: datetime
    started_at: datetime
    customer_ref: str | None = None
    provider_ref: str | None = None
    provider_changed_at: datetime | None = None
    past_due_since: datetime | None = None
    cancel_at_period_end: bool = False
    pending_plan: str | None = None
    pending_version: int | None = None
    ended_at: datetime | None = None
    priced_from: datetime | None = None

    @property
    def fee_start(self) -> datetime:
        """When the time that the plan's price is for began."""
        return self.priced_from or self.period_start


@dataclass(frozen=True, slots=True)
class Overview:
    """What an organization has now: a plan, and the subscription to it where it has one."""

    plan: Plan
    subscription: Subscription | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a wish for a plan means.

    Attributes:
        kind: `same`: nothing; `begin` a subscription; change `now`, or `later` with the period; `end` it
            then.
        plan: What is wished for.
        subscription: The one that it is decided for; it may have changed when it is carried out.
    """

    kind: ChangeKind
    plan: Plan
    subscription: Subscription | None

    @staticmethod
    def of(current: Overview, wanted: Plan, default_plan: str) -> Decision:
        """A dearer plan holds at once, a cheaper one from the end of the period on."""
        has, own = current.subscription, current.plan
        same = wanted.plan == own.plan and (not wanted.is_custom or wanted.version == own.version)
        if has is None:
            return Decision("same" if same else "begin", wanted, None)
        if same:
            return Decision("same", wanted, has)
        if wanted.plan == default_plan and wanted.price_cents == 0:
            return Decision("end", wanted, has)
        return Decision("later" if wanted.price_cents < own.price_cents else "now", wanted, has)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that may be sent again: its `Idempotency-Key`, if it has one, and what it asks for."""

    key: str | None
    asks: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of what it asks for."""
        return hashlib.sha256(self.asks.encode()).digest()


@dataclass(frozen=True, slots=True)
class Change:
    """What came of a request; `checkout_url`: where the payer has to go before it holds."""

    overview: Overview
    checkout_url: str | None = None


@dataclass(frozen=True, slots=True)
class Beginning:
    """A subscription that begins now."""

    plan: Plan
    provider: str
    customer_ref: str | None = None
    subscription_ref: str | None = None


class SubscriptionStore(Protocol):
    """Where subscriptions are kept. Each method is one transaction; changes of one organization take turns.

    A change that was decided for a subscription that is not the current one any more raises `Conflict`.
    """

    async def overview(self, context: OrganizationContext) -> Overview:
        """What the organization has now."""
        ...

    async def advance(self, context: OrganizationContext) -> bool:
        """Does one thing that is due, as the end of a period; false: nothing was."""
        ...

    async def decide(self, context: OrganizationContext, plan: str) -> Decision:
        """What a wish for a plan means now.

        Raises:
            NotFound: No such plan is offered to the organization.
        """
        ...

    async def replayed(self, context: OrganizationContext, request: Request) -> Change | None:
        """What came of the same request before, as it stands now; `None` for a new one.

        Raises:
            IdempotencyKeyReused: The key came with another request.
        """
        ...

    async def note(self, context: OrganizationContext, request: Request, checkout_url: str | None) -> None:
        """Keeps a request that changed nothing here."""
        ...

    async def customer_ref(self, context: OrganizationContext, provider: str) -> str | None:
        """The provider's id of the organization."""
        ...

    async def keep_customer(
        self, context: OrganizationContext, provider: str, customer_ref: str, instead_of: str | None = None
    ) -> str:
        """Keeps the provider's id of the organization; the one that holds: the first that was kept.

        Args:
            context: The organization.
            provider: The provider.
            customer_ref: The id.
            instead_of: One that the provider does not know any more, which does not hold any more.
        """
        ...

    async def now(self) -> datetime:
        """The time that states of a provider are ordered by, before one is asked for."""
        ...

    async def begin(self, context: OrganizationContext, beginning: Beginning, request: Request) -> None:
        """Begins a subscription and its first period now."""
        ...

    async def carry_out(self, context: OrganizationContext, decision: Decision, request: Request) -> None:
        """Does what was decided of the current subscription; `same` takes back what was to come."""
        ...

    async def set_cancellation(
        self, context: OrganizationContext, subscription_id: UUID, cancelled: bool, request: Request
    ) -> None:
        """Whether the subscription ends with its period."""
        ...

    async def apply_provider_state(
        self, context: OrganizationContext, state: ProviderSubscription
    ) -> Outcome:
        """Brings the subscription to the provider's state."""
        ...
