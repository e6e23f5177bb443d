"""The payment provider's invoices beside ours, on a Stripe server that others wrote and a real database."""

from dataclasses import replace
from datetime import timedelta

import pytest

from footnote.billing.proration import period_after
from footnote.stores.postgres.billing_invoices import PostgresInvoiceStore
from functions.billing.handler import app
from tests.contract.billing.test_stripe import deliver, event_of, services_of, signed
from tests.support.billing import rows
from tests.support.functions import FunctionClient
from tests.support.localstripe import local_stripe


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with local_stripe(tmp_path_factory.mktemp("stripe")) as server:
        yield server


@pytest.fixture
def services(database, server, monkeypatch):
    container = services_of(database, server.url)
    monkeypatch.setattr("functions.billing.invoices.container", lambda: container)
    monkeypatch.setattr("footnote.composition.admission_edge.container", lambda: container)
    return container


async def paid(services, server, thing, number=1):
    """The event of the invoice that was paid when the subscription began."""
    invoice = server.client.v1.subscriptions.retrieve(thing.id).latest_invoice
    told = {"id": invoice, "subscription": thing.id}
    return await deliver(services, event_of(f"{number}{invoice}", "invoice.paid", told))


async def test_a_paid_invoice_is_shown_beside_ours(services, server, owner, times, module_database):
    thing = server.subscribe(owner.organization_id)
    assert await paid(services, server, thing) == "applied"
    assert await paid(services, server, thing, 2) == "unchanged"
    (kept,) = rows(
        module_database.superuser_dsn,
        "SELECT status, currency, total_cents, plan_cents FROM billing.provider_invoices"
        " WHERE organization_id = %(o)s",
        o=owner.organization_id,
    )
    assert kept == {"status": "paid", "currency": "USD", "total_cents": 2900, "plan_cents": 2900}
    state = await services.stripe.state(thing.id, await services.subscription_store.now())
    times.travel(state.period_end + timedelta(days=3))
    end = period_after(state.period_end, state.period_end)
    await services.subscription_store.apply_provider_state(
        owner, replace(state, period_start=state.period_end, period_end=end)
    )
    invoices = PostgresInvoiceStore(services.database, services.settings.billing, "free")
    issued = await invoices.issue_next(owner)
    api = FunctionClient(app)
    listed = (await api.call(owner, "GET", "/billing/invoices")).json()["invoices"]
    (provided,) = listed[0]["provider_invoices"]
    assert (provided["status"], provided["total_cents"], provided["paid_cents"]) == ("paid", 2900, 2900)
    one = (await api.call(owner, "GET", f"/billing/invoices/{issued.invoice_id}")).json()
    assert (one["state"], one["provider_invoices"]) == ("external", [provided])


async def test_another_price_at_the_provider_is_told_to_the_operator(
    services, server, owner, module_database, capsys
):
    # The server's plan costs 29, ours 99.
    thing = server.subscribe(owner.organization_id, "enterprise")
    assert await paid(services, server, thing) == "applied"
    assert "provider_invoice_differences" in capsys.readouterr().out
    other = server.subscribe(owner.organization_id)
    assert await paid(services, server, other) == "duplicate"
    assert "provider_invoice_differences" not in capsys.readouterr().out


async def test_an_older_state_of_an_invoice_never_replaces_a_newer_one(
    services, server, owner, module_database
):
    thing = server.subscribe(owner.organization_id)
    webhooks = services.payment_webhooks
    told = {"id": server.client.v1.subscriptions.retrieve(thing.id).latest_invoice, "subscription": thing.id}
    asked = await services.subscription_store.now()
    assert await paid(services, server, thing) == "applied"
    early = await webhooks.events.invoice(told["id"], asked)
    state = await webhooks.events.state(thing.id, await services.subscription_store.now())
    body = event_of(f"early{told['id']}", "invoice.finalized", told)
    event = await webhooks.events.verified(body, signed(body))
    await webhooks.inbox.apply(event, state, None, replace(early, status="open", paid_cents=0))
    statement = "SELECT status FROM billing.provider_invoices WHERE organization_id = %(o)s"
    assert rows(module_database.superuser_dsn, statement, o=owner.organization_id) == [{"status": "paid"}]
