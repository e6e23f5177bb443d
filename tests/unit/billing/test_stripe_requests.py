"""What the adapter asks of Stripe, by the library's own requests, where no Stripe server for tests reaches.

Prices, Checkout, the customer portal and meters were NOT run against a Stripe server: a loopback server
records the requests and answers with things that have the fields of the library's own classes, and no others.
"""

import json
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
import stripe

from footnote.billing import Payer, PricedPlan
from footnote.billing.payments.usage import UsageExport
from footnote.billing.providers.stripe import StripeProvider
from footnote.billing.providers.stripe_calls import API_VERSION, StripeCalls
from footnote.billing.providers.stripe_states import state_of
from footnote.platform.errors import Conflict, ServiceUnavailable
from footnote.platform.settings import BillingSettings
from footnote.quota.events import Delivery, Event
from footnote.stores.secrets.extension import StaticSecrets

ORGANIZATION = UUID(int=7)
NOW = datetime(2026, 4, 1, tzinfo=UTC)
START, END = 1_775_000_000, 1_777_592_000
PRO = PricedPlan("pro", 3, "Pro Plan", 2900, "USD")
SMALL = PricedPlan("small", 1, "Small Plan", 900, "USD")


def made(kind, **fields):
    """A thing of the API; every field is one that the library's class has."""
    unknown = fields.keys() - kind.__annotations__.keys()
    assert not unknown, f"{kind.__name__} has no {unknown}"
    return {"object": kind.OBJECT_NAME, **fields}


def price(plan):
    fields = {"unit_amount": plan.price_cents, "currency": "usd", "lookup_key": "k"}
    return made(stripe.Price, id=f"price_{plan.plan}", **fields)


def subscription(plan=PRO, **metadata):
    item = made(
        stripe.SubscriptionItem,
        id="si_1",
        price=price(plan),
        current_period_start=START,
        current_period_end=END,
    )
    named = {"organization_id": str(ORGANIZATION), "plan": plan.plan, "version": str(plan.version)}
    return made(
        stripe.Subscription,
        id="sub_1",
        customer="cus_1",
        status="active",
        cancel_at_period_end=False,
        metadata={**named, **metadata},
        items={"object": "list", "data": [item]},
    )


class Recorder(ThreadingHTTPServer):
    """Answers by method and path; what was asked is in `asked`."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answering)
        self.answers, self.asked = {}, []

    @property
    def writes(self):
        return [request for request in self.asked if request[0] != "GET"]


class Answering(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        place = urlsplit(self.path)
        text = self.rfile.read(int(self.headers.get("content-length") or 0)).decode() or place.query
        form = {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}
        self.server.asked.append((self.command, place.path, form, self.headers))
        status, answer = self.server.answers[self.command, place.path]
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_DELETE = do_GET  # noqa: N815 - the base class names them

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Recorder() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def provider(server):
    settings = BillingSettings(stripe_base_url=f"http://127.0.0.1:{server.server_port}", stripe_retries=0)
    return StripeProvider(StripeCalls(settings, StaticSecrets({"footnote/stripe": "sk_test_x"})))


def listed(*things):
    return 200, {"object": "list", "data": list(things), "has_more": False, "url": "/v1/prices"}


def session(status):
    fields = {"status": status, "url": "https://checkout.stripe.com/c/1"}
    return 200, made(stripe.checkout.Session, id="cs_1", **fields)


async def subscribe(provider):
    payer = Payer(ORGANIZATION, "Acme", "pay@acme.example")
    return await provider.subscribe(
        payer, PRO, success_url="https://x.example/ok", cancel_url="https://x.example/no", key="k1"
    )


async def test_a_checkout_makes_product_and_price_once_and_names_the_organization(server, provider):
    server.answers = {
        ("POST", "/v1/customers"): (200, made(stripe.Customer, id="cus_1")),
        ("GET", "/v1/prices"): listed(),
        ("POST", "/v1/products"): (200, made(stripe.Product, id="footnote_pro")),
        ("POST", "/v1/prices"): (200, price(PRO)),
        ("POST", "/v1/checkout/sessions"): session("open"),
        ("GET", "/v1/checkout/sessions/cs_1"): session("open"),
    }
    checkout = await subscribe(provider)
    assert (checkout.url, checkout.customer_ref) == ("https://checkout.stripe.com/c/1", "cus_1")
    customer, product, made_price, begun = server.writes
    assert customer[2]["metadata[organization_id]"] == str(ORGANIZATION)
    assert product[2]["id"] == "footnote_pro"
    assert (made_price[2]["lookup_key"], made_price[2]["unit_amount"]) == ("footnote_pro_v3", "2900")
    assert begun[2]["subscription_data[metadata][organization_id]"] == str(ORGANIZATION)
    assert (begun[2]["mode"], begun[2]["line_items[0][price]"]) == ("subscription", "price_pro")
    for _, _, _, headers in server.writes:
        assert headers["idempotency-key"]
        assert headers["stripe-version"] == API_VERSION
    keys = [request[3]["idempotency-key"] for request in server.writes]
    await subscribe(provider)
    assert [request[3]["idempotency-key"] for request in server.writes] == keys * 2


async def test_a_checkout_that_is_over_is_not_given_out_again(server, provider):
    server.answers = {
        ("POST", "/v1/customers"): (200, made(stripe.Customer, id="cus_1")),
        ("GET", "/v1/prices"): listed(price(PRO)),
        ("POST", "/v1/checkout/sessions"): session("open"),
        ("GET", "/v1/checkout/sessions/cs_1"): session("complete"),
    }
    await subscribe(provider)
    keys = [headers["idempotency-key"] for _, path, _, headers in server.writes if "checkout" in path]
    assert len(set(keys)) == 2


async def test_a_price_of_another_amount_is_refused(server, provider):
    server.answers = {
        ("POST", "/v1/customers"): (200, made(stripe.Customer, id="cus_1")),
        ("GET", "/v1/prices"): listed(price(SMALL)),
    }
    with pytest.raises(Conflict, match="footnote_pro_v3"):
        await subscribe(provider)


async def test_an_upgrade_is_prorated_and_a_downgrade_holds_from_the_next_period_on(server, provider):
    server.answers = {
        ("GET", "/v1/subscriptions/sub_1"): (200, subscription(PRO)),
        ("GET", "/v1/prices"): listed(price(SMALL)),
        ("POST", "/v1/subscriptions/sub_1"): (200, subscription(SMALL)),
    }
    await provider.change_plan("sub_1", SMALL, prorate=True, key="k")
    await provider.change_plan("sub_1", SMALL, prorate=False, key="k")
    now, later = (request[2] for request in server.writes)
    assert (now["proration_behavior"], now["metadata[plan]"]) == ("create_prorations", "small")
    assert (now["items[0][id]"], now["items[0][price]"]) == ("si_1", "price_small")
    assert (later["proration_behavior"], later["metadata[plan]"]) == ("none", "pro")
    assert (later["metadata[next_plan]"], later["metadata[next_from]"]) == ("small", str(END))
    waiting = subscription(PRO, next_plan="small", next_version="1", next_from=str(END))
    assert state_of(waiting, NOW).plan == "pro"
    begun = subscription(PRO, next_plan="small", next_version="1", next_from=str(START))
    assert (state_of(begun, NOW).plan, state_of(begun, NOW).version) == ("small", 1)


async def test_the_portal_is_for_those_who_have_paid(server, provider):
    fields = {"url": "https://billing.stripe.com/p/1"}
    answer = made(stripe.billing_portal.Session, id="bps_1", **fields)
    server.answers = {("POST", "/v1/billing_portal/sessions"): (200, answer)}
    payer = Payer(ORGANIZATION, "Acme", None, "cus_1")
    assert await provider.portal(payer, return_url="https://x.example") == fields["url"]
    assert await provider.portal(Payer(ORGANIZATION, "Acme", None), return_url="https://x.example") is None
    assert server.writes[0][2] == {"customer": "cus_1", "return_url": "https://x.example"}


class Markers:
    """In memory what Postgres keeps."""

    def __init__(self):
        self.marked = []

    async def payer(self, context, provider):
        return ("cus_1", frozenset({"output_tokens"})) if provider == "stripe" else None

    async def is_marked(self, consumer, event):
        return (consumer, event.event_id) in self.marked

    async def mark(self, consumer, event):
        self.marked.append((consumer, event.event_id))


async def test_usage_is_told_under_the_events_id_and_marked_only_when_it_was_taken(server, provider):
    lines = [
        {"meter": "output_tokens", "model": "a", "units": 5, "cost_micro_usd": 1},
        {"meter": "output_tokens", "model": "b", "units": 2, "cost_micro_usd": 1},
        {"meter": "messages", "model": "", "units": 1, "cost_micro_usd": 0},
    ]
    event = Event(ORGANIZATION, "usage:1:1", "usage.recorded", {"lines": lines}, NOW)
    export, path = UsageExport(markers := Markers(), provider), ("POST", "/v1/billing/meter_events")
    server.answers[path] = (500, {"error": {"type": "api_error", "message": "away"}})
    with pytest.raises(ServiceUnavailable):
        await export.consume(Delivery(event))
    assert markers.marked == []
    server.answers[path] = (200, made(stripe.billing.MeterEvent, identifier="usage:1:1:output_tokens"))
    await export.consume(Delivery(event))
    await export.consume(Delivery(event))
    assert markers.marked == [("stripe-usage", "usage:1:1")]
    sent = [request[2] for request in server.writes]
    assert sent[0] == sent[1]
    assert sent[1] == {
        "event_name": "footnote_output_tokens",
        "identifier": "usage:1:1:output_tokens",
        "timestamp": str(int(NOW.timestamp())),
        "payload[stripe_customer_id]": "cus_1",
        "payload[value]": "7",
    }
    assert len(sent) == 2
