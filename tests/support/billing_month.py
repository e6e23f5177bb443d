"""A month of traffic through `quota.reserve` and `quota.settle`, and plain sums of it."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from footnote.platform.context import OrganizationContext
from footnote.platform.ids import new_id
from footnote.quota import HoldRequest, Meter, Reserved, Settlement, Used
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.billing import Times
from tests.support.metering import end_holds

MODELS = ("small", "large")
_UNITS = {
    Meter.MESSAGES: 1,
    Meter.INPUT_TOKENS: 4000,
    Meter.OUTPUT_TOKENS: 900,
    Meter.API_CALLS: 1,
    Meter.CONCURRENT_REQUESTS: 1,
    Meter.COST: 900_000,
}


@dataclass
class Traffic:
    """Makes traffic, and counts by itself what has to be invoiced.

    Attributes:
        used: By organization and meter, what was told to be settled for good.
        open: Holds whose work goes on, with what it will have used.
    """

    quota: PostgresQuotaStore
    times: Times
    dsn: str
    random: random.Random
    used: dict[UUID, Counter[str]] = field(default_factory=dict)
    open: list[tuple[OrganizationContext, HoldRequest, int, tuple[Used, ...]]] = field(default_factory=list)

    async def day(self, day: datetime, members: list[OrganizationContext], requests: int) -> None:
        """Requests of one day in the order of time; some end late, some never, some are sent again."""
        moments = sorted(self.random.randrange(86_000) for _ in range(requests))
        for moment in moments:
            self.times.travel(day + timedelta(seconds=moment))
            await self._request(self.random.choice(members))
        end_holds(self.dsn)

    async def settle_late(self) -> None:
        """Whatever still worked is done now: its holds had ended by themselves."""
        for context, request, attempt, used in self.open:
            settled = await self.quota.settle(context, Settlement(request.hold_id, attempt, used, 1))
            assert settled.outcome == "late"
            self._count(context, used)
        self.open.clear()

    async def _request(self, context: OrganizationContext) -> None:
        if self.random.random() < 0.1:
            stored = {Meter.DOCUMENTS: 1, Meter.STORAGE_BYTES: self.random.randrange(1, 90_000)}
            sign = self.random.choice((1, 1, -1)) if self._used(context)["documents"] > 2 else 1
            change = {meter: sign * units for meter, units in stored.items()}
            if self._used(context)["storage_bytes"] + change[Meter.STORAGE_BYTES] < 0:
                change[Meter.STORAGE_BYTES] = -self._used(context)["storage_bytes"]
            assert await self.quota.adjust(context, new_id(), "documents", change)
            self._used(context).update({meter.value: units for meter, units in change.items()})
            return
        request = HoldRequest(new_id(), b"h" * 32, self.random.choice(("chat", "search")), _UNITS, 60)
        reserved = await self.quota.reserve(context, request)
        if not isinstance(reserved, Reserved):
            return
        used, fate = self._work(), self.random.random()
        if fate < 0.05:
            await self.quota.release(context, request.hold_id, reserved.attempt, 17)
        elif fate < 0.1:
            self.open.append((context, request, reserved.attempt, used))
        elif fate < 0.15:
            await self._taken_over(context, request, reserved, used)
        else:
            await self._settle(context, request, reserved.attempt, used)

    async def _taken_over(
        self, context: OrganizationContext, request: HoldRequest, first: Reserved, used: tuple[Used, ...]
    ) -> None:
        """The hold ends, another attempt begins and settles; the first one's settlement is stale."""
        end_holds(self.dsn)
        again = HoldRequest(request.hold_id, request.request_hash, request.feature, request.units, 60)
        second = await self.quota.reserve(context, again)
        if isinstance(second, Reserved):
            await self._settle(context, request, second.attempt, used)
            stale = Settlement(request.hold_id, first.attempt, self._work(), 1)
            assert (await self.quota.settle(context, stale)).outcome == "stale"

    async def _settle(
        self, context: OrganizationContext, request: HoldRequest, attempt: int, used: tuple[Used, ...]
    ) -> None:
        settlement = Settlement(request.hold_id, attempt, used, 1)
        assert (await self.quota.settle(context, settlement)).outcome == "settled"
        if self.random.random() < 0.2:
            assert (await self.quota.settle(context, settlement)).outcome == "replayed"
        self._count(context, used)

    def _work(self) -> tuple[Used, ...]:
        units = {meter: self.random.randrange(1, most + 1) for meter, most in _UNITS.items()}
        model = self.random.choice(MODELS)
        return (
            Used(Meter.MESSAGES, 1),
            Used(Meter.API_CALLS, 1),
            Used(Meter.INPUT_TOKENS, units[Meter.INPUT_TOKENS], model, units[Meter.INPUT_TOKENS] * 3),
            Used(Meter.OUTPUT_TOKENS, units[Meter.OUTPUT_TOKENS], model, units[Meter.OUTPUT_TOKENS] * 12),
        )

    def _count(self, context: OrganizationContext, used: tuple[Used, ...]) -> None:
        self._used(context).update({one.meter.value: one.units for one in used})

    def _used(self, context: OrganizationContext) -> Counter[str]:
        return self.used.setdefault(context.organization_id, Counter())

    def taken(self, context: OrganizationContext) -> dict[str, int]:
        """What was counted since the last call."""
        return {
            meter: units
            for meter, units in self.used.pop(context.organization_id, Counter()).items()
            if units
        }


def usage_of(document: Any) -> dict[str, int]:
    """Units of an invoice by meter."""
    found = Counter[str]()
    for line in document.lines:
        if line.kind == "usage":
            found[line.meter] += line.units
    return {meter: units for meter, units in found.items() if units}
