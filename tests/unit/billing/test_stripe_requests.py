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

from footnote.billing import Payer, PricedPlan, UnreadableState
from footnote.billing.payments.usage import UsageExport
from footnote.billing.providers.stripe import StripeProvider
from footnote.billing.providers.stripe_calls import API_VERSION, StripeCalls
from footnote.billing.providers.stripe_states import state_of
from footnote.platform.errors import Conflict, ServiceUnavailable
from footnote.platform.settings import BillingSettings
from footnote.quota.events import Delivery, Event
from footnote.stores.secrets.extension import StaticSecrets
from tests.support.stripe_checkout import made

ORGANIZATION = UUID(int=7)
NOW = datetime(2026, 4, 1, tzinfo=UTC)
START, END = 1_775_000_000, 1_777_592_000
CREATE = ("POST", "/v1/checkout/sessions")
PRO = PricedPlan("pro", 3, "Pro Plan", 2900, "USD")
SMALL = PricedPlan("small", 1, "Small Plan", 900, "USD")


def price(plan):
    fields = {"unit_amount": plan.price_cents, "currency": "usd", "lookup_key": "k"}
    metadata = {"plan": plan.plan, "version": str(plan.version)}
    return made(stripe.Price, id=f"price_{plan.plan}", metadata=metadata, **fields)


def subscription(plan=PRO, paid=None, **metadata):
    item = made(
        stripe.SubscriptionItem,
        id="si_1",
        price=price(paid or plan),
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
        found = self.server.answers[self.command, place.path]
        status, answer = found(self.server) if callable(found) else found
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


def session(metadata, status="open"):
    fields = {"status": status, "url": "https://checkout.stripe.com/c/1", "created": 1}
    return made(stripe.checkout.Session, id="cs_1", metadata=metadata, **fields)


def sessions(server):
    """The customer's: the one that was asked for."""
    asked = [form for method, path, form, _ in server.asked if (method, path) == CREATE]
    return listed(*(session({"request": form["metadata[request]"]}) for form in asked[:1]))


async def subscribe(provider):
    payer = Payer(ORGANIZATION, "Acme", "pay@acme.example", "cus_1")
    return await provider.subscribe(
        payer, PRO, success_url="https://x.example/ok", cancel_url="https://x.example/no", key="k1"
    )


async def test_a_customer_is_made_under_the_organizations_name(server, provider):
    server.answers = {("POST", "/v1/customers"): (200, made(stripe.Customer, id="cus_1"))}
    assert await provider.customer(Payer(ORGANIZATION, "Acme", "pay@acme.example")) == "cus_1"
    assert await provider.customer(Payer(ORGANIZATION, "Acme", None)) == "cus_1"
    first, second = (request[2] for request in server.writes)
    assert first == {
        "name": "Acme",
        "email": "pay@acme.example",
        "metadata[organization_id]": str(ORGANIZATION),
    }
    assert "email" not in second


async def test_a_checkout_makes_product_and_price_once_and_names_the_organization(server, provider):
    server.answers = {
        ("GET", "/v1/prices"): listed(),
        ("GET", "/v1/subscriptions"): listed(),
        ("GET", "/v1/checkout/sessions"): sessions,
        ("POST", "/v1/products"): (200, made(stripe.Product, id="footnote_pro")),
        ("POST", "/v1/prices"): (200, price(PRO)),
        CREATE: lambda server: (200, sessions(server)[1]["data"][0]),
    }
    checkout = await subscribe(provider)
    assert (checkout.url, checkout.customer_ref) == ("https://checkout.stripe.com/c/1", "cus_1")
    product, made_price, begun = server.writes
    assert product[2]["id"] == "footnote_pro"
    assert (made_price[2]["lookup_key"], made_price[2]["unit_amount"]) == ("footnote_pro_v3", "2900")
    assert begun[2]["subscription_data[metadata][organization_id]"] == str(ORGANIZATION)
    assert (begun[2]["mode"], begun[2]["line_items[0][price]"]) == ("subscription", "price_pro")
    assert begun[2]["customer"] == "cus_1"
    for _, _, _, headers in server.writes:
        assert headers["idempotency-key"]
        assert headers["stripe-version"] == API_VERSION
    # The same request again gets the session that is open.
    assert (await subscribe(provider)).url == checkout.url
    assert [request[1] for request in server.writes].count("/v1/checkout/sessions") == 1


@pytest.mark.parametrize("status", ["active", "past_due", "trialing", "unpaid", "paused"])
async def test_no_checkout_is_opened_while_a_subscription_runs(server, provider, status):
    server.answers = {
        ("GET", "/v1/prices"): listed(price(PRO)),
        ("GET", "/v1/subscriptions"): listed({**subscription(), "status": status}),
        ("GET", "/v1/checkout/sessions"): listed(session({"request": "another"})),
        ("POST", "/v1/checkout/sessions/cs_1/expire"): (200, session({}, "expired")),
    }
    checkout = await subscribe(provider)
    assert (checkout.url, checkout.running) == (None, ("sub_1",))
    assert {request[1] for request in server.writes} == {"/v1/checkout/sessions/cs_1/expire"}


async def test_a_price_of_another_amount_is_refused(server, provider):
    server.answers = {("GET", "/v1/prices"): listed(price(SMALL))}
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
    waiting = subscription(PRO, SMALL, next_plan="small", next_version="1", next_from=str(END))
    assert state_of(waiting, NOW).plan == "pro"
    begun = subscription(PRO, SMALL, next_plan="small", next_version="1", next_from=str(START))
    assert (state_of(begun, NOW).plan, state_of(begun, NOW).version) == ("small", 1)


async def test_a_plan_that_was_chosen_in_the_portal_holds(server, provider):
    """The portal changes the price and leaves the subscription's metadata."""
    chosen = state_of(subscription(PRO, paid=SMALL), NOW)
    assert (chosen.plan, chosen.version) == ("small", 1)
    to_come = {"next_plan": "small", "next_version": "1", "next_from": str(END)}
    waiting = state_of(subscription(PRO, paid=SMALL, **to_come), NOW)
    assert (waiting.plan, waiting.version) == ("pro", 3)
    large = PricedPlan("large", 2, "Large Plan", 9900, "USD")
    assert state_of(subscription(PRO, paid=large, **to_come), NOW).plan == "large"


async def test_the_item_of_the_plan_is_told_from_others(server, provider):
    """Operators may add items of their own, as for metered usage."""
    metered = made(
        stripe.SubscriptionItem, id="si_0", price=made(stripe.Price, id="price_metered", metadata={})
    )
    both = subscription()
    both["items"]["data"].insert(0, metered)
    assert state_of(both, NOW).plan == "pro"
    server.answers = {
        ("GET", "/v1/subscriptions/sub_1"): (200, both),
        ("GET", "/v1/prices"): listed(price(SMALL)),
        ("POST", "/v1/subscriptions/sub_1"): (200, subscription(SMALL)),
    }
    await provider.change_plan("sub_1", SMALL, prorate=True, key="k")
    assert server.writes[0][2]["items[0][id]"] == "si_1"


async def test_a_cancellation_of_the_portal_is_one_and_is_taken_back(server, provider):
    """In Stripe's flexible billing the portal sets a date instead of the flag."""
    cancelled = {**subscription(), "cancel_at": END}
    assert state_of(cancelled, NOW).cancel_at_period_end
    assert not state_of({**subscription(), "cancel_at": END + 86400}, NOW).cancel_at_period_end
    server.answers = {
        ("GET", "/v1/subscriptions/sub_1"): (200, cancelled),
        ("POST", "/v1/subscriptions/sub_1"): (200, subscription()),
    }
    await provider.resume("sub_1", key="k")
    assert [request[2] for request in server.writes] == [{"cancel_at": ""}]


@pytest.mark.parametrize(
    "change",
    [
        {"status": "frozen"},
        {"items": {"object": "list", "data": []}},
        {"metadata": {"organization_id": str(ORGANIZATION), "plan": "pro"}},
    ],
)
async def test_a_state_that_is_not_known_is_named_with_the_way_out(server, provider, change):
    item = subscription()["items"]["data"][0] | {"price": None}
    odd = {**subscription(), "items": {"object": "list", "data": [item]}} | change
    server.answers = {("GET", "/v1/subscriptions/sub_1"): (200, odd)}
    with pytest.raises(UnreadableState, match=r"sub_1 .*newer release") as failure:
        await provider.state("sub_1", NOW)
    assert (failure.value.code, failure.value.status) == ("PROVIDER_STATE_UNKNOWN", 503)


async def test_a_subscription_of_somebody_else_is_none_of_ours_whatever_its_state(server, provider):
    others = {**subscription(), "status": "frozen", "metadata": {"organization_id": str(ORGANIZATION)}}
    assert state_of(others, NOW) is None
    assert state_of({**others, "metadata": None}, NOW) is None


def missing():
    error = {"type": "invalid_request_error", "code": "resource_missing", "message": "No such subscription"}
    return 404, {"error": error}


async def test_a_subscription_that_stripe_does_not_know_any_more_is_over(server, provider):
    server.answers = {("GET", "/v1/subscriptions/sub_1"): missing()}
    assert await provider.state("sub_1", NOW) is None
    await provider.cancel("sub_1", at_period_end=False, key="k")
    assert server.writes == []


def payment(kind, reference, cents):
    parts = made(stripe.InvoicePayment.Payment, type=kind, **{kind: reference})
    return made(stripe.InvoicePayment, id=f"inpay_{reference}", amount_paid=cents, payment=parts)


def refund(reference, cents, status="succeeded"):
    return made(stripe.Refund, id=f"re_{reference}", amount=cents, status=status)


async def test_all_that_was_paid_is_given_back_and_what_was_given_back_is_not_again(server, provider):
    """The shapes of 2025 and later: an invoice's payments are things of their own."""
    invoices = [made(stripe.Invoice, id=f"in_{one}", status=one) for one in ("paid", "open", "draft", "void")]
    server.answers = {
        ("GET", "/v1/subscriptions/sub_1"): (200, subscription()),
        ("DELETE", "/v1/subscriptions/sub_1"): (200, subscription()),
        ("GET", "/v1/invoices"): listed(*invoices),
        ("POST", "/v1/invoices/in_open/void"): (200, invoices[3]),
        ("GET", "/v1/invoice_payments"): listed(
            payment("payment_intent", "pi_1", 2900), payment("charge", "ch_1", 100)
        ),
        ("GET", "/v1/refunds"): listed(refund("0", 400), refund("x", 2500, "failed")),
        ("POST", "/v1/refunds"): (200, refund("1", 2500)),
    }
    given = await provider.give_back("sub_1")
    assert (given.cents, given.refund_refs) == (3300, ("re_0", "re_1", "re_0"))
    ended, first, voided = server.writes
    assert ended[:2] == ("DELETE", "/v1/subscriptions/sub_1")
    assert (first[2]["payment_intent"], first[2]["amount"]) == ("pi_1", "2500")
    assert first[2]["metadata[duplicate_subscription]"] == "sub_1"
    assert voided[1] == "/v1/invoices/in_open/void"
    asked = [form for _, path, form, _ in server.asked if path == "/v1/invoice_payments"]
    assert [(form["invoice"], form["status"]) for form in asked] == [("in_paid", "paid")]
    server.answers["POST", "/v1/refunds"] = (200, refund("2", 2500, "failed"))
    with pytest.raises(ServiceUnavailable, match="re_2 failed"):
        await provider.give_back("sub_1")


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

    async def payer(self, context, provider, at):
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
