"""Stripe's subscriptions and webhooks, on a Stripe server that others wrote and a real database.

What `localstripe` has not (prices, Checkout, portal, meters): tests/unit/billing/test_stripe_requests.py.
"""

import asyncio
import json
import multiprocessing
import random
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import stripe

from footnote.billing.payments.usage import UsageExport
from footnote.composition import Container
from footnote.platform.clock import SystemClock
from footnote.platform.errors import FootnoteError, ServiceUnavailable
from footnote.platform.settings import BillingSettings, QuotaSettings, RateSettings, Settings
from footnote.quota import Delivery, Event
from footnote.stores.postgres.payments import PostgresUsageMarkers
from footnote.stores.secrets.extension import StaticSecrets
from functions.billing.handler import app
from tests.support.billing import rows
from tests.support.functions import FunctionClient
from tests.support.localstripe import KEY, SIGNING, local_stripe
from tests.support.organizations import open_database

SECRETS = {"footnote/stripe": KEY, "footnote/stripe-webhooks": SIGNING}
PATH = "/billing/webhooks/stripe"


def services_of(database, url):
    settings = Settings(
        environment="test",
        quota=QuotaSettings(default_plan="free"),
        rates=RateSettings(enabled=False),
        billing=BillingSettings(provider="stripe", stripe_base_url=url, stripe_retries=0),
    )
    container = Container(settings, SystemClock())
    container.__dict__ |= {"database": database, "secrets": StaticSecrets(SECRETS)}
    return container


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with local_stripe(tmp_path_factory.mktemp("stripe")) as server:
        yield server


@pytest.fixture
def services(database, server, monkeypatch):
    container = services_of(database, server.url)
    for module in ("webhooks", "subscription"):
        monkeypatch.setattr(f"functions.billing.{module}.container", lambda: container)
    monkeypatch.setattr("footnote.composition.admission_edge.container", lambda: container)
    return container


def event_of(number, kind, thing):
    """An event as Stripe wraps a thing, with what the library's `stripe.Event` names."""
    body = {"id": f"evt_{number}", "object": "event", "type": kind, "data": {"object": thing}}
    return json.dumps(body).encode()


def signed(body, secret=SIGNING, at=None):
    at = at or int(time.time())
    signature = stripe.WebhookSignature._compute_signature(f"{at}.{body.decode()}", secret)
    return f"t={at},v1={signature}"


async def deliver(services, body):
    return await services.payment_webhooks.receive(body, signed(body))


def end_state(database, context):
    return rows(
        database.superuser_dsn,
        "SELECT plan, status, cancel_at_period_end, ended_at IS NULL AS runs FROM billing.subscriptions"
        " WHERE organization_id = %(o)s ORDER BY started_at",
        o=context.organization_id,
    )


def noted(database, event_id):
    statement = "SELECT outcome FROM billing.provider_events WHERE event_id = %(e)s"
    return [row["outcome"] for row in rows(database.superuser_dsn, statement, e=event_id)]


async def test_an_event_without_the_right_signature_is_refused_and_nothing_is_stored(
    services, module_database
):
    api = FunctionClient(app)
    body = event_of("forged", "customer.subscription.updated", {"id": "sub_1"})
    wrong = [
        "",
        "t=1,v1=00",
        signed(body, "whsec_other"),
        signed(body, at=int(time.time()) - 301),
        signed(body + b" "),
    ]
    for signature in wrong:
        headers = {"stripe-signature": signature}
        answer = await api._client.post(PATH, content=body, headers=headers)
        assert answer.status_code == 400, answer.text
    assert noted(module_database, "evt_forged") == []


async def test_events_of_other_types_and_of_others_are_acknowledged_and_noted(
    services, server, module_database
):
    other = server.client.v1.customers.create({"name": "Somebody"})
    body = event_of("other", "customer.created", {"id": other.id})
    assert [await deliver(services, body) for _ in range(2)] == ["ignored", "replayed"]
    foreign = server.subscribe("no organization of ours")
    body = event_of("foreign", "customer.subscription.created", {"id": foreign.id})
    assert await deliver(services, body) == "foreign"
    assert noted(module_database, "evt_foreign") == ["foreign"]


async def test_subscribing_cancelling_and_resuming_follow_the_server(
    services, server, owner, module_database
):
    thing = server.subscribe(owner.organization_id)
    outcome = await deliver(
        services, event_of(f"a{thing.id}", "checkout.session.completed", {"subscription": thing.id})
    )
    assert outcome == "applied"
    row = {"plan": "pro", "status": "active", "cancel_at_period_end": False, "runs": True}
    assert end_state(module_database, owner) == [row]
    cancelled = (await services.subscriptions.cancel(owner)).overview.subscription
    assert cancelled.cancel_at_period_end
    assert server.client.v1.subscriptions.retrieve(thing.id).cancel_at_period_end
    await services.subscriptions.resume(owner)
    await services.subscriptions.cancel(owner)
    assert server.client.v1.subscriptions.retrieve(thing.id).cancel_at_period_end
    await services.stripe.cancel(thing.id, at_period_end=False, key="now")
    await services.stripe.cancel(thing.id, at_period_end=False, key="now")
    await deliver(services, event_of(f"b{thing.id}", "customer.subscription.deleted", {"id": thing.id}))
    assert [state["runs"] for state in end_state(module_database, owner)] == [False]


async def test_any_order_with_duplicates_and_failures_ends_in_the_same_state(
    services, server, owner, module_database, monkeypatch
):
    choice = random.Random(4)
    thing = server.subscribe(owner.organization_id)
    away = services_of(services.database, "http://127.0.0.1:1")
    kinds = [
        ("checkout.session.completed", {"subscription": thing.id}),
        ("customer.subscription.created", {"id": thing.id, "status": "incomplete"}),
        ("customer.subscription.updated", {"id": thing.id, "status": "past_due"}),
        ("invoice.paid", {"parent": {"subscription_details": {"subscription": thing.id}}}),
        ("invoice.payment_failed", {"subscription": thing.id}),
        ("invoice.finalized", {"subscription": thing.id}),
    ]
    for turn in range(12):
        cancelled = turn % 2 == 1
        server.client.v1.subscriptions.update(thing.id, {"cancel_at_period_end": cancelled})
        bodies = [event_of(f"{turn}-{n}-{thing.id}", *kind) for n, kind in enumerate(kinds)]
        deliveries = bodies * 2
        choice.shuffle(deliveries)
        outcomes = []
        for body in deliveries:
            if not noted(module_database, json.loads(body)["id"]):
                await fail(choice, services, away, body, monkeypatch)
                assert noted(module_database, json.loads(body)["id"]) == []
            outcomes.append(await deliver(services, body))
        assert outcomes.count("replayed") == len(kinds)
        assert outcomes.count("applied") == 1
        row = {"plan": "pro", "status": "active", "cancel_at_period_end": cancelled, "runs": True}
        assert end_state(module_database, owner) == [row]
    fees = "SELECT count(*) AS n FROM billing.plan_charges WHERE organization_id = %(o)s"
    assert rows(module_database.superuser_dsn, fees, o=owner.organization_id) == [{"n": 1}]


async def fail(choice, services, away, body, monkeypatch):
    """A first delivery of which nothing must remain, sometimes."""

    async def die(*_):
        raise ServiceUnavailable("after the effect, before the marker")

    kind = choice.choice(["none", "provider", "database"])
    if kind == "provider":
        with pytest.raises(ServiceUnavailable, match="cannot be reached"):
            await deliver(away, body)
    elif kind == "database":
        with monkeypatch.context() as patch:
            patch.setattr("footnote.stores.postgres.payments._note", die)
            with pytest.raises(ServiceUnavailable, match="before the marker"):
                await deliver(services, body)


async def test_a_state_that_was_asked_for_earlier_never_replaces_a_later_one(
    services, server, owner, module_database
):
    thing = server.subscribe(owner.organization_id)
    webhooks = services.payment_webhooks
    bodies = [event_of(f"{n}{thing.id}", "customer.subscription.updated", {"id": thing.id}) for n in "xy"]
    early, late = [await webhooks.events.verified(body, signed(body)) for body in bodies]
    asked = await webhooks.inbox.look(early)
    active = await webhooks.events.state(thing.id, asked)
    server.client.v1.subscriptions.cancel(thing.id)
    assert await deliver(services, bodies[1]) == "unchanged"
    assert await webhooks.inbox.apply(early, active) == "stale"
    assert end_state(module_database, owner) == []
    assert noted(module_database, late.event_id) == ["unchanged"]


def _deliver_in_process(test_database, url, body, start, results):
    async def run():
        database = open_database(test_database)
        services = services_of(database, url)
        try:
            return await services.payment_webhooks.receive(body, signed(body))
        finally:
            await database.close()

    start.wait()
    results.put(asyncio.run(run()))


async def test_the_same_event_in_four_processes_has_one_effect(server, owner, module_database):
    thing = server.subscribe(owner.organization_id)
    body = event_of(f"p{thing.id}", "customer.subscription.created", {"id": thing.id})
    spawn = multiprocessing.get_context("spawn")
    start, results = spawn.Barrier(4), spawn.Queue()
    arguments = (module_database, server.url, body, start, results)
    workers = [spawn.Process(target=_deliver_in_process, args=arguments) for _ in range(4)]
    for worker in workers:
        worker.start()
    outcomes = sorted([await asyncio.to_thread(results.get, True, 60) for _ in workers])
    for worker in workers:
        worker.join(10)
    assert outcomes == ["applied", "replayed", "replayed", "replayed"]
    begun = "SELECT count(*) AS n FROM billing.subscription_events WHERE organization_id = %(o)s"
    assert rows(module_database.superuser_dsn, begun, o=owner.organization_id) == [{"n": 1}]


async def test_a_provider_that_is_away_gives_503_and_changes_nothing(
    services, owner, module_database, monkeypatch
):
    away = services_of(services.database, "http://127.0.0.1:1")
    monkeypatch.setattr("functions.billing.subscription.container", lambda: away)
    answer = await FunctionClient(app).call(owner, "POST", "/billing/subscription", {"plan": "pro"})
    assert answer.status_code == 503, answer.text
    assert end_state(module_database, owner) == []


@contextmanager
def receiver(services):
    """Passes requests to the real route; what came of each."""
    loop, statuses = asyncio.get_running_loop(), []

    class Passing(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {"stripe-signature": self.headers["stripe-signature"]}
            call = FunctionClient(app)._client.post(PATH, content=body, headers=headers)
            answer = asyncio.run_coroutine_threadsafe(call, loop).result(30)
            statuses.append((json.loads(body)["type"], answer.status_code))
            self.send_response(answer.status_code)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Passing) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{http.server_port}/", statuses
        finally:
            http.shutdown()


async def test_webhooks_that_the_server_sends_and_signs_reach_the_subscription(
    services, server, owner, module_database
):
    with receiver(services) as (url, statuses):
        server.send_webhooks_to(url)
        await asyncio.to_thread(server.subscribe, owner.organization_id)
        for _ in range(100):
            if any(kind == "customer.subscription.created" for kind, _ in statuses):
                break
            await asyncio.sleep(0.1)
    row = {"plan": "pro", "status": "active", "cancel_at_period_end": False, "runs": True}
    assert end_state(module_database, owner) == [row]
    assert {status for _, status in statuses} == {200}


async def test_usage_is_told_for_the_priced_meters_of_the_plan_and_marked_once(
    services, server, owner, module_database
):
    markers, before = PostgresUsageMarkers(services.database), datetime.now(UTC)
    assert await markers.payer(owner, "stripe", before) is None
    assigned = """
    INSERT INTO quota.custom_plans (organization_id, version, name, price_cents, limits, usage_prices)
    VALUES (%(o)s, 1, 'Ours', 100, '{}', '{"output_tokens": {"cents_per_1000": 2}}') RETURNING version
    """
    rows(module_database.superuser_dsn, assigned, o=owner.organization_id)
    thing = server.subscribe(owner.organization_id, "custom", 1)
    await deliver(services, event_of(f"u{thing.id}", "customer.subscription.created", {"id": thing.id}))
    event = usage_event(owner)
    payer = (thing.customer, {"output_tokens"})
    assert await markers.payer(owner, "stripe", event.created_at) == payer
    assert await markers.payer(owner, "manual", event.created_at) is None
    # What was used before is not told, and what was used under it is told after its end too.
    assert await markers.payer(owner, "stripe", before) is None
    server.client.v1.subscriptions.cancel(thing.id)
    await deliver(services, event_of(f"v{thing.id}", "customer.subscription.deleted", {"id": thing.id}))
    assert await markers.payer(owner, "stripe", datetime.now(UTC)) is None
    assert await markers.payer(owner, "stripe", event.created_at) == payer
    export = UsageExport(markers, services.stripe)
    # The server has no meters: it refuses, and nothing is marked.
    with pytest.raises(FootnoteError):
        await export.consume(Delivery(event))
    assert not await markers.is_marked(export.name, event)
    await asyncio.gather(*(markers.mark(export.name, event) for _ in range(2)))
    assert await markers.is_marked(export.name, event)
    await export.consume(Delivery(event))


def usage_event(context):
    lines = [{"meter": "output_tokens", "model": "a", "units": 5, "cost_micro_usd": 1}]
    now = datetime.now(UTC)
    return Event(context.organization_id, "usage:1:1", "usage.recorded", {"lines": lines}, now)
