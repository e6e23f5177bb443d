"""Metered usage, told to the payment provider."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Protocol

from footnote.billing.payments.ports import PaymentProvider
from footnote.platform.context import OrganizationContext
from footnote.quota import Delivery, Event


class UsageMarkers(Protocol):
    """What was told, and what is to be told."""

    async def payer(
        self, context: OrganizationContext, provider: str, at: datetime
    ) -> tuple[str, frozenset[str]] | None:
        """The provider's id of the organization, and the meters that its plan of that time has prices for.

        `None`: it had no subscription of the provider then.
        """
        ...

    async def is_marked(self, consumer: str, event: Event) -> bool:
        """Whether an event was told.

        Raises:
            EventMismatch: It was, with another content.
        """
        ...

    async def mark(self, consumer: str, event: Event) -> None:
        """Marks an event as told."""
        ...


class UsageExport:
    """Tells the provider what was used beyond the price of the plan's month.

    An event is marked after the provider took it. Whoever dies before that has it told again, under the same
    ids, which the provider counts once.
    """

    name = "stripe-usage"

    def __init__(self, markers: UsageMarkers, provider: PaymentProvider) -> None:
        self._markers = markers
        self._provider = provider

    def wants(self, topic: str) -> bool:
        return topic == "usage.recorded"

    async def consume(self, delivery: Delivery) -> None:
        event = delivery.event
        payer = await self._markers.payer(event.context, self._provider.name, event.created_at)
        if payer is None or await self._markers.is_marked(self.name, event):
            return
        customer_ref, meters = payer
        units = Counter[str]()
        for line in event.payload["lines"]:
            units[line["meter"]] += line["units"]
        for meter in sorted(meters & units.keys()):
            # A provider's meters only count upwards; what is given back is on our own invoice.
            if units[meter] > 0:
                await self._provider.report_usage(
                    customer_ref, meter, units[meter], event_id=event.event_id, at=event.created_at
                )
        await self._markers.mark(self.name, event)
