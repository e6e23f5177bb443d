"""What payment providers tell by webhook: in any order, more than once, and done exactly once.

An event only says that something changed. What holds is asked of the provider, after the event came: the
state that was asked for last includes the last change, whatever the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from footnote.billing.payments.ports import ProviderSubscription
from footnote.platform.errors import InvalidRequest
from footnote.platform.logging import get_logger

logger = get_logger("payments")


class NotSigned(InvalidRequest):
    """A webhook's request is not the provider's, or too old."""

    status = 400


Outcome = Literal["applied", "unchanged", "stale", "ignored", "foreign", "replayed"]


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """A webhook's event whose signature was verified.

    Attributes:
        subscription_ref: The subscription that it concerns; `None`: nothing has to be done.
    """

    provider: str
    event_id: str
    type: str
    subscription_ref: str | None


class ProviderEvents(Protocol):
    """A provider's side of webhooks."""

    async def verified(self, body: bytes, signature: str) -> ProviderEvent:
        """Reads a request's body.

        Raises:
            NotSigned: The signature is not the provider's, or too old.
        """
        ...

    async def state(self, subscription_ref: str, asked_at: datetime) -> ProviderSubscription | None:
        """The subscription as it is now; `None`: it is not one of ours.

        Raises:
            ServiceUnavailable: The provider cannot be reached.
        """
        ...


class EventInbox(Protocol):
    """Where events are noted."""

    async def look(self, event: ProviderEvent) -> datetime | None:
        """The database's time, before the state is asked for; `None`: the event was done before."""
        ...

    async def note(self, event: ProviderEvent, outcome: Outcome) -> bool:
        """Notes an event without an effect; false: it was noted before."""
        ...

    async def apply(self, event: ProviderEvent, state: ProviderSubscription) -> Outcome:
        """Notes the event and brings the subscription to the state, in one transaction."""
        ...


@dataclass(frozen=True, slots=True)
class PaymentWebhooks:
    """Receives webhooks. Whatever fails leaves nothing, and the provider sends the event again."""

    events: ProviderEvents
    inbox: EventInbox

    async def receive(self, body: bytes, signature: str) -> Outcome:
        """Does what an event asks for.

        Args:
            body: As it came, byte for byte.
            signature: The provider's header.

        Raises:
            NotSigned: The signature is not the provider's, or too old.
            ServiceUnavailable: The provider or the database cannot be reached.
        """
        event = await self.events.verified(body, signature)
        outcome = await self._process(event)
        told = {"event_id": event.event_id, "type": event.type, "outcome": outcome}
        logger.info("payment event", extra=told)
        return outcome

    async def _process(self, event: ProviderEvent) -> Outcome:
        asked_at = await self.inbox.look(event)
        if asked_at is None:
            return "replayed"
        if event.subscription_ref is None:
            return "ignored" if await self.inbox.note(event, "ignored") else "replayed"
        state = await self.events.state(event.subscription_ref, asked_at)
        if state is None:
            return "foreign" if await self.inbox.note(event, "foreign") else "replayed"
        return await self.inbox.apply(event, state)
