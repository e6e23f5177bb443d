"""Stripe's invoices, in the shapes of the library's own classes."""

from datetime import UTC, datetime

import stripe

from footnote.billing.providers.stripe_invoices import invoice_of
from footnote.billing.providers.stripe_states import invoice_ref_of, subscription_ref_of
from tests.support.stripe_checkout import made

NOW = datetime(2026, 5, 1, tzinfo=UTC)
APRIL, MAY, JUNE = (int(datetime(2026, month, 1, tzinfo=UTC).timestamp()) for month in (4, 5, 6))
Line = stripe.InvoiceLineItem


def line(cents, start, end, kind="subscription_item_details", **details):
    named = {kind: details} if details else {}
    parent = made(Line.Parent, type=kind, **named)
    period = made(Line.Period, start=start, end=end)
    return made(Line, id="il_1", amount=cents, parent=parent, period=period)


def invoice(*lines, **fields):
    subscription = made(stripe.Invoice.Parent.SubscriptionDetails, subscription="sub_1", metadata={})
    parent = made(stripe.Invoice.Parent, type="subscription_details", subscription_details=subscription)
    known = {"status": "paid", "currency": "usd", "total": 3500, "amount_paid": 3500, "number": "A-1"}
    body = {"object": "list", "data": list(lines), "has_more": False, "url": "/"}
    return made(stripe.Invoice, id="in_1", **{"parent": parent, "lines": body} | known | fields)


def test_the_plans_price_is_told_from_usage_and_prorated_parts():
    thing = invoice(
        line(700, APRIL, MAY, proration=False),
        line(2900, MAY, JUNE, proration=False),
        line(-1500, MAY, JUNE, proration=True),
        line(1400, MAY, JUNE, "invoice_item_details", proration=True),
        hosted_invoice_url="https://invoice.stripe.com/i/1",
    )
    found = invoice_of(thing, NOW)
    assert (found.plan_cents, found.total_cents, found.paid_cents) == (2900, 3500, 3500)
    assert (found.period_start.month, found.period_end.month) == (5, 6)
    assert (found.currency, found.number, found.url) == ("USD", "A-1", "https://invoice.stripe.com/i/1")
    assert found.subscription_ref == "sub_1"
    assert found.changed_at == NOW


def test_an_invoice_of_no_period_is_none():
    assert invoice_of(invoice(line(1400, MAY, JUNE, proration=True)), NOW) is None
    assert invoice_of(invoice(line(2900, MAY, JUNE, proration=False), parent=None), NOW) is None


def test_an_event_names_its_invoice_and_its_subscription():
    thing = invoice()
    for kind in ("invoice.paid", "invoice.payment_failed", "invoice.finalized", "invoice.voided"):
        assert (invoice_ref_of(kind, thing), subscription_ref_of(kind, thing)) == ("in_1", "sub_1")
    assert invoice_ref_of("customer.subscription.updated", {"id": "sub_1"}) is None
