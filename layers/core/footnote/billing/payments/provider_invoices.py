"""The payment provider's own invoices, beside ours for the same time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from footnote.platform.context import OrganizationContext


@dataclass(frozen=True, slots=True)
class ProviderInvoice:
    """An invoice that the provider collects, as it has it now.

    Attributes:
        status: In the provider's words: `draft`, `open`, `paid`, `void`, `uncollectible`.
        plan_cents: What it charges for the plan's period, before discounts and taxes; without parts of
            months that were prorated.
        period_start, period_end: That period.
        url: Where the payer sees and pays it; empty before it is final.
        changed_at: When it was asked for; an older state never replaces a newer one.
    """

    invoice_ref: str
    subscription_ref: str
    number: str
    status: str
    currency: str
    total_cents: int
    paid_cents: int
    plan_cents: int
    period_start: datetime
    period_end: datetime
    url: str
    changed_at: datetime


class ProviderInvoices(Protocol):
    """The ones that were told of."""

    async def within(
        self, context: OrganizationContext, start: datetime, end: datetime
    ) -> Sequence[ProviderInvoice]:
        """Those whose period begins in a time, oldest first."""
        ...
