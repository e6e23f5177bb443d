"""Stripe's subscriptions and events as ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from footnote.billing.payments.ports import ProviderSubscription, SubscriptionStatus

_STATUS: Mapping[str, SubscriptionStatus] = {
    "incomplete": "incomplete",
    "incomplete_expired": "cancelled",
    "trialing": "trialing",
    "active": "active",
    "past_due": "past_due",
    "unpaid": "past_due",
    "paused": "past_due",
    "canceled": "cancelled",
}
_OF_SUBSCRIPTIONS = {f"customer.subscription.{what}" for what in ("created", "updated", "deleted")}
_OF_INVOICES = {"invoice.paid", "invoice.payment_failed", "invoice.finalized"}


def subscription_ref_of(kind: str, thing: Mapping[str, Any]) -> str | None:
    """The subscription that an event is about; `None`: none, or of a type that asks for nothing.

    Args:
        kind: The event's type.
        thing: Its `data.object`.
    """
    if kind in _OF_SUBSCRIPTIONS:
        return str(thing["id"])
    if kind in _OF_INVOICES:
        # Until 2025 an invoice named its subscription itself.
        parent = (thing.get("parent") or {}).get("subscription_details") or {}
        return _id(parent.get("subscription") or thing.get("subscription"))
    return _id(thing.get("subscription")) if kind == "checkout.session.completed" else None


def state_of(thing: Mapping[str, Any], asked_at: datetime) -> ProviderSubscription | None:
    """A subscription of the API; `None`: Footnote has not made it.

    Args:
        thing: The subscription.
        asked_at: When it was asked for.
    """
    try:
        organization_id = UUID(thing["metadata"]["organization_id"])
        plan, version = plan_of(thing)
    except (KeyError, ValueError, TypeError):
        return None
    start, end = period_of(thing)
    return ProviderSubscription(
        organization_id=organization_id,
        customer_ref=str(_id(thing["customer"])),
        subscription_ref=str(thing["id"]),
        plan=plan,
        version=version,
        status=_STATUS[thing["status"]],
        period_start=datetime.fromtimestamp(start, UTC),
        period_end=datetime.fromtimestamp(end, UTC),
        cancel_at_period_end=bool(thing["cancel_at_period_end"]),
        changed_at=asked_at,
    )


def plan_of(thing: Mapping[str, Any]) -> tuple[str, int]:
    """The plan in force: the next one from its period on."""
    metadata = thing["metadata"]
    next_from = metadata.get("next_from")
    begun = "next_" if next_from and int(next_from) <= period_of(thing)[0] else ""
    return metadata[f"{begun}plan"], int(metadata[f"{begun}version"])


def period_of(thing: Mapping[str, Any]) -> tuple[int, int]:
    """Begin and end of the period, Unix time. Until 2025 it was the subscription's, since then its items'."""
    item = thing["items"]["data"][0]
    has = item if item.get("current_period_end") else thing
    return int(has["current_period_start"]), int(has["current_period_end"])


def _id(thing: Any) -> str | None:
    """The id of a thing that is named, or expanded."""
    if thing is None or isinstance(thing, str):
        return thing
    return str(thing["id"])
