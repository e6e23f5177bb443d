"""One subscription for an organization: many ways to pay are opened at once, and still nobody pays twice.

Subscriptions, cancellations and refunds are `localstripe`'s; tests/support/stripe_checkout.py has the rest.
"""

import asyncio

import psycopg
import pytest

from footnote.billing import Change, Request, UnreadableState
from footnote.billing.notifications import MailConsumer
from footnote.billing.notifications.wording import wording
from footnote.billing.payments.manual import ManualProvider
from footnote.composition import Container
from footnote.platform.clock import SystemClock
from footnote.platform.errors import Conflict, ServiceUnavailable
from footnote.platform.settings import BillingSettings, QuotaSettings, RateSettings, Settings
from footnote.quota import Delivery, Event
from footnote.stores.secrets.extension import StaticSecrets
from tests.contract.billing.test_stripe import SECRETS, deliver, end_state, event_of, noted
from tests.support.billing import rows
from tests.support.localstripe import local_stripe
from tests.support.organizations import new_organization
from tests.support.stripe_checkout import checkout_stripe


def services_of(database, url, **billing):
    settings = Settings(
        environment="test",
        quota=QuotaSettings(default_plan="free"),
        rates=RateSettings(enabled=False),
        billing=BillingSettings(provider="stripe", stripe_base_url=url, stripe_retries=0, **billing),
    )
    container = Container(settings, SystemClock())
    container.__dict__ |= {"database": database, "secrets": StaticSecrets(SECRETS)}
    return container


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with local_stripe(tmp_path_factory.mktemp("stripe")) as behind, checkout_stripe(behind) as server:
        yield server


@pytest.fixture
def services(database, server):
    return services_of(database, server.url)


def customer_of(database, context):
    statement = "SELECT customer_ref FROM billing.customers WHERE organization_id = %(o)s"
    (row,) = rows(database.superuser_dsn, statement, o=context.organization_id)
    return row["customer_ref"]


def duplicates(database, context):
    statement = (
        "SELECT subscription_ref, rival_ref, settled_at IS NOT NULL AS is_settled, refunded_cents,"
        " refund_refs FROM billing.duplicates WHERE organization_id = %(o)s"
    )
    return rows(database.superuser_dsn, statement, o=context.organization_id)


def told(database, context, topic):
    statement = (
        "SELECT organization_id, event_id, topic, payload, created_at FROM quota.outbox"
        " WHERE organization_id = %(o)s AND topic = %(t)s ORDER BY created_at"
    )
    found = rows(database.superuser_dsn, statement, o=context.organization_id, t=topic)
    return [Event(**row) for row in found]


async def hear(services, thing, kind="customer.subscription.created", number=""):
    return await deliver(services, event_of(f"{number}{kind}{thing.id}", kind, {"id": thing.id}))


def refunds_of(server, thing):
    """Cents that were given back for a subscription, of each of its invoices."""
    client = server.behind.client
    invoices = client.v1.invoices.list({"subscription": thing.id}).data
    found = [client.v1.refunds.list({"charge": invoice.charge}).data for invoice in invoices]
    return [[refund.amount for refund in refunds] for refunds in found]


async def pay_twice(services, server, owner):
    """Two subscriptions of one organization that are both paid, as no prevention can rule out."""
    first = server.behind.subscribe(owner.organization_id)
    second = server.behind.subscribe(owner.organization_id, "enterprise")
    assert await hear(services, first) == "applied"
    assert await hear(services, second) == "duplicate"
    return first, second


async def test_a_second_tab_closes_the_first_ones_checkout(services, server, owner, module_database):
    first = await services.subscriptions.change(owner, "pro", "tab 1")
    second = await services.subscriptions.change(owner, "enterprise", "tab 2")
    assert first.checkout_url != second.checkout_url
    customer = customer_of(module_database, owner)
    assert [server.sessions[one]["url"] for one in server.open_sessions(customer)] == [second.checkout_url]
    third = await services.subscriptions.change(owner, "pro")
    fourth = await services.subscriptions.change(owner, "pro")
    assert third.checkout_url == fourth.checkout_url
    assert len(server.open_sessions(customer)) == 1


async def test_every_attempt_gets_a_checkout_that_can_be_paid_in(services, server, owner, module_database):
    seen = set()
    for _ in range(4):
        change = await services.subscriptions.change(owner, "pro")
        (session_id,) = server.open_sessions(customer_of(module_database, owner))
        assert change.checkout_url == server.sessions[session_id]["url"]
        seen.add(session_id)
        # It runs out, as Stripe's do after a day.
        server.sessions[session_id]["status"] = "expired"
    assert len(seen) == 4


@pytest.mark.parametrize("plans", [("pro", "enterprise"), ("pro", "pro")])
async def test_of_many_at_once_one_checkout_stays_open(services, server, owner, module_database, plans):
    calls = (services.subscriptions.change(owner, plan, f"{n}") for n, plan in enumerate(plans * 4))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {Change, Conflict}
    customer = customer_of(module_database, owner)
    (session_id,) = server.open_sessions(customer)
    open_url = server.sessions[session_id]["url"]
    assert open_url in {outcome.checkout_url for outcome in outcomes if isinstance(outcome, Change)}
    # All of them are the one customer's.
    asked = {
        form["customer"] for form in server.wanted.values() if str(owner.organization_id) in form.values()
    }
    assert asked == {customer}


async def test_what_was_paid_and_not_told_yet_holds_instead_of_a_second_checkout(
    services, server, owner, module_database
):
    await services.subscriptions.change(owner, "pro", "tab 1")
    (session_id,) = server.open_sessions(customer_of(module_database, owner))
    thing = server.pay(session_id)
    with pytest.raises(Conflict, match="has paid for the plan 'pro' already"):
        await services.subscriptions.change(owner, "enterprise", "tab 2")
    change = await services.subscriptions.overview(owner)
    assert (change.plan.plan, change.subscription.provider_ref) == ("pro", thing.id)
    assert server.open_sessions(customer_of(module_database, owner)) == []
    assert await hear(services, thing) == "unchanged"
    # The first request once more: there is nothing to pay any more.
    again = await services.subscriptions.change(owner, "pro", "tab 1")
    assert (again.checkout_url, again.overview.subscription.provider_ref) == (None, thing.id)


async def test_the_same_plan_wished_for_again_after_it_was_paid_is_there(
    services, server, owner, module_database
):
    await services.subscriptions.change(owner, "pro")
    (session_id,) = server.open_sessions(customer_of(module_database, owner))
    thing = server.pay(session_id)
    change = await services.subscriptions.change(owner, "pro")
    assert (change.checkout_url, change.overview.subscription.provider_ref) == (None, thing.id)


async def test_a_session_that_is_paid_while_another_is_opened_is_the_one_that_counts(
    services, server, owner, module_database, monkeypatch
):
    await services.subscriptions.change(owner, "pro")
    customer = customer_of(module_database, owner)
    (session_id,) = server.open_sessions(customer)
    answer, paid = server._answer, []

    def paying(method, path, form):
        if path.endswith(f"{session_id}/expire") and not paid:
            # Not under the server's own lock: the payer's browser is quicker.
            paid.append(server.pay(session_id))
        return answer(method, path, form)

    monkeypatch.setattr(server, "_answer", paying)
    with pytest.raises(Conflict, match="already"):
        await services.subscriptions.change(owner, "enterprise")
    assert server.open_sessions(customer) == []
    overview = await services.subscriptions.overview(owner)
    assert overview.subscription.provider_ref == paid[0].id


async def test_what_was_paid_twice_is_cancelled_and_given_back_in_full_once(
    services, server, owner, module_database
):
    first, second = await pay_twice(services, server, owner)
    (event,) = told(module_database, owner, "subscription.duplicate")
    assert wording(event, "Acme")
    assert MailConsumer(None, None, None).wants(event.topic)
    assert event.payload["subscription_ref"] == second.id
    assert event.payload["rival_ref"] == first.id
    consumer = services.duplicate_refunds
    assert consumer.wants(event.topic)
    # Twice at the same time, and again later.
    await asyncio.gather(*(consumer.consume(Delivery(event)) for _ in range(2)))
    await consumer.consume(Delivery(event))
    client = server.behind.client
    assert client.v1.subscriptions.retrieve(second.id).status == "canceled"
    assert client.v1.subscriptions.retrieve(first.id).status == "active"
    assert refunds_of(server, second) == [[2900]]
    assert refunds_of(server, first) == [[]]
    (duplicate,) = duplicates(module_database, owner)
    assert (duplicate["is_settled"], duplicate["refunded_cents"]) == (True, 2900)
    (refunded,) = told(module_database, owner, "subscription.duplicate_refunded")
    assert refunded.payload["refund_refs"] == duplicate["refund_refs"]
    assert "29.00 were given back" in wording(refunded, "Acme").text
    # What the provider tells of it from now on changes nothing.
    assert await hear(services, second, "customer.subscription.deleted") == "duplicate"
    assert await hear(services, first, "customer.subscription.updated") == "unchanged"
    kept = {"plan": "pro", "status": "active", "cancel_at_period_end": False, "runs": True}
    assert end_state(module_database, owner) == [kept]
    fees = "SELECT amount_cents FROM billing.plan_charges WHERE organization_id = %(o)s"
    assert rows(module_database.superuser_dsn, fees, o=owner.organization_id) == [{"amount_cents": 2900}]


async def test_a_refund_that_the_event_did_not_bring_about_is_the_billers(
    services, server, owner, module_database, monkeypatch
):
    _, second = await pay_twice(services, server, owner)
    (event,) = told(module_database, owner, "subscription.duplicate")
    away = services_of(services.database, "http://127.0.0.1:1")
    with pytest.raises(ServiceUnavailable):
        await away.duplicate_refunds.consume(Delivery(event))
    # It dies between the refund and the mark.
    settle = services.duplicate_refunds._store.settle

    async def die(*_):
        raise ServiceUnavailable("after the refund, before the mark")

    monkeypatch.setattr(services.duplicate_refunds._store, "settle", die)
    with pytest.raises(ServiceUnavailable):
        await services.duplicate_refunds.consume(Delivery(event))
    assert not duplicates(module_database, owner)[0]["is_settled"]
    monkeypatch.setattr(services.duplicate_refunds._store, "settle", settle)
    assert (await services.duplicate_refunds.settle_late(lambda: True))["duplicates_settled"] == 0
    statement = "UPDATE billing.duplicates SET found_at = found_at - interval '1 hour'"
    with psycopg.connect(module_database.superuser_dsn) as connection:
        connection.execute(statement)
    done = await services.biller.work(30)
    assert done["duplicates_settled"] == 1
    assert refunds_of(server, second) == [[2900]]
    assert duplicates(module_database, owner)[0]["is_settled"]


async def test_what_is_paid_for_a_duplicate_after_it_was_given_back_is_given_back_too(
    services, server, owner, module_database
):
    _, second = await pay_twice(services, server, owner)
    (event,) = told(module_database, owner, "subscription.duplicate")
    await services.duplicate_refunds.consume(Delivery(event))
    late = {"parent": {"subscription_details": {"subscription": second.id}}}
    assert await deliver(services, event_of(f"late{second.id}", "invoice.paid", late)) == "duplicate"
    assert not duplicates(module_database, owner)[0]["is_settled"]
    await services.duplicate_refunds.consume(Delivery(event))
    (duplicate,) = duplicates(module_database, owner)
    assert (duplicate["is_settled"], duplicate["refunded_cents"]) == (True, 2900)
    assert refunds_of(server, second) == [[2900]]
    assert len(told(module_database, owner, "subscription.duplicate_refunded")) == 1


async def test_one_that_ended_at_the_provider_unheard_is_no_rival(services, server, owner, module_database):
    first = server.behind.subscribe(owner.organization_id)
    assert await hear(services, first) == "applied"
    server.behind.client.v1.subscriptions.cancel(first.id)
    second = server.behind.subscribe(owner.organization_id, "enterprise")
    # The event of the second one's begin comes before that of the first one's end.
    assert await hear(services, second) == "applied"
    assert await hear(services, first, "customer.subscription.deleted") == "unchanged"
    assert duplicates(module_database, owner) == []
    has = await services.subscriptions.overview(owner)
    assert (has.plan.plan, has.subscription.provider_ref) == ("enterprise", second.id)


async def test_a_paid_subscription_takes_the_place_of_one_by_invoice(
    services, server, owner, module_database
):
    manual = services_of(services.database, server.url)
    manual.__dict__["payment_provider"] = ManualProvider()
    await manual.subscriptions.change(owner, "pro")
    # With Stripe configured later it goes on by invoice: changed and cancelled here, nothing to pay before.
    change = await services.subscriptions.change(owner, "enterprise")
    assert (change.checkout_url, change.overview.subscription.provider) == (None, "manual")
    await services.subscriptions.cancel(owner)
    await services.subscriptions.resume(owner)
    assert await services.subscriptions.portal(owner) is None
    thing = server.behind.subscribe(owner.organization_id)
    assert await hear(services, thing) == "applied"
    assert duplicates(module_database, owner) == []
    has = await services.subscriptions.overview(owner)
    assert (has.plan.plan, has.subscription.provider) == ("pro", "stripe")
    periods = rows(
        module_database.superuser_dsn,
        "SELECT p.period_end <= s.period_start AS is_apart FROM billing.periods p"
        " JOIN billing.subscriptions s USING (organization_id)"
        " WHERE organization_id = %(o)s AND s.ended_at IS NULL",
        o=owner.organization_id,
    )
    assert [row["is_apart"] for row in periods] in ([], [True])


async def test_an_event_of_an_organization_that_is_gone_is_noted_and_ends_nothing(
    services, server, module_database
):
    gone = new_organization(module_database)
    thing = server.behind.subscribe(gone.organization_id)
    with psycopg.connect(module_database.superuser_dsn) as connection:
        connection.execute(
            "DELETE FROM core.organizations WHERE organization_id = %s", (gone.organization_id,)
        )
    assert await hear(services, thing) == "foreign"
    assert await hear(services, thing) == "replayed"
    assert noted(module_database, f"evt_customer.subscription.created{thing.id}") == ["foreign"]
    # Another installation of the same account may have made it: it is not ended.
    assert server.behind.client.v1.subscriptions.retrieve(thing.id).status == "active"


async def test_what_is_not_understood_is_told_to_the_operator_and_comes_again(
    services, server, owner, module_database, monkeypatch, capsys
):
    thing = server.behind.subscribe(owner.organization_id)
    with monkeypatch.context() as patch:
        patch.setattr("footnote.billing.providers.stripe_states._STATUS", {})
        with pytest.raises(UnreadableState, match="status 'active'"):
            await hear(services, thing)
    assert "payment_events_not_understood" in capsys.readouterr().out
    assert noted(module_database, f"evt_customer.subscription.created{thing.id}") == []
    assert await hear(services, thing) == "applied"


async def test_a_customer_that_the_provider_does_not_know_any_more_is_made_anew(
    services, server, owner, module_database
):
    """As when Stripe's test mode was left for the live one."""
    await services.subscription_store.keep_customer(owner, "stripe", "cus_of_test_mode")
    assert (await services.subscriptions.change(owner, "pro")).checkout_url
    customer = customer_of(module_database, owner)
    assert customer != "cus_of_test_mode"
    assert server.behind.client.v1.customers.retrieve(customer).name
    assert len(server.open_sessions(customer)) == 1


async def test_a_customer_is_kept_for_ever(services, owner, module_database):
    store = services.subscription_store
    kept = await asyncio.gather(*(store.keep_customer(owner, "stripe", f"cus_{n}") for n in range(4)))
    assert len(set(kept)) == 1
    assert await store.customer_ref(owner, "stripe") == kept[0]
    assert await store.replayed(owner, Request("none", "nothing")) is None
