"""HTTP of invoices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict

from footnote.billing.invoices import Invoice, Line, Party
from footnote.billing.payments.provider_invoices import ProviderInvoice
from footnote.composition import container
from footnote.composition.admission_edge import limited
from footnote.identity import require
from footnote.platform.context import OrganizationContext
from footnote.platform.cursors import decode_cursor, encode_cursor
from footnote.platform.http import Identity

router = APIRouter(prefix="/billing/invoices", tags=["Billing"], route_class=limited())

State = Literal["paid", "open", "overdue", "external"]
_PDF = {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}


class ProviderInvoiceBody(BaseModel):
    """The payment provider's own invoice, which is the one that is paid; `url` is where."""

    model_config = ConfigDict(from_attributes=True)

    number: str
    status: str
    period_start: datetime
    period_end: datetime
    currency: str
    total_cents: int
    paid_cents: int
    url: str


class InvoiceSummary(BaseModel):
    """An invoice in the list; `external`: the payment provider collects it, by `provider_invoices`."""

    id: UUID
    number: str
    state: State
    issued_at: datetime
    due_at: datetime
    paid_at: datetime | None
    period_start: datetime
    period_end: datetime
    currency: str
    total_cents: int
    provider_invoices: list[ProviderInvoiceBody] = []

    @classmethod
    def of(cls, invoice: Invoice, now: datetime, provided: Sequence[ProviderInvoice] = ()) -> Self:
        """The invoice, with the provider's of its period."""
        document = invoice.document
        within = [
            ProviderInvoiceBody.model_validate(one)
            for one in provided
            if document.provider != "manual"
            and document.period_start <= one.period_start < document.period_end
        ]
        return cls.model_validate(_facts(invoice, now) | {"provider_invoices": within})


class InvoiceBody(InvoiceSummary):
    """All that the invoice says. `ledger_digest`: SHA-256 of the rows of the ledger that it covers."""

    provider: str
    seller: Party
    buyer: Party
    lines: list[Line]
    subtotal_cents: int
    tax_basis_points: int
    tax_cents: int
    payment_terms: str
    ledger_rows: int
    ledger_digest: str


class InvoicePage(BaseModel):
    """Invoices, newest first."""

    invoices: list[InvoiceSummary]
    next_cursor: str | None


def _facts(invoice: Invoice, now: datetime) -> dict[str, object]:
    document = invoice.document
    facts = {name: getattr(document, name) for name in document.__slots__}
    return facts | {"id": invoice.invoice_id, "state": invoice.state(now), "paid_at": invoice.paid_at}


async def _provided(context: OrganizationContext, shown: Sequence[Invoice]) -> Sequence[ProviderInvoice]:
    """The payment provider's invoices of the time of some of ours; none where all are paid to us."""
    times = [one.document for one in shown if one.document.provider != "manual"]
    if not times:
        return []
    start, end = min(one.period_start for one in times), max(one.period_end for one in times)
    return await container().provider_invoices.within(context, start, end)


@router.get("")
async def list_invoices(
    context: Identity,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> InvoicePage:
    """The organization's invoices, newest first."""
    require(context, "billing:read")
    before = decode_cursor(cursor) if cursor else None
    found = await container().invoice_store.page(context, limit + 1, before)
    shown, now = found[:limit], container().clock.now()
    more = len(found) > limit
    provided = await _provided(context, shown)
    return InvoicePage(
        invoices=[InvoiceSummary.of(invoice, now, provided) for invoice in shown],
        next_cursor=encode_cursor(shown[-1].document.issued_at, shown[-1].invoice_id) if more else None,
    )


@router.get("/{invoice_id}")
async def read_invoice(invoice_id: UUID, context: Identity) -> InvoiceBody:
    """One invoice with its lines."""
    require(context, "billing:read")
    invoice = await container().invoice_store.find(context, invoice_id)
    provided = await _provided(context, [invoice])
    return InvoiceBody.of(invoice, container().clock.now(), provided)


@router.get("/{invoice_id}/pdf", response_class=Response, responses={200: _PDF})
async def read_invoice_pdf(invoice_id: UUID, context: Identity) -> Response:
    """One invoice as a page to file; the same bytes each time."""
    require(context, "billing:read")
    invoice = await container().invoice_store.find(context, invoice_id)
    from footnote.billing.invoices.pdf import render

    headers = {
        "Content-Disposition": f'attachment; filename="{invoice.document.number}.pdf"',
        "Cache-Control": "private, no-store",
    }
    return Response(render(invoice.document), media_type="application/pdf", headers=headers)
