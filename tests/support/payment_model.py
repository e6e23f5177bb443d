"""A payment provider in memory: what it charges for, whatever we think of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from footnote.billing import Checkout, GivenBack, Payer, PricedPlan, ProviderSubscription
from footnote.billing.payments.webhooks import ProviderEvent
from footnote.billing.proration import period_after
from footnote.platform.errors import Conflict

LIVE = ("trialing", "active", "past_due")


@dataclass(frozen=True, slots=True)
class Running:
    """A subscription of the provider; `later` is its plan from the next period on."""

    ref: str
    plan: tuple[str, int]
    status: Any
    start: datetime
    end: datetime
    anchor: datetime
    is_cancelled: bool = False
    later: tuple[str, int] | None = None

    def at(self, now: datetime) -> Running:
        """What time makes of it: periods that end, one after the other."""
        one = self
        while one.status in LIVE and one.end <= now:
            if one.is_cancelled:
                return replace(one, status="cancelled")
            end = period_after(one.anchor, one.end)
            one = replace(one, start=one.end, end=end, plan=one.later or one.plan, later=None)
            if one.status == "trialing":
                one = replace(one, status="active")
        return one


class PaymentModel:
    """`PaymentProvider` and `ProviderEvents` of one organization.

    Args:
        organization_id: Whose subscriptions they are.
        now: The time.
    """

    name = "stripe"

    def __init__(self, organization_id: UUID, now: datetime) -> None:
        self.organization_id = organization_id
        self.now = now
        self.running: dict[str, Running] = {}
        self.given_back: list[str] = []

    def pass_time(self, now: datetime) -> None:
        """Periods end."""
        self.now = now
        self.running = {ref: one.at(now) for ref, one in self.running.items()}

    def pay(self, ref: str, plan: tuple[str, int], status: Any) -> None:
        """Somebody pays in a Checkout, of whatever tab."""
        if ref not in self.running:
            end = period_after(self.now, self.now)
            self.running[ref] = Running(ref, plan, status, self.now, end, self.now)

    def set(self, ref: str, **changes: Any) -> None:
        """Changes a subscription that is not over."""
        if self.running[ref].status in LIVE:
            self.running[ref] = replace(self.running[ref], **changes)

    def live(self) -> list[str]:
        """Those that it charges for."""
        return [ref for ref, one in self.running.items() if one.status in LIVE]

    async def customer(self, payer: Payer) -> str | None:
        return "cus_1"

    async def subscribe(self, payer: Payer, plan: PricedPlan, **_: Any) -> Checkout:
        running = tuple(self.live())
        return Checkout(None if running else "https://pay.example", "cus_1", running=running)

    async def state(self, subscription_ref: str, asked_at: datetime) -> ProviderSubscription | None:
        one = self.running.get(subscription_ref)
        if one is None:
            return None
        return ProviderSubscription(
            organization_id=self.organization_id,
            customer_ref="cus_1",
            subscription_ref=one.ref,
            plan=one.plan[0],
            version=one.plan[1],
            status=one.status,
            period_start=one.start,
            period_end=one.end,
            cancel_at_period_end=one.is_cancelled,
            changed_at=asked_at,
        )

    async def invoice(self, invoice_ref: str, asked_at: datetime) -> None:
        return None

    async def verified(self, body: bytes, signature: str) -> ProviderEvent:
        return ProviderEvent(self.name, signature, "customer.subscription.updated", body.decode())

    async def change_plan(self, subscription_ref: str, plan: PricedPlan, *, prorate: bool, key: str) -> None:
        self._refuse_over(subscription_ref)
        wanted = plan.plan, plan.version
        if prorate:
            self.set(subscription_ref, plan=wanted, later=None)
        else:
            self.set(subscription_ref, later=wanted)

    async def cancel(self, subscription_ref: str, *, at_period_end: bool, key: str) -> None:
        if at_period_end:
            self._refuse_over(subscription_ref)
            self.set(subscription_ref, is_cancelled=True)
        elif subscription_ref in self.running:
            self.set(subscription_ref, status="cancelled")

    async def resume(self, subscription_ref: str, *, key: str) -> None:
        self._refuse_over(subscription_ref)
        self.set(subscription_ref, is_cancelled=False)

    async def give_back(self, subscription_ref: str) -> GivenBack:
        self.set(subscription_ref, status="cancelled")
        self.given_back.append(subscription_ref)
        return GivenBack(2900, (f"re_{subscription_ref}",))

    async def portal(self, payer: Payer, *, return_url: str) -> str | None:
        return None

    async def report_usage(self, *_: Any, **__: Any) -> None:
        pass

    def _refuse_over(self, ref: str) -> None:
        if self.running[ref].status not in LIVE:
            raise Conflict("The payment provider refuses: it is over.")
