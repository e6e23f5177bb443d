"""Work that is charged: reserved before, settled with its result, given back where there is none.

Two rules hold however it ends: no charge without a result, and no result without a charge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from footnote.billing.metering import Cost, highest_cost, used_lines
from footnote.billing.prices import PriceList, Prices
from footnote.models import ModelUsage
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict, ServiceUnavailable
from footnote.platform.tasks import ended, uninterrupted
from footnote.quota import (
    Admission,
    Denial,
    Denied,
    Hold,
    HoldRequest,
    Meter,
    QuotaUnavailable,
    Replayed,
    RequestInProgress,
    Settlement,
    Used,
    Work,
)

_Admitted = TypeVar("_Admitted")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a request takes at most.

    Attributes:
        counts: Units that no model uses: messages, calls, levels.
        models: Units by meter and model; see `metering.highest_cost`.
    """

    counts: Mapping[Meter, int]
    models: Mapping[tuple[Meter, str], int]

    def units(self, prices: PriceList) -> dict[Meter, int]:
        """All of it by meter; of what models are used for, with the highest cost."""
        units = dict(self.counts)
        for (meter, _), count in self.models.items():
            if count:
                units[meter] = units.get(meter, 0) + count
        return {**units, Meter.COST: highest_cost(self.models, prices)} if self.models else units


Lesser = Callable[[tuple[Denial, ...], PriceList], Bounds | None]
"""Asked for bounds that take less, where limits do not allow the first."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it is told apart from others.

    Attributes:
        feature: See `quota.HoldRequest`.
        request: All that it asks for, as JSON.
        key: The client's `Idempotency-Key`, if it sent one.
        limit_s: Seconds that it may take.
    """

    feature: str
    request: Mapping[str, Any]
    key: str | None = None
    limit_s: float = 30.0


@dataclass(frozen=True, slots=True)
class KeptResponse:
    """An answer as it is given again: the very text, which survives no reordering of JSON."""

    status: int
    body: str

    def as_json(self) -> dict[str, Any]:
        return {"status": self.status, "body": self.body}

    @classmethod
    def of(cls, replayed: Replayed) -> KeptResponse:
        """What was answered before.

        Raises:
            Conflict: The request ended without an answer, and was charged for what had been done; or the
                answer was erased with its conversation.
        """
        kept = replayed.response
        if kept is None:
            raise Conflict(
                "This request was sent before. It was left before its answer began, or its conversation was"
                " deleted. Send it with a new idempotency key."
            )
        return cls(int(kept["status"]), str(kept["body"]))


class Charge:
    """An open hold, and what is used under it. Left without a settlement, it is given back.

    Args:
        admission: Ends holds.
        context: Whose work it is.
        hold: The hold.
        prices: The table that was in force when it was opened.
    """

    def __init__(
        self, admission: Admission, context: OrganizationContext, hold: Hold, prices: PriceList
    ) -> None:
        self.usage = ModelUsage()
        self.hold = hold
        self.is_settled = False
        self._admission = admission
        self._context = context
        self._prices = prices

    @property
    def used(self) -> tuple[Used, ...]:
        """What models were used for so far."""
        return used_lines(self.usage, self._prices)

    @property
    def cost(self) -> Cost:
        """What that cost."""
        return Cost.of(self.used, self._prices.version)

    def settlement(self, counts: Mapping[Meter, int], response: KeptResponse | None = None) -> Settlement:
        """What is to be recorded: the counts, and what models were used for.

        A store that records it itself sets `is_settled` afterwards.
        """
        used = (*(Used(meter, units) for meter, units in counts.items()), *self.used)
        kept = response.as_json() if response else None
        return self.hold.settlement(used, price_version=self._prices.version, response=kept)

    async def settle(self, counts: Mapping[Meter, int], response: KeptResponse | None = None) -> None:
        """Records it.

        Raises:
            QuotaUnavailable: It could not be recorded, and the result must not be given away.
            RequestInProgress: Another attempt at the same request has taken over; that one's result is given.
        """
        await uninterrupted(self._settle(counts, response))

    async def _settle(self, counts: Mapping[Meter, int], response: KeptResponse | None) -> None:
        charged = await self._admission.settle(self._context, self.settlement(counts, response))
        self.is_settled = True
        if not charged:
            raise RequestInProgress(
                "This request was sent again meanwhile, and that one is answered. Ask again for its answer.",
                retry_after_s=1,
            )

    async def release(self) -> None:
        """Gives everything back; what it has cost goes to the internal ledger."""
        await uninterrupted(self._admission.release(self._context, self.hold, self.cost.total_micro_usd))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # A process that is about to end has no time for it: the hold ends by itself.
        ends = kind is not None and not issubclass(kind, Exception | asyncio.CancelledError | GeneratorExit)
        if not (self.is_settled or ends):
            await self.release()


class Charges:
    """Opens charges.

    Args:
        admission: Lets work begin.
        prices: What models cost.
    """

    def __init__(self, admission: Admission, prices: Prices) -> None:
        self._admission = admission
        self._prices = prices

    async def open(
        self, context: OrganizationContext, asked: Asked, bounds: Bounds, lesser: Lesser | None = None
    ) -> Charge | Replayed:
        """A charge for work that begins now, or what was answered to the same request before.

        Raises:
            QuotaUnavailable: It cannot be known what may be used, or what it costs.
            FootnoteError: See `Admission.admit`.
        """
        prices = await self._current_prices()

        def fewer(denials: tuple[Denial, ...]) -> dict[Meter, int] | None:
            less = lesser(denials, prices) if lesser else None
            return less.units(prices) if less else None

        work = Work(asked.feature, bounds.units(prices), asked.request, asked.key, asked.limit_s)
        admitted = await self._admitted(context, self._admission.admit(context, work, fewer))
        if isinstance(admitted, Replayed):
            return admitted
        return Charge(self._admission, context, admitted, prices)

    async def open_fenced(
        self, context: OrganizationContext, prepare: Callable[[PriceList], Awaitable[HoldRequest]]
    ) -> Charge | Denied:
        """A charge for work that is fenced by itself; the transaction that stores its result settles it.

        Args:
            context: The organization, and the member for whom it is done.
            prepare: As for `Admission.admit_fenced`, at these prices.

        Raises:
            Conflict: Others reserve for the same work again and again.
            ServiceUnavailable: It cannot be known what may be used, or what it costs.
        """
        prices = await self._current_prices()
        admitting = self._admission.admit_fenced(context, lambda: prepare(prices))
        admitted = await self._admitted(context, admitting)
        if isinstance(admitted, Denied):
            return admitted
        return Charge(self._admission, context, admitted, prices)

    async def _current_prices(self) -> PriceList:
        try:
            return await self._prices.current()
        except ServiceUnavailable as error:
            raise QuotaUnavailable(
                "It cannot be known right now what this would cost. Nothing was done and nothing is charged."
            ) from error

    async def _admitted(
        self, context: OrganizationContext, admitting: Coroutine[Any, Any, _Admitted]
    ) -> _Admitted:
        """What came of it. A hold that is made for work that was cancelled meanwhile is given back."""
        task = asyncio.ensure_future(admitting)
        interruption = await ended(task)
        if interruption is None:
            return task.result()
        if not task.cancelled() and task.exception() is None and isinstance(late := task.result(), Hold):
            await uninterrupted(self._admission.release(context, late))
        raise interruption
