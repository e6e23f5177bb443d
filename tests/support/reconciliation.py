"""What tests of the reconciliation share."""

from __future__ import annotations

import random
from uuid import UUID

from footnote.platform.clock import SystemClock
from footnote.platform.context import OrganizationContext
from footnote.platform.ids import new_id
from footnote.quota import HoldRequest, Meter, Reservation, Reserved, Settlement, Used
from footnote.quota.reconciliation import Reconciler
from footnote.stores.postgres.outbox import PostgresMeteringJobs
from footnote.stores.postgres.quota import PostgresQuotaStore

UNITS = {
    Meter.MESSAGES: 1,
    Meter.INPUT_TOKENS: 100,
    Meter.CONCURRENT_REQUESTS: 1,
    Meter.COST: 1_000,
}


def reconciler(jobs: PostgresMeteringJobs, page: int = 100, waiting: int = 1) -> Reconciler:
    """Adds up ledgers from their first row on."""
    return Reconciler(jobs, SystemClock(), page=page, waiting=waiting)


async def reserve(
    store: PostgresQuotaStore, context: OrganizationContext, ttl_s: int = 60, hold_id: UUID | None = None
) -> Reservation:
    """A reservation for a chat answer."""
    return await store.reserve(context, HoldRequest(hold_id or new_id(), b"", "chat", UNITS, ttl_s))


def settlement(reservation: Reservation, choice: random.Random) -> Settlement:
    """Some use of it."""
    assert isinstance(reservation, Reserved)
    used = (
        Used(Meter.MESSAGES, 1),
        Used(Meter.INPUT_TOKENS, choice.randrange(1, 100), "model", choice.randrange(1, 999)),
    )
    return Settlement(reservation.hold_id, reservation.attempt, used, 1)
