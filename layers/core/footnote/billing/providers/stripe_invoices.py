"""Stripe's invoices as what is shown beside ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from footnote.billing.payments.provider_invoices import ProviderInvoice
from footnote.billing.providers.stripe_states import subscription_of_invoice


def invoice_of(thing: Mapping[str, Any], asked_at: datetime) -> ProviderInvoice | None:
    """An invoice of the API; `None`: it is not for a period of a subscription.

    The plan's period is the latest of its lines: what was used or prorated is of the time before.

    Args:
        thing: The invoice.
        asked_at: When it was asked for.
    """
    reference = subscription_of_invoice(thing)
    lines = [line for line in thing["lines"]["data"] if _is_whole(line)]
    if reference is None or not lines:
        return None
    start = max(int(line["period"]["start"]) for line in lines)
    of_plan = [line for line in lines if int(line["period"]["start"]) == start]
    end = max(int(line["period"]["end"]) for line in of_plan)
    return ProviderInvoice(
        invoice_ref=str(thing["id"]),
        subscription_ref=reference,
        number=str(thing.get("number") or ""),
        status=str(thing["status"]),
        currency=str(thing["currency"]).upper(),
        total_cents=int(thing["total"]),
        paid_cents=int(thing["amount_paid"]),
        plan_cents=sum(int(line["amount"]) for line in of_plan),
        period_start=datetime.fromtimestamp(start, UTC),
        period_end=datetime.fromtimestamp(end, UTC),
        url=str(thing.get("hosted_invoice_url") or ""),
        changed_at=asked_at,
    )


def _is_whole(line: Mapping[str, Any]) -> bool:
    """Whether a line is of a whole period. Until 2025 it said so itself."""
    parent = line.get("parent") or {}
    if not parent:
        return line.get("type") == "subscription" and not line.get("proration")
    details = parent.get("subscription_item_details") or {}
    return parent["type"] == "subscription_item_details" and not details.get("proration")
