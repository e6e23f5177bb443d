"""Gives back what was paid for a second subscription of an organization."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from footnote.billing.payments.ports import GivenBack, PaymentProvider
from footnote.billing.payments.webhooks import NAMESPACE
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import FootnoteError, ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.platform.metrics import tell_metrics
from footnote.quota import Delivery

logger = get_logger("payments")

_PAGE = 100
# The event of a duplicate is there in a minute; what is still open then is the biller's.
_LATE_S = 900


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A subscription that was paid for while another one was in force.

    Attributes:
        rival_ref: The provider's id of the one in force.
        settled_at: When it was cancelled and all that was paid for it given back; `None`: not yet.
    """

    organization_id: UUID
    provider: str
    subscription_ref: str
    rival_ref: str
    found_at: datetime
    settled_at: datetime | None = None
    refunded_cents: int = 0
    refund_refs: Sequence[str] = ()


class DuplicateStore(Protocol):
    """Where duplicates are noted."""

    async def find(
        self, context: OrganizationContext, provider: str, subscription_ref: str
    ) -> Duplicate | None:
        """One duplicate."""
        ...

    async def waiting(self, older_s: int, limit: int) -> Sequence[tuple[UUID, str, str]]:
        """Organization, provider and id of those not settled that were found so long ago, oldest first."""
        ...

    async def settle(self, duplicate: Duplicate, given: GivenBack) -> bool:
        """Notes that all was given back, and tells it; false: that was noted before."""
        ...


class DuplicateRefunds:
    """Cancels duplicates at the provider and gives back what was paid for them.

    A duplicate is marked after the provider did it. Whoever dies before that has it done again: the provider
    is asked first what was done.

    Args:
        store: Where they are noted.
        provider: Who was paid.
    """

    name = "duplicate-subscriptions"

    def __init__(self, store: DuplicateStore, provider: PaymentProvider) -> None:
        self._store = store
        self._provider = provider

    def wants(self, topic: str) -> bool:
        return topic == "subscription.duplicate"

    async def consume(self, delivery: Delivery) -> None:
        payload = delivery.event.payload
        context = delivery.event.context
        await self.settle(context, str(payload["provider"]), str(payload["subscription_ref"]))

    async def settle(self, context: OrganizationContext, provider: str, subscription_ref: str) -> bool:
        """Gives one back; false: there was nothing to do.

        Raises:
            ServiceUnavailable: Not all could be given back; to be called again.
        """
        duplicate = await self._store.find(context, provider, subscription_ref)
        if duplicate is None or duplicate.settled_at is not None:
            return False
        if provider != self._provider.name:
            raise ServiceUnavailable(
                f"Subscription {subscription_ref} is to be given back through '{provider}', which is not"
                " configured any more. Configure it, or give it back there by hand."
            )
        given = await self._provider.give_back(subscription_ref)
        return await self._store.settle(duplicate, given)

    async def settle_late(self, goes_on: Callable[[], bool]) -> dict[str, int]:
        """Gives back those whose event was given up, while `goes_on`; how many, and how many have failed."""
        done = {"duplicates_settled": 0, "duplicates_failed": 0}
        for organization_id, provider, subscription_ref in await self._store.waiting(_LATE_S, _PAGE):
            if not goes_on():
                break
            context = OrganizationContext(organization_id)
            try:
                done["duplicates_settled"] += await self.settle(context, provider, subscription_ref)
            except Exception as error:
                # Nobody else's refund, nor the biller's own work, waits for one that fails.
                done["duplicates_failed"] += 1
                code = error.code if isinstance(error, FootnoteError) else type(error).__name__
                told = {"organization_id": str(organization_id), "subscription_ref": subscription_ref}
                logger.exception("what was paid twice is not given back yet", extra={**told, "code": code})
        tell_metrics(NAMESPACE, {"duplicates_not_given_back": done["duplicates_failed"]})
        return done
