"""Gives back what was paid for a subscription."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from footnote.billing.payments.ports import GivenBack
from footnote.billing.providers.stripe_calls import keyed, once, plain
from footnote.billing.providers.stripe_states import id_of
from footnote.platform.errors import ServiceUnavailable

if TYPE_CHECKING:
    from stripe import StripeClient

_PAGE = 100
_GONE = frozenset({"failed", "canceled"})


def give_back(client: StripeClient, subscription_ref: str) -> GivenBack:
    """Refunds the payments of all paid invoices of a subscription that was cancelled, and voids open ones.

    Looks first what was refunded already: it may be called any number of times.

    Raises:
        ServiceUnavailable: A refund failed.
    """
    cents, references = 0, list[str]()
    for invoice in _invoices(client, subscription_ref):
        if invoice["status"] == "open":
            client.v1.invoices.void_invoice(invoice["id"], None, once())
        elif invoice["status"] == "paid":
            for kind, payment, paid in _payments(client, invoice):
                for refund in _refunded(client, subscription_ref, kind, payment, paid):
                    cents += refund["amount"]
                    references.append(refund["id"])
    return GivenBack(cents, tuple(references))


def _refunded(
    client: StripeClient, subscription_ref: str, kind: str, payment: str, paid: int
) -> list[dict[str, Any]]:
    """The refunds that give a payment back; makes one of what is missing."""
    named: Any = {kind: payment}
    listed: Any = {**named, "limit": _PAGE}
    made = [plain(one) for one in client.v1.refunds.list(listed).data]
    good = [one for one in made if one["status"] not in _GONE]
    missing = paid - sum(one["amount"] for one in good)
    if missing <= 0:
        return good
    params: Any = {**named, "amount": missing, "metadata": {"duplicate_subscription": subscription_ref}}
    # Two at the same time have seen the same refunds, and so make one.
    refund = plain(client.v1.refunds.create(params, keyed(f"give-back:{len(made)}", params)))
    if refund["status"] in _GONE:
        raise ServiceUnavailable(f"The refund {refund['id']} failed: {refund.get('failure_reason')}.")
    return [*good, refund]


def _invoices(client: StripeClient, subscription_ref: str) -> Iterator[dict[str, Any]]:
    found = client.v1.invoices.list({"subscription": subscription_ref, "limit": _PAGE})
    for invoice in found.auto_paging_iter():
        yield cast("dict[str, Any]", plain(invoice))


def _payments(client: StripeClient, invoice: dict[str, Any]) -> Iterator[tuple[str, str, int]]:
    """Each payment of an invoice: `payment_intent` or `charge`, its id, and cents."""
    # Until 2025 an invoice named its one payment itself.
    for kind in ("payment_intent", "charge"):
        if invoice.get(kind):
            yield kind, str(id_of(invoice[kind])), int(invoice["amount_paid"])
            return
    found = client.v1.invoice_payments.list({"invoice": invoice["id"], "status": "paid", "limit": _PAGE})
    for one in found.auto_paging_iter():
        part = plain(one)
        kind = part["payment"]["type"]
        if kind in {"payment_intent", "charge"}:
            yield kind, str(id_of(part["payment"][kind])), int(part["amount_paid"])
