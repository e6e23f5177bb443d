"""Checkout Sessions: of an organization's, one at most is open, and none while a subscription runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

from footnote.billing.payments.ports import Checkout, UnknownPayer
from footnote.billing.providers.stripe_calls import digest_of, is_missing, keyed, plain
from footnote.platform.errors import Conflict

if TYPE_CHECKING:
    from stripe import StripeClient

# More than anybody can open before the first of them runs out, after a day.
_MOST = 100
_RUNNING = frozenset({"trialing", "active", "past_due", "unpaid", "paused"})


def open_session(client: StripeClient, params: dict[str, Any], key: str) -> Checkout:
    """Opens a session, or returns the open one of the same request; all others are closed.

    Two at the same time each look again after they have opened theirs: the later one stays.

    Args:
        client: Calls the API.
        params: Of the session; `metadata` names the organization.
        key: The request's.

    Raises:
        UnknownPayer: Stripe has no such customer.
        Conflict: Another one was opened at the same moment, for something else.
    """
    import stripe

    try:
        return _open(client, params, key)
    except stripe.InvalidRequestError as error:
        if is_missing(error) and error.param == "customer":
            raise UnknownPayer("The payment provider does not know the customer.") from error
        raise


def _open(client: StripeClient, params: dict[str, Any], key: str) -> Checkout:
    mine = digest_of(key, params)
    customer = str(params["customer"])
    params = {**params, "metadata": {**params["metadata"], "request": mine}}
    made = _made(client, customer)
    own = [one for one in made if _request(one) == mine]
    kept = own[0] if own and own[0]["status"] == "open" else None
    _close(client, (one for one in made if one is not kept))
    running = _running(client, params)
    if not running:
        kept = kept or _create(client, params, f"{mine}:{own[0]['id'] if own else ''}")
        still = [one for one in _made(client, customer) if one["status"] == "open"]
        latest = max(still, key=lambda one: (one["created"], one["id"]), default=None)
        _close(client, (one for one in still if one is not latest))
        # Whoever paid in one that was open a moment ago has a subscription by now.
        running = _running(client, params)
        if not running:
            if latest is None or _request(latest) != mine:
                raise Conflict("Another subscription was begun at the same moment. Look at it, or try again.")
            return Checkout(latest["url"], customer)
    _close(client, _made(client, customer))
    return Checkout(None, customer, running=running)


def _made(client: StripeClient, customer: str) -> list[dict[str, Any]]:
    """The customer's sessions, newest first."""
    found = client.v1.checkout.sessions.list({"customer": customer, "limit": _MOST})
    return [plain(one) for one in found.data]


def _create(client: StripeClient, params: dict[str, Any], key: str) -> dict[str, Any]:
    """The key names the session before: the same request, twice at the same time, opens one."""
    session = client.v1.checkout.sessions.create(cast("Any", params), keyed(key, params))
    return cast("dict[str, Any]", plain(session))


def _close(client: StripeClient, sessions: Iterable[dict[str, Any]]) -> None:
    import stripe

    for session in sessions:
        if session["status"] != "open":
            continue
        try:
            client.v1.checkout.sessions.expire(session["id"])
        except stripe.InvalidRequestError:
            # It was paid or has run out meanwhile; what it was paid for is looked for next.
            if client.v1.checkout.sessions.retrieve(session["id"]).status == "open":
                raise


def _running(client: StripeClient, params: dict[str, Any]) -> tuple[str, ...]:
    """The organization's subscriptions that are paid for, or are to be."""
    organization_id = params["metadata"]["organization_id"]
    found = client.v1.subscriptions.list({"customer": params["customer"], "limit": _MOST})
    things = [plain(one) for one in found.data]
    return tuple(
        str(one["id"])
        for one in things
        if one["status"] in _RUNNING and (one.get("metadata") or {}).get("organization_id") == organization_id
    )


def _request(session: dict[str, Any]) -> str | None:
    return (session.get("metadata") or {}).get("request")
