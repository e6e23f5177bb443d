"""What payment providers tell by webhook: in any order, more than once, and done exactly once.

An event only says that something changed. What holds is asked of the provider, after the event came: the
state that was asked for last includes the last change, whatever the order.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from footnote.billing.payments.ports import ProviderSubscription, UnreadableState
from footnote.billing.payments.provider_invoices import ProviderInvoice
from footnote.platform.errors import InvalidRequest
from footnote.platform.logging import get_logger
from footnote.platform.metrics import tell_metrics

logger = get_logger("payments")

NAMESPACE = "Footnote/Billing"


class NotSigned(InvalidRequest):
    """A webhook's request is not the provider's, or too old."""

    status = 400


Outcome = Literal["applied", "unchanged", "stale", "duplicate", "ignored", "foreign", "replayed"]
"""What came of an event. `duplicate`: it is of a subscription that was paid while another one was in force;
`foreign`: of none of ours, or of an organization that there is not (any more)."""


@dataclass(frozen=True, slots=True)
class ProviderEvent:
    """A webhook's event whose signature was verified.

    Attributes:
        subscription_ref: The subscription that it concerns; `None`: nothing has to be done.
        invoice_ref: The provider's invoice that it is about.
    """

    provider: str
    event_id: str
    type: str
    subscription_ref: str | None
    invoice_ref: str | None = None


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
            UnreadableState: It is in a state that this release does not know.
            ServiceUnavailable: The provider cannot be reached.
        """
        ...

    async def invoice(self, invoice_ref: str, asked_at: datetime) -> ProviderInvoice | None:
        """An invoice as it is now; `None`: it is gone, or of no subscription's period.

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

    async def rival(self, event: ProviderEvent, state: ProviderSubscription) -> str | None:
        """The provider's other subscription that is in force, if `state` would have to take its place."""
        ...

    async def apply(
        self,
        event: ProviderEvent,
        state: ProviderSubscription,
        rival: ProviderSubscription | None = None,
        invoice: ProviderInvoice | None = None,
    ) -> Outcome:
        """Notes the event and brings the subscription to the state, in one transaction.

        Args:
            event: The event.
            state: Its subscription's.
            rival: The other one's, which is brought to its state first.
            invoice: What it is about, kept beside our own.
        """
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
            UnreadableState: The subscription's state is none that this release knows.
            ServiceUnavailable: The provider or the database cannot be reached.
        """
        event = await self.events.verified(body, signature)
        told = {"event_id": event.event_id, "type": event.type, "subscription_ref": event.subscription_ref}
        try:
            outcome = await self._process(event)
        except UnreadableState as error:
            # The provider sends it again for days: time to bring a release that knows the state.
            logger.exception("payment event cannot be understood", extra={**told, "error": error.message})
            tell_metrics(NAMESPACE, {"payment_events_not_understood": 1})
            raise
        logger.info("payment event", extra={**told, "outcome": outcome})
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
        rival_ref = await self.inbox.rival(event, state)
        # Two were paid for. Whether the other one still runs, only the provider knows: its event may be late.
        rival = await self.events.state(rival_ref, asked_at) if rival_ref is not None else None
        told_of = event.invoice_ref
        invoice = await self.events.invoice(told_of, asked_at) if told_of is not None else None
        outcome = await self.inbox.apply(event, state, rival, invoice)
        if outcome == "foreign":
            # Not ended at the provider: another installation with the same account may have made it.
            logger.error(
                "a paid subscription is of an organization that there is not: cancel it at the provider",
                extra={
                    "organization_id": str(state.organization_id),
                    "subscription_ref": state.subscription_ref,
                },
            )
            tell_metrics(NAMESPACE, {"payment_organizations_unknown": 1})
        return outcome
