"""The job that lets periods end: renewals, invoices, what is not paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from footnote.billing.invoices import Invoice
from footnote.billing.payments import PaymentProvider, ProviderSubscription
from footnote.billing.payments.duplicates import DuplicateRefunds
from footnote.billing.payments.unheard import UnheardSubscriptions
from footnote.billing.payments.webhooks import Outcome
from footnote.billing.subscription_models import Subscription
from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import FootnoteError
from footnote.platform.logging import get_logger
from footnote.platform.settings import BillingSettings

logger = get_logger("biller")

_PAGE = 100
_DAY_S = 86_400
# What each of the two that ask the provider may take of the time: nobody else waits for its answers.
_ASKING = 0.25


class Periods(Protocol):
    """What is due, and one step of it at a time; each method is one transaction."""

    async def due(self, after: UUID | None, limit: int, delay_s: int, grace_s: int) -> list[UUID]:
        """Organizations that something is due for, in the order of their ids, behind `after`."""
        ...

    async def advance(self, context: OrganizationContext) -> bool:
        """Does one thing that is due; false: nothing was."""
        ...

    async def unpaid(self, context: OrganizationContext, grace_s: int) -> Subscription | None:
        """The current subscription if it was past due for longer than the time of grace."""
        ...

    async def end_unpaid(self, context: OrganizationContext, grace_s: int) -> bool:
        """Ends that one."""
        ...

    async def now(self) -> datetime:
        """The time that states of a provider are ordered by, before one is asked for."""
        ...

    async def apply_provider_state(
        self, context: OrganizationContext, state: ProviderSubscription
    ) -> Outcome:
        """Brings the subscription to the provider's state."""
        ...


class InvoiceIssuer(Protocol):
    """Issues invoices."""

    async def issue_next(self, context: OrganizationContext) -> Invoice | None:
        """Issues the invoice of the oldest period that waits for one; `None`: none does."""
        ...


class Closings(Protocol):
    """Ends the accounts of subscriptions."""

    async def close_next(self, context: OrganizationContext) -> bool:
        """Ends the account of a subscription that ended two days ago; false: there is none that can be ended.

        What was recorded too late for its last invoice, or after it of work that was begun before, is on a
        closing invoice if it has a price. Where another subscription has followed, its invoices cover the
        former.
        """
        ...


@dataclass(frozen=True, slots=True)
class Biller:
    """Does what is due, organization by organization.

    Every step is a transaction that finds out by itself what is left to do: the job may be killed anywhere,
    and any number of them may run.
    """

    periods: Periods
    invoices: InvoiceIssuer
    closings: Closings
    provider: PaymentProvider
    settings: BillingSettings
    clock: Clock
    duplicates: DuplicateRefunds | None = None
    unheard: UnheardSubscriptions | None = None

    async def work(self, time_s: float) -> dict[str, int]:
        """Works until nothing is due or the time is over.

        Args:
            time_s: Seconds.

        Returns:
            How much of each was done; `failed` organizations are tried again the next time.
        """
        start = self.clock.monotonic()
        end = start + time_s
        done = Counter[str](advanced=0, invoices=0, closed=0, ended=0, failed=0)
        if self.unheard is not None:
            done.update(await self.unheard.catch_up(self._until(start + time_s * _ASKING)))
        if self.duplicates is not None:
            done.update(await self.duplicates.settle_late(self._until(start + time_s * 2 * _ASKING)))
        after: UUID | None = None
        while True:
            found = await self.periods.due(after, _PAGE, self.settings.invoice_delay_s, self._grace_s)
            for organization_id in found:
                if self.clock.monotonic() >= end:
                    return dict(done)
                await self._settle(OrganizationContext(organization_id), done)
            if len(found) < _PAGE:
                return dict(done)
            after = found[-1]

    def _until(self, end: float) -> Callable[[], bool]:
        return lambda: self.clock.monotonic() < end

    @property
    def _grace_s(self) -> int:
        return self.settings.grace_days * _DAY_S

    async def _settle(self, context: OrganizationContext, done: Counter[str]) -> None:
        """Does all that is due for one organization; another one's work does not wait for its trouble."""
        try:
            while await self.periods.advance(context):
                done["advanced"] += 1
            if await self._end_unpaid(context):
                done["ended"] += 1
            while await self.invoices.issue_next(context):
                done["invoices"] += 1
            while await self.closings.close_next(context):
                done["closed"] += 1
        except Exception as error:
            done["failed"] += 1
            code = error.code if isinstance(error, FootnoteError) else type(error).__name__
            failed = {"organization_id": str(context.organization_id), "code": code}
            logger.exception("billing failed", extra=failed)

    async def _end_unpaid(self, context: OrganizationContext) -> bool:
        """The provider first: it must not go on charging for what has ended."""
        found = await self.periods.unpaid(context, self._grace_s)
        if found is None:
            return False
        if found.provider_ref is not None and found.provider == self.provider.name:
            asked_at = await self.periods.now()
            state = await self.provider.state(found.provider_ref, asked_at)
            if state is not None and state.status != "past_due":
                # Paid, or ended, a moment ago: its event is on the way.
                await self.periods.apply_provider_state(context, state)
                return False
            key = f"unpaid:{found.subscription_id}"
            await self.provider.cancel(found.provider_ref, at_period_end=False, key=key)
        elif found.provider_ref is not None:
            logger.error(
                "a subscription ends unpaid whose provider is not configured: cancel it there",
                extra={"organization_id": str(context.organization_id), "reference": found.provider_ref},
            )
        return await self.periods.end_unpaid(context, self._grace_s)
