"""What reading a document uses: reserved before its text is embedded, charged with the switch.

The hold (reliability.md, a) is made when the document is cut: its size is known, that no other document has
its bytes, and how many tokens there are to be embedded. Until then nothing was asked of a model. One version
has one hold; each attempt at it opens it anew, and what an attempt that died had cost stays in the internal
ledger.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from footnote.billing import PriceList, Prices, used_lines
from footnote.knowledge.ports import IngestionJob, IngestionStore
from footnote.models import ModelUsage, collecting_usage
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.quota import (
    Denied,
    HoldRequest,
    Meter,
    QuotaStore,
    Reserved,
    Settlement,
    Used,
    reserve_fenced,
)

logger = get_logger("ingestion")

FEATURE = "ingestion"


class Refused(Exception):
    """A limit does not allow the document; nothing is reserved."""

    def __init__(self, denied: Denied) -> None:
        super().__init__(denied)
        self.denied = denied


@dataclass(frozen=True, slots=True)
class Need:
    """What a version takes at most.

    Attributes:
        size: Bytes of the file.
        embedding_tokens: Of the chunks that are to be embedded.
        model: The embedding model's name.
    """

    size: int
    embedding_tokens: int
    model: str


@dataclass(frozen=True, slots=True)
class OpenHold:
    """A reservation, and what was used of it so far."""

    reserved: Reserved
    prices: PriceList
    usage: ModelUsage

    @property
    def used(self) -> tuple[Used, ...]:
        """Embedding tokens by model, with their cost."""
        return used_lines(self.usage, self.prices)

    def settlement(self) -> Settlement:
        """What the switch records."""
        return Settlement(self.reserved.hold_id, self.reserved.attempt, self.used, self.prices.version)


class IngestionCharges:
    """Reserves for jobs.

    Args:
        store: The state machine, whose fences decide whose a hold is.
        quota: Holds.
        prices: What embedding costs.
        hold_s: Seconds after which a hold of a worker that died ends by itself.
    """

    def __init__(self, store: IngestionStore, quota: QuotaStore, prices: Prices, hold_s: int) -> None:
        self._store = store
        self._quota = quota
        self._prices = prices
        self._hold_s = hold_s

    @asynccontextmanager
    async def hold(
        self, context: OrganizationContext, job: IngestionJob, need: Need
    ) -> AsyncIterator[OpenHold]:
        """A hold for what the block does, which ends with the switch that settles it.

        If the block fails, everything is given back, and what it has cost goes to the internal ledger.

        Raises:
            Refused: A limit does not allow it.
            ServiceUnavailable: It cannot be known what may be used.
            Superseded: The job is not this worker's any more.
        """
        # Usage is that of the member who announced the document, where one did.
        context = replace(context, user_id=job.user_id)
        prices = await self._prices.current()
        reserved = await self._reserve(context, job, need, prices)
        with collecting_usage() as usage:
            hold = OpenHold(reserved, prices, usage)
            try:
                yield hold
            except (Exception, asyncio.CancelledError):
                await self._release(context, hold)
                raise

    async def _reserve(
        self, context: OrganizationContext, job: IngestionJob, need: Need, prices: PriceList
    ) -> Reserved:
        hold_id, tokens = hold_id_of(context, job), need.embedding_tokens

        async def prepare() -> HoldRequest:
            levels = await self._store.prepare_hold(context, job, hold_id, need.size)
            units = {
                Meter.DOCUMENTS: levels[Meter.DOCUMENTS],
                Meter.STORAGE_BYTES: max(0, levels[Meter.STORAGE_BYTES]),
                Meter.EMBEDDING_TOKENS: tokens,
                Meter.COST: prices.cost(Meter.EMBEDDING_TOKENS, need.model, tokens),
            }
            return HoldRequest(hold_id, _digest(job), FEATURE, units, self._hold_s)

        answer = await reserve_fenced(self._quota, context, prepare)
        if isinstance(answer, Denied):
            raise Refused(answer)
        return answer

    async def _release(self, context: OrganizationContext, hold: OpenHold) -> None:
        cost = sum(used.cost_micro_usd for used in hold.used)
        try:
            await self._quota.release(context, hold.reserved.hold_id, hold.reserved.attempt, cost)
        except ServiceUnavailable:
            logger.warning("a hold could not be released; it ends by itself")


def hold_id_of(context: OrganizationContext, job: IngestionJob) -> UUID:
    """The hold of a version, the same in every attempt at it."""
    return uuid5(context.organization_id, f"{job.document_id}:{job.version}")


def _digest(job: IngestionJob) -> bytes:
    return hashlib.sha256(f"{job.document_id}:{job.version}".encode()).digest()
