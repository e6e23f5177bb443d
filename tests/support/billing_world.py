"""Everything that bills, on a real database: subscriptions, quotas, invoices and the job."""

from __future__ import annotations

from datetime import datetime

from footnote.billing import PlanDocument, Subscriptions
from footnote.billing.biller import Biller
from footnote.billing.invoices import Invoice
from footnote.billing.payments.manual import ManualProvider
from footnote.platform.clock import SystemClock
from footnote.platform.context import OrganizationContext
from footnote.platform.settings import BillingSettings
from footnote.stores.postgres.billing_closings import PostgresClosings
from footnote.stores.postgres.billing_invoices import PostgresInvoiceStore
from footnote.stores.postgres.billing_profiles import PostgresProfileStore
from footnote.stores.postgres.billing_subscriptions import PostgresSubscriptionStore
from footnote.stores.postgres.quota import PostgresQuotaStore
from tests.support.billing import rows
from tests.support.organizations import open_database
from tests.support.postgres import TestDatabase

SETTINGS = BillingSettings(invoice_delay_s=0)
PRICED = PlanDocument.model_validate(
    {
        "plan": "metered",
        "name": "Metered Plan",
        "price_cents": 4999,
        "limits": {"concurrent_requests": 64},
        "usage_prices": {
            "messages": {"included": 20, "cents_per_1000": 333},
            "input_tokens": {"included": 10_000, "micro_usd_per_unit": 7},
        },
    }
)
_LEDGER = """
    SELECT meter, sum(units)::bigint AS units FROM quota.usage_ledger
     WHERE organization_id = %(o)s AND at >= %(start)s AND at < %(end)s GROUP BY meter
"""


class World:
    """What bills, in the test's own process.

    Args:
        template: The database.
    """

    def __init__(self, template: TestDatabase) -> None:
        self.template = template
        self.database = open_database(template)
        self.store = PostgresSubscriptionStore(self.database, "free")
        self.profiles = PostgresProfileStore(self.database)
        self.invoices = PostgresInvoiceStore(self.database, SETTINGS, "free")
        self.quota = PostgresQuotaStore(self.database, "free")
        self.subscriptions = Subscriptions(self.store, self.profiles, ManualProvider(), SETTINGS)
        closings = PostgresClosings(self.database, SETTINGS, "free")
        self.biller = Biller(self.store, self.invoices, closings, ManualProvider(), SETTINGS, SystemClock())

    def ledger(self, context: OrganizationContext, start: datetime, end: datetime) -> dict[str, int]:
        """Units by meter that the ledger has of a time."""
        found = rows(self.template.superuser_dsn, _LEDGER, o=context.organization_id, start=start, end=end)
        return {row["meter"]: row["units"] for row in found if row["units"]}

    async def only_invoice(self, context: OrganizationContext, period_start: datetime) -> Invoice:
        """The invoice of a period. The rows that it covers are those that it was issued for."""
        found = await self.invoices.page(context, 100)
        (invoice,) = [one for one in found if one.document.period_start == period_start]
        assert (await self.invoices.recount(context, invoice.invoice_id)).digest.hex() == (
            invoice.document.ledger_digest
        )
        return invoice
