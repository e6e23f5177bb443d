"""Stripe's subscriptions and events as ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from footnote.billing.payments.ports import ProviderSubscription, SubscriptionStatus, UnreadableState

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
_CHANGES = ("created", "updated", "deleted", "paused", "resumed")
_OF_SUBSCRIPTIONS = {f"customer.subscription.{what}" for what in _CHANGES}
_OF_INVOICES = {
    f"invoice.{what}"
    for what in ("paid", "payment_failed", "finalized", "voided", "marked_uncollectible", "updated")
}


def subscription_ref_of(kind: str, thing: Mapping[str, Any]) -> str | None:
    """The subscription that an event is about; `None`: none, or of a type that asks for nothing.

    Args:
        kind: The event's type.
        thing: Its `data.object`.
    """
    if kind in _OF_SUBSCRIPTIONS:
        return str(thing["id"])
    if kind in _OF_INVOICES:
        return subscription_of_invoice(thing)
    return id_of(thing.get("subscription")) if kind == "checkout.session.completed" else None


def subscription_of_invoice(thing: Mapping[str, Any]) -> str | None:
    """The subscription of an invoice. Until 2025 it named that itself."""
    parent = (thing.get("parent") or {}).get("subscription_details") or {}
    return id_of(parent.get("subscription") or thing.get("subscription"))


def invoice_ref_of(kind: str, thing: Mapping[str, Any]) -> str | None:
    """The invoice that an event is about."""
    return str(thing["id"]) if kind in _OF_INVOICES and thing.get("id") else None


def state_of(thing: Mapping[str, Any], asked_at: datetime) -> ProviderSubscription | None:
    """A subscription of the API; `None`: Footnote has not made it.

    Args:
        thing: The subscription.
        asked_at: When it was asked for.

    Raises:
        UnreadableState: It has a status that this release does not know, or no item.
    """
    metadata = thing.get("metadata") or {}
    try:
        organization_id = UUID(metadata["organization_id"])
    except (KeyError, ValueError, TypeError):
        return None
    if "plan" not in metadata:
        return None
    try:
        plan, version = plan_of(thing)
        start, end = period_of(thing)
        status = _STATUS[thing["status"]]
    except (LookupError, ValueError, TypeError) as error:
        raise UnreadableState(
            f"The payment provider's subscription {thing.get('id')} has a status, plan or period that this"
            f" release does not know (status '{thing.get('status')}'). Bring a newer release of Footnote, or"
            " correct the subscription at the provider; the provider tells it again until then."
        ) from error
    return ProviderSubscription(
        organization_id=organization_id,
        customer_ref=str(id_of(thing["customer"])),
        subscription_ref=str(thing["id"]),
        plan=plan,
        version=version,
        status=status,
        period_start=datetime.fromtimestamp(start, UTC),
        period_end=datetime.fromtimestamp(end, UTC),
        cancel_at_period_end=_is_cancelled(thing, end),
        changed_at=asked_at,
    )


def plan_of(thing: Mapping[str, Any]) -> tuple[str, int]:
    """The plan in force: the next one from its period on, and what the payer chose in Stripe's portal.

    The portal changes the price, and leaves our metadata of the subscription as they are.
    """
    metadata = thing["metadata"]
    next_from = metadata.get("next_from")
    begun = "next_" if next_from and int(next_from) <= period_of(thing)[0] else ""
    told = metadata[f"{begun}plan"], int(metadata[f"{begun}version"])
    priced = _plan_of_price(thing)
    to_come = (metadata.get("next_plan"), metadata.get("next_version"))
    if priced is None or (not begun and (priced[0], str(priced[1])) == to_come):
        return told
    return priced


def _plan_of_price(thing: Mapping[str, Any]) -> tuple[str, int] | None:
    """What is paid for, where the price is one that we made."""
    metadata = _price_metadata(item_of(thing))
    return (metadata["plan"], int(metadata["version"])) if {"plan", "version"} <= metadata.keys() else None


def _is_cancelled(thing: Mapping[str, Any], period_end: int) -> bool:
    """Whether it ends with its period: by the flag, or (in Stripe's flexible billing) by a date."""
    cancel_at = thing.get("cancel_at")
    return bool(thing.get("cancel_at_period_end")) or bool(cancel_at and int(cancel_at) <= period_end)


def item_of(thing: Mapping[str, Any]) -> Any:
    """The item of the plan: operators may have added others, as for metered usage."""
    items = thing["items"]["data"]
    ours = [item for item in items if {"plan", "version"} <= _price_metadata(item).keys()]
    return (ours or items)[0]


def _price_metadata(item: Mapping[str, Any]) -> Mapping[str, str]:
    return (item.get("price") or {}).get("metadata") or {}


def period_of(thing: Mapping[str, Any]) -> tuple[int, int]:
    """Begin and end of the period, Unix time. Until 2025 it was the subscription's, since then its items'."""
    item = item_of(thing)
    has = item if item.get("current_period_end") else thing
    return int(has["current_period_start"]), int(has["current_period_end"])


def id_of(thing: Any) -> str | None:
    """The id of a thing that is named, or expanded."""
    if thing is None or isinstance(thing, str):
        return thing
    return str(thing["id"])
