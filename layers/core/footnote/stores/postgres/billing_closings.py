"""The last invoice of a subscription that has ended: of use that was recorded too late for the one before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from footnote.billing import Plan
from footnote.billing.invoices import (
    Account,
    Coverage,
    Invoice,
    InvoiceDocument,
    compose,
    left_over,
)
from footnote.platform.context import OrganizationContext
from footnote.platform.ids import new_id
from footnote.platform.settings import BillingSettings
from footnote.stores.postgres.billing_coverage import bounds_within, take_turn, tally_within
from footnote.stores.postgres.billing_invoices import number_within, store_within
from footnote.stores.postgres.billing_profiles import profile_within
from footnote.stores.postgres.billing_terms import Terms
from footnote.stores.postgres.database import Cursor, Database

# `biller.due_organizations` has the same 48 hours: a hold of the subscription cannot settle after them. Use
# after `until` belongs to the subscription that has followed.
_DUE = """
SELECT c.ended_at, p.plan, p.plan_version, p.provider, i.document, quota.clock() AS now,
       n.period_start IS NULL AS is_last, least(c.ended_at + interval '48 hours', n.period_start) AS until
  FROM billing.closings c
  JOIN billing.periods p ON p.organization_id = c.organization_id AND p.period_start = c.period_start
  JOIN billing.invoices i ON i.organization_id = p.organization_id AND i.invoice_id = p.invoice_id
  LEFT JOIN LATERAL (
       SELECT min(f.period_start) AS period_start
         FROM (SELECT organization_id, period_start FROM billing.periods
                UNION ALL
               SELECT organization_id, period_start FROM billing.subscriptions WHERE ended_at IS NULL) f
        WHERE f.organization_id = c.organization_id AND f.period_start >= c.ended_at) n ON true
 WHERE c.organization_id = %(organization_id)s AND c.closed_at IS NULL
   AND c.ended_at <= quota.clock() - interval '48 hours'
 ORDER BY c.ended_at LIMIT 1
"""
_LATE_HOLDS = """
SELECT coalesce(array_agg(DISTINCT l.hold_id ORDER BY l.hold_id), '{}') AS holds
  FROM quota.usage_ledger l
  JOIN quota.holds h USING (organization_id, hold_id, attempt)
 WHERE l.organization_id = %(organization_id)s AND l.at >= %(ended_at)s AND l.at < %(until)s
   AND h.created_at < %(ended_at)s
"""
# Rows that stand in the ledger while an older transaction of anybody still runs: they are waited for.
_IS_UNSETTLED = """
SELECT EXISTS (SELECT FROM quota.usage_ledger
                WHERE organization_id = %(organization_id)s AND at < %(since_cutoff)s
                  AND txid >= %(xmin)s::xid8) AS is_unsettled
"""
_CLOSE = """
UPDATE billing.closings
   SET closed_at = %(now)s, invoice_id = %(invoice_id)s, cutoff = %(cutoff)s, xmin_bound = %(xmin)s
 WHERE organization_id = %(organization_id)s AND ended_at = %(ended_at)s
"""


@dataclass(frozen=True, slots=True)
class _Ending:
    """A subscription that has ended, after the time in which its work may be recorded."""

    ended_at: datetime
    until: datetime
    is_last: bool
    plan: Plan
    provider: str
    now: datetime


class PostgresClosings:
    """Ends the accounts of subscriptions.

    Args:
        database: Tenant transactions.
        settings: Seller, numbers and terms.
        default_plan: The plan of organizations that have subscribed to none.
    """

    def __init__(self, database: Database, settings: BillingSettings, default_plan: str) -> None:
        self._database = database
        self._settings = settings
        self._default_plan = default_plan

    async def close_next(self, context: OrganizationContext) -> bool:
        """See `footnote.billing.biller.Closings.close_next`."""
        async with self._database.tenant_tx(context, background=True) as cursor:
            await take_turn(cursor, context.organization_id)
            ending = await self._due(cursor, context)
            if ending is None:
                return False
            coverage = await _coverage(cursor, context.organization_id, ending)
            if coverage is None:
                return False
            invoice = await self._invoice(cursor, context.organization_id, ending, coverage)
            if invoice is not None:
                await store_within(cursor, context.organization_id, invoice, coverage, is_closing=True)
            values = {
                "organization_id": context.organization_id,
                "ended_at": ending.ended_at,
                "now": ending.now,
                "invoice_id": None if invoice is None else invoice.invoice_id,
                # Where a subscription has followed, its invoices cover late rows.
                "cutoff": coverage.cutoff if ending.is_last else None,
                "xmin": coverage.xmin if ending.is_last else None,
            }
            await cursor.execute(_CLOSE, values)
            return True

    async def _due(self, cursor: Cursor, context: OrganizationContext) -> _Ending | None:
        await cursor.execute(_DUE, {"organization_id": context.organization_id})
        row = await cursor.fetchone()
        if row is None:
            return None
        terms = Terms(cursor, context, self._default_plan, row["now"])
        plan = await terms.plan(row["plan"], row["plan_version"])
        left = left_over(plan, InvoiceDocument.of_json(row["document"]))
        return _Ending(row["ended_at"], row["until"], row["is_last"], left, row["provider"], row["now"])

    async def _invoice(
        self, cursor: Cursor, organization_id: UUID, ending: _Ending, coverage: Coverage
    ) -> Invoice | None:
        """`None`: nothing that was used has a price, or there is nobody to collect it."""
        # A payment provider has made its own last invoice, and takes no usage after it.
        if not ending.plan.usage_prices or ending.provider != "manual":
            return None
        account = Account(
            period_start=ending.ended_at,
            period_end=ending.until,
            plan=ending.plan,
            provider=ending.provider,
            profile=await profile_within(cursor, organization_id),
            charges=(),
            tally=await tally_within(cursor, organization_id, coverage),
        )
        document = compose(account, "", ending.now, self._settings)
        if document.subtotal_cents <= 0:
            return None
        number = await number_within(cursor, self._settings.issuer, ending.now)
        return Invoice(new_id(), replace(document, number=number))


async def _coverage(cursor: Cursor, organization_id: UUID, ending: _Ending) -> Coverage | None:
    """What is still to be covered; `None`: it cannot be told yet."""
    bounds: dict[str, Any] = await bounds_within(cursor, organization_id)
    names = {"organization_id": organization_id, **bounds}
    if ending.is_last:
        await cursor.execute(_IS_UNSETTLED, names)
        row = await cursor.fetchone()
        assert row is not None
        if row["is_unsettled"]:
            return None
    else:
        bounds["xmin"] = bounds["since_xmin"]
    await cursor.execute(_LATE_HOLDS, {**names, "ended_at": ending.ended_at, "until": ending.until})
    row = await cursor.fetchone()
    assert row is not None
    return Coverage(
        start=ending.ended_at,
        end=ending.until,
        cutoff=bounds["since_cutoff"],
        late_holds=tuple(row["holds"]),
        **bounds,
    )
