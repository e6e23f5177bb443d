"""Payment through Stripe, by its own library."""

# ruff: noqa: ARG002 - the arguments are the port's
from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from footnote.billing.payments.ports import (
    Checkout,
    GivenBack,
    Payer,
    PricedPlan,
    ProviderSubscription,
)
from footnote.billing.payments.provider_invoices import ProviderInvoice
from footnote.billing.payments.webhooks import NotSigned, ProviderEvent
from footnote.billing.providers.stripe_calls import StripeCalls, is_missing, keyed, once, plain
from footnote.billing.providers.stripe_checkout import open_session
from footnote.billing.providers.stripe_invoices import invoice_of
from footnote.billing.providers.stripe_prices import Prices
from footnote.billing.providers.stripe_refunds import give_back
from footnote.billing.providers.stripe_states import (
    invoice_ref_of,
    item_of,
    period_of,
    plan_of,
    state_of,
    subscription_ref_of,
)

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

    async def customer(self, payer: Payer) -> str | None:
        """A customer with the organization's name."""
        params: Any = {"name": payer.name, "metadata": {"organization_id": str(payer.organization_id)}}
        if payer.email:
            params["email"] = payer.email
        options = keyed(f"customer:{payer.organization_id}:{payer.customer_ref or ''}", params)
        return await self._calls.run(lambda client: client.v1.customers.create(params, options).id)

    async def subscribe(
        self, payer: Payer, plan: PricedPlan, *, success_url: str, cancel_url: str, key: str
    ) -> Checkout:
        """A Checkout Session; the subscription is there when it was paid."""

        def call(client: StripeClient) -> Checkout:
            organization = str(payer.organization_id)
            metadata = {"organization_id": organization, "plan": plan.plan, "version": str(plan.version)}
            params: dict[str, Any] = {
                "mode": "subscription",
                "customer": payer.customer_ref,
                "client_reference_id": organization,
                "line_items": [{"price": Prices(client, organization).of(plan), "quantity": 1}],
                "metadata": metadata,
                "subscription_data": {"metadata": metadata},
                "success_url": success_url,
                "cancel_url": cancel_url,
            }
            return open_session(client, params, key)

        return await self._calls.run(call)

    async def portal(self, payer: Payer, *, return_url: str) -> str | None:
        """A session of the customer portal; `None` before the first payment."""
        if payer.customer_ref is None:
            return None
        params: Any = {"customer": payer.customer_ref, "return_url": return_url}

        def call(client: StripeClient) -> str:
            return client.v1.billing_portal.sessions.create(params, once()).url

        return await self._calls.run(call)

    async def change_plan(self, subscription_ref: str, plan: PricedPlan, *, prorate: bool, key: str) -> None:
        """Without proration the price holds from the next period on, and so does the plan."""

        def call(client: StripeClient) -> None:
            before = plain(client.v1.subscriptions.retrieve(subscription_ref))
            price = Prices(client, before["metadata"]["organization_id"]).of(plan)
            item = item_of(before)
            metadata = _metadata(before, plan, prorate)
            has = {name: before["metadata"].get(name, "") for name in metadata}
            if (item.get("price") or {}).get("id") == price and has == metadata:
                return
            params: Any = {
                "items": [{"id": item["id"], "price": price}],
                "proration_behavior": "create_prorations" if prorate else "none",
                "metadata": metadata,
            }
            client.v1.subscriptions.update(subscription_ref, params, once())

        await self._calls.run(call)

    async def cancel(self, subscription_ref: str, *, at_period_end: bool, key: str) -> None:
        """See `PaymentProvider.cancel`."""
        if at_period_end:
            await self._calls.run(lambda client: _set_cancellation(client, subscription_ref, True))
            return
        await self._calls.run(lambda client: _end(client, subscription_ref))

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
            concerns = subscription_ref_of(kind, thing)
            return ProviderEvent(self.name, str(event["id"]), kind, concerns, invoice_ref_of(kind, thing))
        except (stripe.SignatureVerificationError, ValueError, KeyError, TypeError) as error:
            raise NotSigned("The request is not signed by the payment provider.") from error

    async def state(self, subscription_ref: str, asked_at: datetime) -> ProviderSubscription | None:
        """See `ProviderEvents.state`."""
        found = await self._calls.run(lambda client: _found(client.v1.subscriptions, subscription_ref))
        return None if found is None else state_of(found, asked_at)

    async def invoice(self, invoice_ref: str, asked_at: datetime) -> ProviderInvoice | None:
        """See `ProviderEvents.invoice`."""
        found = await self._calls.run(lambda client: _found(client.v1.invoices, invoice_ref))
        return None if found is None else invoice_of(found, asked_at)

    async def give_back(self, subscription_ref: str) -> GivenBack:
        """See `PaymentProvider.give_back`."""

        def call(client: StripeClient) -> GivenBack:
            # Ended first: nothing is paid behind the refunds.
            _end(client, subscription_ref)
            return give_back(client, subscription_ref)

        return await self._calls.run(call)


def _found(things: Any, reference: str) -> Any:
    """A subscription or an invoice; `None` where Stripe knows none of that id."""
    import stripe

    try:
        return plain(things.retrieve(reference))
    except stripe.InvalidRequestError as error:
        if is_missing(error):
            return None
        raise


def _end(client: StripeClient, subscription_ref: str) -> None:
    """Ends a subscription now; one that is over, or that Stripe does not know any more, is ended."""
    found = _found(client.v1.subscriptions, subscription_ref)
    if found is not None and found["status"] not in {"canceled", "incomplete_expired"}:
        client.v1.subscriptions.cancel(subscription_ref, None, once())


def _set_cancellation(client: StripeClient, subscription_ref: str, cancelled: bool) -> None:
    before = plain(client.v1.subscriptions.retrieve(subscription_ref))
    if not cancelled and before.get("cancel_at"):
        # Stripe's portal sets a date.
        client.v1.subscriptions.update(subscription_ref, {"cancel_at": ""}, once())
    if before["cancel_at_period_end"] != cancelled:
        client.v1.subscriptions.update(subscription_ref, {"cancel_at_period_end": cancelled}, once())


def _metadata(before: Mapping[str, Any], plan: PricedPlan, prorate: bool) -> dict[str, str]:
    """An empty text removes a key."""
    if prorate:
        gone = {"next_plan": "", "next_version": "", "next_from": ""}
        return {"plan": plan.plan, "version": str(plan.version), **gone}
    now, version = plan_of(before)
    coming = {"next_plan": plan.plan, "next_version": str(plan.version)}
    return {"plan": now, "version": str(version), **coming, "next_from": str(period_of(before)[1])}
