"""Invoices in Postgres: issued exactly once a period, numbered without a gap, never changed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from footnote.billing.invoices import (
    Account,
    Coverage,
    Invoice,
    InvoiceDocument,
    PlanCharge,
    Tally,
    compose,
)
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import NotFound
from footnote.platform.ids import new_id
from footnote.platform.settings import BillingSettings
from footnote.stores.postgres.billing_coverage import bounds_within, take_turn, tally_within
from footnote.stores.postgres.billing_profiles import profile_within
from footnote.stores.postgres.billing_subscriptions import is_overdue
from footnote.stores.postgres.billing_terms import Terms
from footnote.stores.postgres.database import Cursor, Database

_OPEN_PERIOD = """
SELECT period_start, period_end, plan, plan_version, provider, quota.clock() AS now
  FROM billing.periods
 WHERE organization_id = %(organization_id)s AND invoice_id IS NULL
   AND period_end <= quota.clock() - make_interval(secs => %(delay_s)s)
 ORDER BY period_start LIMIT 1 FOR UPDATE
"""
_CHARGES = """
SELECT kind, name, starts_at, ends_at, amount_cents FROM billing.plan_charges
 WHERE organization_id = %(organization_id)s AND period_start = %(period_start)s
 ORDER BY starts_at, at, array_position('{fee,credit,charge}', kind), charge_id
"""
_PLANS = """
SELECT plan, plan_version, started_at FROM billing.subscriptions
 WHERE organization_id = %(organization_id)s AND started_at < %(period_end)s
   AND (ended_at IS NULL OR ended_at > %(period_start)s)
 ORDER BY started_at, subscription_id
"""
_NUMBER = "SELECT biller.next_number(%(issuer)s, %(year)s) AS number"
_INSERT = """
INSERT INTO billing.invoices (
    organization_id, invoice_id, number, period_start, period_end, issued_at, due_at, provider, currency,
    total_cents, since_cutoff, since_xmin, cutoff, xmin_bound, is_closing, late_holds, digest,
    ledger_rows, document)
VALUES (
    %(organization_id)s, %(invoice_id)s, %(number)s, %(period_start)s, %(period_end)s, %(issued_at)s,
    %(due_at)s, %(provider)s, %(currency)s, %(total_cents)s, %(since_cutoff)s, %(since_xmin)s, %(cutoff)s,
    %(xmin)s, %(is_closing)s, %(late_holds)s, %(digest)s, %(ledger_rows)s, %(document)s)
"""
_CLOSE = """
UPDATE billing.periods SET invoice_id = %(invoice_id)s
 WHERE organization_id = %(organization_id)s AND period_start = %(period_start)s
"""
# Where no period follows at once, a closing invoice may have to.
_AWAIT_LATE = """
INSERT INTO billing.closings (organization_id, ended_at, period_start)
SELECT %(organization_id)s, %(period_end)s, %(period_start)s
 WHERE NOT EXISTS (SELECT FROM billing.periods
                    WHERE organization_id = %(organization_id)s AND period_start = %(period_end)s)
   AND NOT EXISTS (SELECT FROM billing.subscriptions
                    WHERE organization_id = %(organization_id)s AND period_start = %(period_end)s
                      AND ended_at IS NULL)
ON CONFLICT DO NOTHING
"""
_TELL = """
INSERT INTO quota.outbox (organization_id, event_id, topic, payload)
VALUES (%(organization_id)s, 'invoice:' || %(invoice_id)s, 'invoice.issued', %(payload)s)
"""
_SELECT = """
SELECT i.invoice_id, i.document, p.paid_at FROM billing.invoices i
  LEFT JOIN billing.invoice_payments p USING (organization_id, invoice_id)
 WHERE i.organization_id = %(organization_id)s
"""
_PAGE = (
    _SELECT
    + """
   AND (%(at)s::timestamptz IS NULL OR (i.issued_at, i.invoice_id) < (%(at)s, %(id)s))
 ORDER BY i.issued_at DESC, i.invoice_id DESC LIMIT %(limit)s
"""
)
_COVERAGE = """
SELECT period_start AS start, period_end AS "end", cutoff, xmin_bound::text AS xmin, since_cutoff,
       since_xmin::text AS since_xmin, late_holds
  FROM billing.invoices WHERE organization_id = %(organization_id)s AND invoice_id = %(invoice_id)s
"""
_PAY = """
INSERT INTO billing.invoice_payments (organization_id, invoice_id, reference)
VALUES (%(organization_id)s, %(invoice_id)s, %(reference)s) ON CONFLICT DO NOTHING
"""


class PostgresInvoiceStore:
    """Issues invoices and shows them.

    Args:
        database: Tenant transactions.
        settings: Seller, numbers and terms.
        default_plan: The plan of organizations that have subscribed to none.
    """

    def __init__(self, database: Database, settings: BillingSettings, default_plan: str) -> None:
        self._database = database
        self._settings = settings
        self._default_plan = default_plan

    async def issue_next(self, context: OrganizationContext) -> Invoice | None:
        """Issues the invoice of the oldest period that waits for one; `None`: none does.

        One transaction: whoever dies in it has issued nothing and taken no number.
        """
        names = {"organization_id": context.organization_id}
        async with self._database.tenant_tx(context, background=True) as cursor:
            await take_turn(cursor, context.organization_id)
            await cursor.execute(_OPEN_PERIOD, {**names, "delay_s": self._settings.invoice_delay_s})
            period = await cursor.fetchone()
            if period is None:
                return None
            bounds = await bounds_within(cursor, context.organization_id)
            start, end = period["period_start"], period["period_end"]
            coverage = Coverage(start=start, end=end, cutoff=end, **bounds)
            account = await self._account(cursor, context, period, coverage)
            issued_at: datetime = period["now"]
            # The counter last: other organizations wait for it.
            number = await number_within(cursor, self._settings.issuer, issued_at)
            invoice = Invoice(new_id(), compose(account, number, issued_at, self._settings))
            await store_within(cursor, context.organization_id, invoice, coverage)
            closed = {**names, "invoice_id": invoice.invoice_id, "period_start": start, "period_end": end}
            await cursor.execute(_CLOSE, closed)
            await cursor.execute(_AWAIT_LATE, closed)
            return invoice

    async def find(self, context: OrganizationContext, invoice_id: UUID) -> Invoice:
        """One invoice.

        Raises:
            NotFound: The organization has no such invoice.
        """
        async with self._database.tenant_tx(context) as cursor:
            names = {"organization_id": context.organization_id, "invoice_id": invoice_id}
            await cursor.execute(_SELECT + " AND i.invoice_id = %(invoice_id)s", names)
            return _invoice(await cursor.fetchone())

    async def page(
        self, context: OrganizationContext, limit: int, before: tuple[datetime, UUID] | None = None
    ) -> list[Invoice]:
        """Invoices, newest first, behind the one with the time and id of `before`."""
        at, invoice_id = before or (None, None)
        async with self._database.tenant_tx(context) as cursor:
            names = {"organization_id": context.organization_id, "at": at, "id": invoice_id, "limit": limit}
            await cursor.execute(_PAGE, names)
            return [_invoice(row) for row in await cursor.fetchall()]

    async def recount(self, context: OrganizationContext, invoice_id: UUID) -> Tally:
        """What the rows that an invoice covers add up to now: the same as then, for ever.

        Raises:
            NotFound: The organization has no such invoice.
        """
        async with self._database.tenant_tx(context, background=True) as cursor:
            names = {"organization_id": context.organization_id, "invoice_id": invoice_id}
            await cursor.execute(_COVERAGE, names)
            row = await cursor.fetchone()
            if row is None:
                raise _not_found()
            return await tally_within(cursor, context.organization_id, Coverage(**row))

    async def pay(self, organization_id: UUID, number: str, reference: str = "") -> Invoice:
        """Notes that an invoice was paid, for operators; noted once. A past due subscription is active again.

        Raises:
            NotFound: The organization has no such invoice.
        """
        context = OrganizationContext(organization_id)
        async with self._database.tenant_tx(context) as cursor:
            terms = await Terms.locked(cursor, context, self._default_plan)
            names: dict[str, Any] = {"organization_id": organization_id, "number": number}
            await cursor.execute(_SELECT + " AND i.number = %(number)s", names)
            invoice = _invoice(await cursor.fetchone())
            await cursor.execute(_PAY, {**names, "invoice_id": invoice.invoice_id, "reference": reference})
            current = await terms.current()
            is_late = current is not None and current.provider == "manual" and current.status == "past_due"
            if current is not None and is_late and not await is_overdue(terms):
                await terms.update(replace(current, status="active", past_due_since=None))
                await terms.tell("paid", current, number=number)
            return replace(invoice, paid_at=invoice.paid_at or terms.now)

    async def _account(
        self, cursor: Cursor, context: OrganizationContext, period: dict[str, Any], coverage: Coverage
    ) -> Account:
        start, end = period["period_start"], period["period_end"]
        names = {"organization_id": context.organization_id, "period_start": start, "period_end": end}
        await cursor.execute(_CHARGES, names)
        charges = [PlanCharge(**row) for row in await cursor.fetchall()]
        await cursor.execute(_PLANS, names)
        plans = await cursor.fetchall()
        terms = Terms(cursor, context, self._default_plan, period["now"])
        changes = [row["started_at"] for row in plans[1:]]
        return Account(
            period_start=start,
            period_end=end,
            plan=await terms.plan(period["plan"], period["plan_version"]),
            provider=period["provider"],
            profile=await profile_within(cursor, context.organization_id),
            charges=charges,
            tally=await tally_within(cursor, context.organization_id, coverage, changes),
            earlier=[await terms.plan(row["plan"], row["plan_version"]) for row in plans[:-1]],
        )


async def number_within(cursor: Cursor, issuer: str, issued_at: datetime) -> str:
    """The next number of the year (UTC). Nobody else gets one until the transaction ends."""
    year = issued_at.astimezone(UTC).year
    await cursor.execute(_NUMBER, {"issuer": issuer, "year": year})
    row = await cursor.fetchone()
    assert row is not None
    return f"{issuer}-{year}-{row['number']:06}"


async def store_within(
    cursor: Cursor,
    organization_id: UUID,
    invoice: Invoice,
    coverage: Coverage,
    *,
    is_closing: bool = False,
) -> None:
    """Writes an invoice, and tells it."""
    document = invoice.document
    values = {
        "organization_id": organization_id,
        "invoice_id": invoice.invoice_id,
        "number": document.number,
        "period_start": document.period_start,
        "period_end": document.period_end,
        "issued_at": document.issued_at,
        "due_at": document.due_at,
        "provider": document.provider,
        "currency": document.currency,
        "total_cents": document.total_cents,
        "since_cutoff": coverage.since_cutoff,
        "since_xmin": coverage.since_xmin,
        "cutoff": coverage.cutoff,
        "xmin": coverage.xmin,
        "is_closing": is_closing,
        "late_holds": list(coverage.late_holds or ()),
        "digest": bytes.fromhex(document.ledger_digest),
        "ledger_rows": document.ledger_rows,
        "document": Jsonb(document.to_json()),
    }
    await cursor.execute(_INSERT, values)
    told = {name: getattr(document, name) for name in ("number", "total_cents", "currency", "provider")}
    payload = Jsonb({"invoice_id": str(invoice.invoice_id), **told, "due_at": document.due_at.isoformat()})
    outbox = {"organization_id": organization_id, "invoice_id": str(invoice.invoice_id), "payload": payload}
    await cursor.execute(_TELL, outbox)


def _invoice(row: dict[str, Any] | None) -> Invoice:
    if row is None:
        raise _not_found()
    return Invoice(row["invoice_id"], InvoiceDocument.of_json(row["document"]), row["paid_at"])


def _not_found() -> NotFound:
    return NotFound("There is no such invoice. GET /billing/invoices lists them.")
