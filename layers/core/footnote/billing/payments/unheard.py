"""Asks the payment provider for subscriptions whose next period nobody told of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from footnote.billing.payments.ports import PaymentProvider, ProviderSubscription
from footnote.billing.payments.webhooks import NAMESPACE, Outcome
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import FootnoteError, NotFound
from footnote.platform.logging import get_logger
from footnote.platform.metrics import tell_metrics

logger = get_logger("payments")

_PAGE = 100
# A provider renews within an hour or two of a period's end, and sends the event at once.
_LATE_S = 6 * 3_600


class UnheardStore(Protocol):
    """Subscriptions of providers."""

    async def unheard(self, provider: str, late_s: int, limit: int) -> Sequence[tuple[UUID, str]]:
        """Organizations and provider's ids of subscriptions whose period ended so long ago, oldest first."""
        ...

    async def now(self) -> datetime:
        """The time that states of a provider are ordered by, before one is asked for."""
        ...

    async def apply_provider_state(
        self, context: OrganizationContext, state: ProviderSubscription
    ) -> Outcome:
        """Brings the subscription to the provider's state."""
        ...


class UnheardSubscriptions:
    """A provider gives an event up after some days: what it said is asked for.

    Args:
        store: Subscriptions.
        provider: Who is asked.
    """

    def __init__(self, store: UnheardStore, provider: PaymentProvider) -> None:
        self._store = store
        self._provider = provider

    async def catch_up(self, goes_on: Callable[[], bool]) -> dict[str, int]:
        """Asks for those that are late, while `goes_on`; how many were brought on, and how many not."""
        done = {"states_brought": 0, "states_failed": 0}
        for organization_id, reference in await self._store.unheard(self._provider.name, _LATE_S, _PAGE):
            if not goes_on():
                break
            try:
                done["states_brought"] += await self._ask(OrganizationContext(organization_id), reference)
            except Exception as error:
                done["states_failed"] += 1
                code = error.code if isinstance(error, FootnoteError) else type(error).__name__
                told = {"organization_id": str(organization_id), "subscription_ref": reference}
                logger.exception("a subscription's state cannot be asked for", extra={**told, "code": code})
        tell_metrics(NAMESPACE, {"subscriptions_unheard": done["states_brought"] + done["states_failed"]})
        return done

    async def _ask(self, context: OrganizationContext, reference: str) -> bool:
        asked_at = await self._store.now()
        state = await self._provider.state(reference, asked_at)
        if state is None or state.organization_id != context.organization_id:
            # Not ended here: the account may be another one than that in which it was paid. But it runs
            # unpaid, and so has to be looked at.
            raise NotFound(f"The payment provider does not know the subscription {reference}.")
        return await self._store.apply_provider_state(context, state) == "applied"
