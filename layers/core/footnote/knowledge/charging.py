"""What reading a document uses: reserved before its text is embedded, charged with the switch.

The hold (reliability.md, a) is made when the document is cut: its size is known, that no other document has
its bytes, and how many tokens there are to be embedded. Until then nothing was asked of a model. One version
has one hold; each attempt at it opens it anew, and what an attempt that died had cost stays in the internal
ledger.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from footnote.billing import Charge, Charges, PriceList
from footnote.knowledge.ports import IngestionJob, IngestionStore
from footnote.platform.context import OrganizationContext
from footnote.quota import Denied, HoldRequest, Meter

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


class IngestionCharges:
    """Reserves for jobs.

    Args:
        store: The state machine, whose fences decide whose a hold is.
        charges: Opens charges of anything.
        hold_s: Seconds after which a hold of a worker that died ends by itself.
    """

    def __init__(self, store: IngestionStore, charges: Charges, hold_s: int) -> None:
        self._store = store
        self._charges = charges
        self._hold_s = hold_s

    async def open(self, context: OrganizationContext, job: IngestionJob, need: Need) -> Charge:
        """A charge of what reading the version uses; the switch settles it.

        Raises:
            Refused: A limit does not allow it.
            ServiceUnavailable: It cannot be known what may be used.
            Superseded: The job is not this worker's any more.
        """
        # Usage is that of the member who announced the document, where one did.
        context = replace(context, user_id=job.user_id)
        hold_id, tokens = hold_id_of(context, job), need.embedding_tokens

        async def prepare(prices: PriceList) -> HoldRequest:
            levels = await self._store.prepare_hold(context, job, hold_id, need.size)
            units = {
                Meter.DOCUMENTS: levels[Meter.DOCUMENTS],
                Meter.STORAGE_BYTES: max(0, levels[Meter.STORAGE_BYTES]),
                Meter.EMBEDDING_TOKENS: tokens,
                Meter.COST: prices.cost(Meter.EMBEDDING_TOKENS, need.model, tokens),
            }
            return HoldRequest(hold_id, _digest(job), FEATURE, units, self._hold_s)

        charge = await self._charges.open_fenced(context, prepare)
        if isinstance(charge, Denied):
            raise Refused(charge)
        return charge


def hold_id_of(context: OrganizationContext, job: IngestionJob) -> UUID:
    """The hold of a version, the same in every attempt at it."""
    return uuid5(context.organization_id, f"{job.document_id}:{job.version}")


def _digest(job: IngestionJob) -> bytes:
    return hashlib.sha256(f"{job.document_id}:{job.version}".encode()).digest()
