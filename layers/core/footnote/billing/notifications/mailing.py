"""Events told to people by mail."""

from __future__ import annotations

from uuid import UUID

from footnote.billing.notifications.models import Mail, Recipient
from footnote.billing.notifications.ports import Claims, Mailer, Recipients
from footnote.billing.notifications.wording import wording
from footnote.platform.errors import ServiceUnavailable
from footnote.quota import Delivery, Event

# Longer than a mail takes to be handed over.
_LEASE_S = 30
_PAID_TWICE = ("subscription.duplicate", "subscription.duplicate_refunded")
_OWED = ("invoice.issued", "subscription.past_due", "subscription.ended_unpaid")
_TOPICS = frozenset({"quota.warning", "webhook.disabled", *_PAID_TWICE, *_OWED})


class MailConsumer:
    """Mails warnings, budgets and what is owed to owners and admins; a member's own, to that member.

    Each recipient has a marker of their own: one who cannot be reached gets no other a second mail.

    Args:
        recipients: Who is mailed.
        claims: Who is mailing.
        mailer: Sends.
    """

    name = "email"

    def __init__(self, recipients: Recipients, claims: Claims, mailer: Mailer) -> None:
        self._recipients = recipients
        self._claims = claims
        self._mailer = mailer

    def wants(self, topic: str) -> bool:
        return topic in _TOPICS or topic.startswith("budget.")

    async def consume(self, delivery: Delivery) -> None:
        failure: ServiceUnavailable | None = None
        for recipient in await self._whom(delivery.event):
            try:
                await self._tell(recipient, delivery.event)
            except ServiceUnavailable as error:
                failure = error
        if failure is not None:
            raise failure

    async def _whom(self, event: Event) -> list[Recipient]:
        user_id = event.payload.get("user_id")
        if user_id is None:
            return await self._recipients.managers(event.context)
        member = await self._recipients.member(event.context, UUID(str(user_id)))
        return [member] if member is not None else []

    async def _tell(self, recipient: Recipient, event: Event) -> None:
        words = wording(event, recipient.organization)
        if words is None:
            return
        consumer = f"{self.name}:{recipient.user_id}"
        if not await self._claims.claim(consumer, event, _LEASE_S):
            return
        mail = Mail(recipient.email, words.subject, words.text, words.html, event.event_id)
        try:
            await self._mailer.send(mail)
        except ServiceUnavailable as error:
            await self._claims.failed(consumer, event, error.message)
            raise
        await self._claims.done(consumer, event)
