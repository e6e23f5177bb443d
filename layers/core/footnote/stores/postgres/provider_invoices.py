"""The payment provider's invoices, in Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from footnote.billing.payments.provider_invoices import ProviderInvoice
from footnote.billing.payments.webhooks import NAMESPACE
from footnote.platform.context import OrganizationContext
from footnote.platform.logging import get_logger
from footnote.platform.metrics import tell_metrics
from footnote.stores.postgres.database import Cursor, Database

logger = get_logger("payments")

_COLUMNS = """
invoice_ref, subscription_ref, number, status, currency, total_cents, paid_cents, plan_cents, period_start,
period_end, url, changed_at
"""
_KEEP = f"""
INSERT INTO billing.provider_invoices AS i (organization_id, provider, {_COLUMNS})
VALUES (%(organization_id)s, %(provider)s, %(invoice_ref)s, %(subscription_ref)s, %(number)s, %(status)s,
        %(currency)s, %(total_cents)s, %(paid_cents)s, %(plan_cents)s, %(period_start)s, %(period_end)s,
        %(url)s, %(changed_at)s)
ON CONFLICT (organization_id, provider, invoice_ref) DO UPDATE
   SET number = excluded.number, status = excluded.status, total_cents = excluded.total_cents,
       paid_cents = excluded.paid_cents, plan_cents = excluded.plan_cents, url = excluded.url,
       changed_at = excluded.changed_at
 WHERE i.changed_at <= excluded.changed_at
"""  # noqa: S608 - constants
_WITHIN = f"""
SELECT {_COLUMNS} FROM billing.provider_invoices
 WHERE organization_id = %(organization_id)s AND period_start >= %(start)s AND period_start < %(end)s
 ORDER BY period_start, invoice_ref
"""  # noqa: S608 - constants
# What was charged here for the period of the subscription that runs.
_FEE = """
SELECT c.amount_cents FROM billing.subscriptions s
  JOIN billing.plan_charges c ON c.organization_id = s.organization_id AND c.period_start = s.period_start
 WHERE s.organization_id = %(organization_id)s AND s.provider_ref = %(subscription_ref)s
   AND s.ended_at IS NULL AND coalesce(s.priced_from, s.period_start) = %(period_start)s AND c.kind = 'fee'
 LIMIT 1
"""


class PostgresProviderInvoices:
    """`ProviderInvoices` on Postgres.

    Args:
        database: Tenant transactions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def within(
        self, context: OrganizationContext, start: datetime, end: datetime
    ) -> Sequence[ProviderInvoice]:
        """See `ProviderInvoices.within`."""
        async with self._database.tenant_tx(context) as cursor:
            names = {"organization_id": context.organization_id, "start": start, "end": end}
            await cursor.execute(_WITHIN, names)
            return [ProviderInvoice(**row) for row in await cursor.fetchall()]


async def keep_within(cursor: Cursor, organization_id: UUID, provider: str, invoice: ProviderInvoice) -> None:
    """Keeps an invoice in the transaction of `cursor`, unless a newer state of it was.

    Tells operators where the provider charges another price for the plan's period than we do.
    """
    values: dict[str, Any] = {"organization_id": organization_id, "provider": provider, **asdict(invoice)}
    await cursor.execute(_KEEP, values)
    if cursor.rowcount == 0 or invoice.status not in {"open", "paid"}:
        return
    await cursor.execute(_FEE, values)
    row = await cursor.fetchone()
    if row is None or row["amount_cents"] == invoice.plan_cents:
        return
    told = {"organization_id": str(organization_id), "invoice_ref": invoice.invoice_ref}
    cents = {"provider_cents": invoice.plan_cents, "our_cents": row["amount_cents"]}
    logger.error("the payment provider charges another price for the plan", extra=told | cents)
    tell_metrics(NAMESPACE, {"provider_invoice_differences": 1})
