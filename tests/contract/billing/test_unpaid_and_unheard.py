"""What nobody pays for ends at the provider too, and what nobody tells of is asked for."""

from dataclasses import replace

import psycopg
import pytest

from footnote.platform.errors import Conflict
from tests.contract.billing.test_paid_twice import hear, services_of
from tests.support.localstripe import local_stripe
from tests.support.stripe_checkout import checkout_stripe


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with local_stripe(tmp_path_factory.mktemp("stripe")) as behind, checkout_stripe(behind) as server:
        yield server


@pytest.fixture
def services(database, server):
    return services_of(database, server.url)


async def test_a_subscription_that_ended_unpaid_is_ended_at_the_provider_before_another_begins(
    services, server, owner, module_database
):
    thing = server.behind.subscribe(owner.organization_id)
    assert await hear(services, thing) == "applied"
    await services.subscription_store.apply_provider_state(owner, await past_due(services, thing))
    assert await services.subscription_store.end_unpaid(owner, 0)
    # It was ended while the provider was not configured, and is still unpaid there.
    fake_status(services, thing.id, "past_due")
    with pytest.raises(Conflict, match="in a minute"):
        await services.subscriptions.change(owner, "pro")
    assert server.behind.client.v1.subscriptions.retrieve(thing.id).status == "canceled"
    assert (await services.subscriptions.change(owner, "pro")).checkout_url


async def past_due(services, thing):
    state = await services.stripe.state(thing.id, await services.subscription_store.now())
    return replace(state, status="past_due")


def fake_status(services, reference, status):
    """`localstripe` has no card that fails later."""
    state = services.stripe.state

    async def faked(subscription_ref, asked_at):
        found = await state(subscription_ref, asked_at)
        return replace(found, status=status) if subscription_ref == reference and found else found

    services.stripe.state = faked


async def unpaid_for_weeks(services, server, owner, database):
    """A subscription whose time of grace is over."""
    thing = server.behind.subscribe(owner.organization_id)
    assert await hear(services, thing) == "applied"
    with psycopg.connect(database.superuser_dsn) as connection:
        connection.execute(
            "UPDATE billing.subscriptions SET status = 'past_due',"
            " past_due_since = now() - interval '60 days' WHERE organization_id = %s",
            (owner.organization_id,),
        )
    return thing


async def test_a_change_is_decided_on_what_is_at_the_provider(services, server, owner, module_database):
    """It was cancelled in Stripe's portal a moment ago, and nobody has told of it yet."""
    thing = server.behind.subscribe(owner.organization_id)
    assert await hear(services, thing) == "applied"
    client = server.behind.client
    client.v1.subscriptions.update(thing.id, {"cancel_at_period_end": True})
    assert (await services.subscriptions.resume(owner)).overview.subscription.cancel_at_period_end is False
    assert client.v1.subscriptions.retrieve(thing.id).cancel_at_period_end is False
    client.v1.subscriptions.cancel(thing.id)
    with pytest.raises(Conflict, match="has no subscription"):
        await services.subscriptions.cancel(owner)
    assert (await services.subscriptions.change(owner, "pro")).checkout_url


async def test_what_nobody_told_of_is_asked_for(services, server, owner, module_database, monkeypatch):
    """The events of the period's end were given up: it was cancelled at the provider."""
    thing = server.behind.subscribe(owner.organization_id)
    assert await hear(services, thing) == "applied"
    assert (await services.biller.work(30))["states_brought"] == 0
    server.behind.client.v1.subscriptions.cancel(thing.id)
    shift = (
        "UPDATE billing.subscriptions SET anchor = anchor - interval '2 months',"
        " period_start = period_start - interval '2 months', period_end = now() - interval '7 hours'"
        " WHERE organization_id = %s"
    )
    with psycopg.connect(module_database.superuser_dsn) as connection:
        connection.execute(shift, (owner.organization_id,))
    away = services_of(services.database, "http://127.0.0.1:1")
    assert (await away.biller.work(30))["states_failed"] == 1
    assert (await services.biller.work(30))["states_brought"] == 1
    assert (await services.subscriptions.overview(owner)).subscription is None


async def test_one_that_the_provider_does_not_know_is_not_ended_for_that(
    services, server, owner, module_database
):
    """As when the key is of another account. It runs unpaid until then, which operators are told."""
    await hear(services, server.behind.subscribe(owner.organization_id))
    with psycopg.connect(module_database.superuser_dsn) as connection:
        connection.execute(
            "UPDATE billing.subscriptions SET provider_ref = 'sub_lost',"
            " period_start = now() - interval '9 days', period_end = now() - interval '8 days'"
            " WHERE organization_id = %s",
            (owner.organization_id,),
        )
    done = await services.biller.work(30)
    assert (done["states_brought"], done["states_failed"]) == (0, 1)
    assert (await services.subscriptions.overview(owner)).subscription is not None


async def test_what_was_paid_at_the_last_moment_is_not_ended(services, server, owner, module_database):
    thing = await unpaid_for_weeks(services, server, owner, module_database)
    await services.biller._end_unpaid(owner)
    assert server.behind.client.v1.subscriptions.retrieve(thing.id).status == "active"
    assert (await services.subscriptions.overview(owner)).subscription.status == "active"


async def test_what_ends_unpaid_ends_at_the_provider_too(services, server, owner, module_database):
    thing = await unpaid_for_weeks(services, server, owner, module_database)
    fake_status(services, thing.id, "past_due")
    assert await services.biller._end_unpaid(owner)
    assert server.behind.client.v1.subscriptions.retrieve(thing.id).status == "canceled"
    assert (await services.subscriptions.overview(owner)).subscription is None


async def test_an_unpaid_one_that_the_provider_does_not_know_any_more_ends(
    services, server, owner, module_database
):
    await unpaid_for_weeks(services, server, owner, module_database)
    with psycopg.connect(module_database.superuser_dsn) as connection:
        connection.execute(
            "UPDATE billing.subscriptions SET provider_ref = 'sub_unknown' WHERE organization_id = %s",
            (owner.organization_id,),
        )
    assert await services.biller._end_unpaid(owner)
    assert (await services.subscriptions.overview(owner)).subscription is None
