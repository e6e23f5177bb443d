"""Payment by invoice: a person pays, and an operator notes it."""

# ruff: noqa: ARG002 - the arguments are the port's
from __future__ import annotations

from datetime import datetime

from footnote.billing.payments.ports import Checkout, GivenBack, Payer, PricedPlan, ProviderSubscription


class ManualProvider:
    """`PaymentProvider` of invoices with a due date.

    A subscription holds at once, and is kept in no other place: no other call has anything to do.
    """

    @property
    def name(self) -> str:
        """See `PaymentProvider.name`."""
        return "manual"

    async def customer(self, payer: Payer) -> str | None:
        """Profiles say who pays."""
        return None

    async def subscribe(
        self, payer: Payer, plan: PricedPlan, *, success_url: str, cancel_url: str, key: str
    ) -> Checkout:
        """Nothing has to be paid before."""
        return Checkout(None)

    async def portal(self, payer: Payer, *, return_url: str) -> str | None:
        """There is none."""
        return None

    async def state(self, subscription_ref: str, asked_at: datetime) -> ProviderSubscription | None:
        """Nobody else has any."""
        return None

    async def give_back(self, subscription_ref: str) -> GivenBack:
        """Nothing is paid before its invoice."""
        return GivenBack()

    async def change_plan(self, subscription_ref: str, plan: PricedPlan, *, prorate: bool, key: str) -> None:
        """The next invoice has it."""

    async def cancel(self, subscription_ref: str, *, at_period_end: bool, key: str) -> None:
        """The last invoice is issued at the end."""

    async def resume(self, subscription_ref: str, *, key: str) -> None:
        """Invoices go on."""

    async def report_usage(
        self, customer_ref: str, meter: str, units: int, *, event_id: str, at: datetime
    ) -> None:
        """Invoices take usage from the ledger."""
