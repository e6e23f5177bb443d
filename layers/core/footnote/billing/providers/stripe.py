"""Payment through Stripe, by its own library."""

# ruff: noqa: ARG002 - the arguments are the port's
from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from footnote.billing.payments.ports import Checkout, Payer, PricedPlan, ProviderSubscription
from footnote.billing.payments.webhooks import NotSigned, ProviderEvent
from footnote.billing.providers.stripe_calls import StripeCalls
from footnote.billing.providers.stripe_prices import Prices
from footnote.billing.providers.stripe_states import period_of, plan_of, state_of, subscription_ref_of

if TYPE_CHECKING:
    from stripe import StripeClient

_TOLERANCE_S = 300


class StripeProvider:
    """`PaymentProvider` and `ProviderEvents` of Stripe.

    What creates something has an idempotency key of the request and its content. What sets something looks
    first whether it is so already, and has a key for its own repetitions only: Stripe answers a key of the
    day before without doing anything, even where the setting was taken back meanwhile.

    Args:
        calls: Calls the API.
    """

    def __init__(self, calls: StripeCalls) -> None:
        self._calls = calls

    @property
    def name(self) -> str:
        """See `PaymentProvider.name`."""
        return "stripe"

    async def subscribe(
        self, payer: Payer, plan: PricedPlan, *, success_url: str, cancel_url: str, key: str
    ) -> Checkout:
        """A Checkout Session; the subscription is there when it was paid."""

        def call(client: StripeClient) -> Checkout:
            organization = str(payer.organization_id)
            metadata = {"organization_id": organization, "plan": plan.plan, "version": str(plan.version)}
            customer = payer.customer_ref or _customer(client, payer)
            params: dict[str, Any] = {
                "mode": "subscription",
                "customer": customer,
                "client_reference_id": organization,
                "line_items": [{"price": Prices(client, organization).of(plan), "quantity": 1}],
                "metadata": metadata,
                "subscription_data": {"metadata": metadata},
                "success_url": success_url,
                "cancel_url": cancel_url,
            }
            return Checkout(_open_session(client, params, key), customer)

        return await self._calls.run(call)

    async def portal(self, payer: Payer, *, return_url: str) -> str | None:
        """A session of the customer portal; `None` before the first payment."""
        if payer.customer_ref is None:
            return None
        params: Any = {"customer": payer.customer_ref, "return_url": return_url}

        def call(client: StripeClient) -> str:
            return client.v1.billing_portal.sessions.create(params, _once()).url

        return await self._calls.run(call)

    async def change_plan(
        self, subscription_ref: str, plan: PricedPlan, *, prorate: bool, key: str
    ) -> ProviderSubscription | None:
        """Without proration the price holds from the next period on, and so does the plan."""

        def call(client: StripeClient) -> Any:
            before = _plain(client.v1.subscriptions.retrieve(subscription_ref))
            price = Prices(client, before["metadata"]["organization_id"]).of(plan)
            item = before["items"]["data"][0]
            metadata = _metadata(before, plan, prorate)
            has = {name: before["metadata"].get(name, "") for name in metadata}
            if (item.get("price") or {}).get("id") == price and has == metadata:
                return before
            params: Any = {
                "items": [{"id": item["id"], "price": price}],
                "proration_behavior": "create_prorations" if prorate else "none",
                "metadata": metadata,
            }
            return _plain(client.v1.subscriptions.update(subscription_ref, params, _once()))

        asked_at = datetime.now(UTC)
        return state_of(await self._calls.run(call), asked_at)

    async def cancel(self, subscription_ref: str, *, at_period_end: bool, key: str) -> None:
        """See `PaymentProvider.cancel`."""
        if at_period_end:
            await self._calls.run(lambda client: _set_cancellation(client, subscription_ref, True))
            return

        def call(client: StripeClient) -> None:
            if client.v1.subscriptions.retrieve(subscription_ref).status != "canceled":
                client.v1.subscriptions.cancel(subscription_ref, None, _once())

        await self._calls.run(call)

    async def resume(self, subscription_ref: str, *, key: str) -> None:
        """See `PaymentProvider.resume`."""
        await self._calls.run(lambda client: _set_cancellation(client, subscription_ref, False))

    async def report_usage(
        self, customer_ref: str, meter: str, units: int, *, event_id: str, at: datetime
    ) -> None:
        """A billing meter event; Stripe counts each `identifier` once."""
        identifier = f"{event_id}:{meter}"
        params: Any = {
            "event_name": f"footnote_{meter}",
            "identifier": identifier,
            "timestamp": int(at.timestamp()),
            "payload": {"stripe_customer_id": customer_ref, "value": str(units)},
        }
        options: Any = {"idempotency_key": identifier}
        await self._calls.run(lambda client: client.v1.billing.meter_events.create(params, options))

    async def verified(self, body: bytes, signature: str) -> ProviderEvent:
        """See `ProviderEvents.verified`."""
        import stripe

        secret = await self._calls.webhook_secret()
        try:
            stripe.WebhookSignature.verify_header(body.decode(), signature, secret, _TOLERANCE_S)
            event = json.loads(body)
            kind, thing = str(event["type"]), event["data"]["object"]
            return ProviderEvent(self.name, str(event["id"]), kind, subscription_ref_of(kind, thing))
        except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError) as error:
            raise NotSigned("The request is not signed by the payment provider.") from error

    async def state(self, subscription_ref: str, asked_at: datetime) -> ProviderSubscription | None:
        """See `ProviderEvents.state`."""
        found = await self._calls.run(
            lambda client: _plain(client.v1.subscriptions.retrieve(subscription_ref))
        )
        return state_of(found, asked_at)


def _customer(client: StripeClient, payer: Payer) -> str:
    params: Any = {"name": payer.name, "metadata": {"organization_id": str(payer.organization_id)}}
    if payer.email:
        params["email"] = payer.email
    options = _keyed(f"customer:{payer.organization_id}", params)
    return client.v1.customers.create(params, options).id


def _open_session(client: StripeClient, params: dict[str, Any], key: str) -> str | None:
    """The address of the session that a request made before, unless that one is over."""
    session = client.v1.checkout.sessions.create(cast("Any", params), _keyed(key, params))
    if client.v1.checkout.sessions.retrieve(session.id).status != "open":
        again = _keyed(f"{key}:{session.id}", params)
        session = client.v1.checkout.sessions.create(cast("Any", params), again)
    return session.url


def _set_cancellation(client: StripeClient, subscription_ref: str, cancelled: bool) -> None:
    if client.v1.subscriptions.retrieve(subscription_ref).cancel_at_period_end != cancelled:
        client.v1.subscriptions.update(subscription_ref, {"cancel_at_period_end": cancelled}, _once())


def _metadata(before: Mapping[str, Any], plan: PricedPlan, prorate: bool) -> dict[str, str]:
    """An empty text removes a key."""
    if prorate:
        gone = {"next_plan": "", "next_version": "", "next_from": ""}
        return {"plan": plan.plan, "version": str(plan.version), **gone}
    now, version = plan_of(before)
    coming = {"next_plan": plan.plan, "next_version": str(plan.version)}
    return {"plan": now, "version": str(version), **coming, "next_from": str(period_of(before)[1])}


def _plain(thing: Any) -> Any:
    """An object of the library as JSON has it."""
    return json.loads(str(thing))


def _keyed(key: str, params: Mapping[str, Any]) -> Any:
    """Options of a call that creates; another content is another call."""
    digest = hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()
    return {"idempotency_key": hashlib.sha256(f"{key}:{digest}".encode()).hexdigest()}


def _once() -> Any:
    """Options of a call that sets: the library's own repetitions of it count once."""
    return {"idempotency_key": str(uuid4())}
