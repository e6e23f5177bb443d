"""Which rows of the ledger an invoice covers: each is on one invoice, whenever its transaction ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from footnote.billing.invoices import Coverage, LedgerOutOfStep, Tallier, Tally
from footnote.stores.postgres.database import Cursor

_BATCH = 5_000
_TURN = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
# Rows of finished transactions have ids below the snapshot's end, unless they come from another database.
_BOUNDS = """
SELECT pg_snapshot_xmin(s)::text AS xmin, b.cutoff AS since_cutoff, b.xmin_bound::text AS since_xmin,
       coalesce((SELECT max(txid) FROM quota.usage_ledger WHERE organization_id = %(organization_id)s)
                >= pg_snapshot_xmax(s), false) AS is_out_of_step
  FROM pg_current_snapshot() s
  LEFT JOIN LATERAL (
       SELECT cutoff, xmin_bound FROM billing.invoices WHERE organization_id = %(organization_id)s
        UNION ALL
       SELECT cutoff, xmin_bound FROM billing.closings
        WHERE organization_id = %(organization_id)s AND cutoff IS NOT NULL
        ORDER BY cutoff DESC, xmin_bound DESC LIMIT 1) b ON true
"""
# Three parts, each by an index of its own: the period's rows by time; late ones of invoiced periods by
# transaction; those of work that was begun under a subscription and recorded after its end. What was used
# without a subscription is on no invoice, however late it comes. A subscription that comes back begins where
# it ended: its period has no rows that the closing invoice between has.
COVERED = """
SELECT hold_id, attempt, meter, model, user_id, feature, window_start, units, cost_micro_usd,
       price_version, at
  FROM (SELECT * FROM quota.usage_ledger
         WHERE organization_id = %(organization_id)s AND txid < %(xmin)s::xid8
           AND at >= greatest(%(start)s, %(since_cutoff)s) AND at < %(cutoff)s
           AND hold_id <> ALL (ARRAY(
               SELECT unnest(i.late_holds) FROM billing.invoices i
                WHERE i.organization_id = %(organization_id)s AND i.is_closing
                  AND i.period_start < %(cutoff)s AND i.period_end > %(start)s))
         UNION ALL
        SELECT * FROM quota.usage_ledger l
         WHERE organization_id = %(organization_id)s AND txid >= %(since_xmin)s::xid8
           AND txid < %(xmin)s::xid8 AND at < %(since_cutoff)s
           AND (%(late_holds)s::uuid[] IS NULL OR EXISTS (
               SELECT FROM billing.periods p
                WHERE p.organization_id = %(organization_id)s AND p.period_start <= l.at
                  AND p.period_end > l.at AND p.period_end <= %(since_cutoff)s))
         UNION ALL
        SELECT * FROM quota.usage_ledger
         WHERE organization_id = %(organization_id)s AND hold_id = ANY (%(late_holds)s::uuid[])
           AND at >= %(start)s AND at < %(end)s) rows
 ORDER BY at, hold_id, attempt, meter COLLATE "C", model COLLATE "C"
"""


async def take_turn(cursor: Cursor, organization_id: UUID) -> None:
    """Waits for whoever issues an invoice of the organization: the next one covers what that one leaves."""
    await cursor.execute(_TURN, (f"invoices:{organization_id}",))


async def bounds_within(cursor: Cursor, organization_id: UUID) -> dict[str, Any]:
    """`xmin` of now, and `since_cutoff` and `since_xmin` of the invoice before; see `Coverage`.

    Raises:
        LedgerOutOfStep: The ledger was written by another database.
    """
    await cursor.execute(_BOUNDS, {"organization_id": organization_id})
    bounds = await cursor.fetchone()
    assert bounds is not None
    if bounds.pop("is_out_of_step"):
        raise LedgerOutOfStep(
            "The usage ledger has rows of transactions that this database has not come to: it was restored"
            " from a dump, and cannot tell which rows are final. Move its transaction ids past those of the"
            " ledger (pg_resetwal --next-transaction-id), or restore a physical backup."
        )
    return bounds


async def tally_within(
    cursor: Cursor, organization_id: UUID, coverage: Coverage, changes: Sequence[datetime] = ()
) -> Tally:
    """What the covered rows add up to; `changes`: when each further plan of the period began."""
    tallier = Tallier(organization_id, coverage.since_cutoff or coverage.start, changes)
    async for rows in _covered(cursor, organization_id, coverage):
        tallier.add(rows)
    return tallier.tally()


def names_of(organization_id: UUID, coverage: Coverage) -> dict[str, Any]:
    """The parameters of `COVERED`."""
    names = {name: getattr(coverage, name) for name in Coverage.__slots__}
    late_holds = None if coverage.late_holds is None else list(coverage.late_holds)
    return {**names, "organization_id": organization_id, "late_holds": late_holds}


async def _covered(
    cursor: Cursor, organization_id: UUID, coverage: Coverage
) -> AsyncIterator[list[dict[str, Any]]]:
    """The covered rows in the digest's order, some at a time."""
    statement = f"DECLARE covered NO SCROLL CURSOR FOR {COVERED}".encode()
    await cursor.execute(statement, names_of(organization_id, coverage))
    while True:
        await cursor.execute(f"FETCH FORWARD {_BATCH} FROM covered".encode())
        rows = await cursor.fetchall()
        if not rows:
            break
        yield rows
    await cursor.execute("CLOSE covered")
