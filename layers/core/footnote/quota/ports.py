"""What metering needs of a store. One contract suite runs against each adapter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from footnote.platform.context import OrganizationContext
from footnote.quota.meters import Meter
from footnote.quota.models import HoldRequest, Reservation, Settled, Settlement, Terms, Window


class QuotaStore(Protocol):
    """The authority on what may be used.

    Every method is one transaction and raises `ServiceUnavailable` when the store is down or the outcome is
    unknown. The very same call may then be repeated and changes nothing twice: a reservation gives its own
    hold again (by `HoldRequest.call_id`), a settlement `replayed`.
    """

    async def reserve(self, context: OrganizationContext, request: HoldRequest) -> Reservation:
        """Reserves all units or none."""
        ...

    async def settle(self, context: OrganizationContext, settlement: Settlement) -> Settled:
        """Records what was used, exactly once. Other stores settle within their own transactions."""
        ...

    async def release(
        self, context: OrganizationContext, hold_id: UUID, attempt: int, cost_micro_usd: int = 0
    ) -> None:
        """Gives everything back; the cost of what had begun goes to the internal ledger alone."""
        ...

    async def adjust(
        self, context: OrganizationContext, event_id: UUID, feature: str, units: Mapping[Meter, int]
    ) -> bool:
        """Records, once, a change that nothing was reserved for, as a deletion; whether it was new."""
        ...

    async def terms(self, context: OrganizationContext) -> Terms:
        """What holds for the organization now."""
        ...

    async def windows(self, context: OrganizationContext, subjects: Sequence[UUID] = ()) -> list[Window]:
        """The current windows of the organization, and of the members named."""
        ...
