"""Holds of work that has a fence of its own, such as a document's version or a run's question."""

from __future__ import annotations

from uuid import UUID

from footnote.quota import Settlement
from footnote.stores.postgres.database import Cursor
from footnote.stores.postgres.quota import settle_within

# What a worker that died or lost its lease had reserved: it must not keep out the one that goes on. The hold
# is locked first, and ended as it is then. In one SELECT the function would be called before the lock, and
# what the other worker is just ending itself would be given back twice.
_END_EARLIER = """
    WITH earlier AS MATERIALIZED (
        SELECT h FROM quota.holds h
         WHERE h.organization_id = %(organization_id)s AND h.hold_id = %(hold_id)s AND h.state = 'open'
           FOR UPDATE
    )
    SELECT quota.expire(earlier.h) FROM earlier
"""


async def end_earlier_hold(cursor: Cursor, organization_id: UUID, hold_id: UUID) -> None:
    """Ends an open hold of the same work, its estimate left in the internal ledger.

    Args:
        cursor: Of a transaction that has made sure that the work is the caller's, and does nothing after it.
        organization_id: Whose hold.
        hold_id: The work's hold.
    """
    await cursor.execute(_END_EARLIER, {"organization_id": organization_id, "hold_id": hold_id})


async def settle_fenced(cursor: Cursor, charge: Settlement) -> None:
    """Settles in a transaction that holds the work's fence: nobody else can have settled or reopened it.

    Raises:
        RuntimeError: Somebody has; nothing may be stored uncharged.
    """
    settled = await settle_within(cursor, charge)
    if settled.outcome not in {"settled", "late"}:
        raise RuntimeError(f"the hold of fenced work was settled otherwise: {settled.outcome}")
