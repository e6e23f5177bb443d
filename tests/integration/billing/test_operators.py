"""What operators do, by the command."""

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from typer.testing import CliRunner

from footnote.billing import Subscriptions
from footnote.billing.payments.manual import ManualProvider
from footnote.platform.settings import BillingSettings
from footnote.stores.postgres.billing_invoices import PostgresInvoiceStore
from footnote.stores.postgres.billing_profiles import PostgresProfileStore
from footnote.stores.postgres.billing_subscriptions import PostgresSubscriptionStore
from local.cli import build_app
from local.cli.billing import DSN_VARIABLE
from tests.contract.billing.test_subscriptions import state_of
from tests.support.billing import travelling
from tests.support.organizations import new_organization

PLAN = {
    "plan": "pro",
    "name": "Pro Plan",
    "price_cents": 3500,
    "limits": {"messages": 2000, "api_calls": None},
}
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def command(module_database, monkeypatch, tmp_path):
    monkeypatch.setenv(DSN_VARIABLE, module_database.dsn("footnote_owner"))

    def run(*arguments, document=None):
        if document is not None:
            file = tmp_path / "plan.json"
            file.write_text(json.dumps(document))
            arguments = (*arguments, str(file))
        return CliRunner().invoke(build_app(), [str(argument) for argument in arguments])

    return run


@pytest.fixture
def store(database):
    return PostgresSubscriptionStore(database, "free")


@pytest.fixture
def subscriptions(database, store):
    return Subscriptions(store, PostgresProfileStore(database), ManualProvider(), BillingSettings())


async def test_a_new_version_leaves_subscriptions_as_they_are(command, subscriptions, store, module_database):
    before, after = new_organization(module_database), new_organization(module_database)
    await subscriptions.change(before, "pro")
    published = await asyncio.to_thread(command, "plans", "publish", document=PLAN)
    assert (published.exit_code, "version 2" in published.output) == (0, True), published.output
    await subscriptions.change(before, "pro")
    await subscriptions.change(after, "pro")
    held = [(await subscriptions.overview(one)).plan for one in (before, after)]
    assert [(plan.version, plan.price_cents) for plan in held] == [(1, 2900), (2, 3500)]
    with psycopg.connect(module_database.dsn("footnote_owner")) as connection:
        for statement in ("UPDATE quota.plans SET price_cents = 1", "DELETE FROM quota.plans"):
            with pytest.raises(psycopg.errors.RaiseException, match="never changed"):
                connection.execute(statement)
            connection.rollback()


async def test_a_plan_of_ones_own_is_offered_to_its_organization_alone(
    command, subscriptions, module_database
):
    owner, other = new_organization(module_database), new_organization(module_database)
    own = {"name": "Yours", "price_cents": 50_000, "limits": {"messages": None}, "features": ["sso"]}
    done = await asyncio.to_thread(command, "plans", "assign", owner.organization_id, document=own)
    assert done.exit_code == 0, done.output
    assert (await subscriptions.change(owner, "custom")).overview.plan.name == "Yours"
    with pytest.raises(Exception, match="no plan 'custom'"):
        await subscriptions.change(other, "custom")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"price_cents": -1}, "price_cents"),
        ({"limits": {"mesages": 1}}, "mesages"),
        ({"usage_prices": {"storage_bytes": {"cents_per_1000": 1}}}, "storage_bytes"),
        ({"usage_prices": {"messages": {"included": 1}}}, "cents_per_1000 or micro_usd_per_unit"),
        ({"color": "red"}, "color"),
        ({"plan": "custom"}, "assign it"),
    ],
)
def test_what_is_wrong_with_a_plan_is_said(command, change, says):
    done = command("plans", "publish", document=PLAN | change)
    assert done.exit_code == 1
    assert says in done.stderr


async def test_an_invoice_that_is_paid_late_makes_the_subscription_active_again(
    command, subscriptions, store, database, module_database
):
    invoices = PostgresInvoiceStore(database, BillingSettings(invoice_delay_s=0), "free")
    owner = new_organization(module_database)
    with travelling(module_database.superuser_dsn) as times:
        times.travel(APRIL)
        await subscriptions.change(owner, "enterprise")
        times.travel(MAY)
        assert await store.advance(owner)
        number = (await invoices.issue_next(owner)).document.number
        times.travel(MAY + timedelta(days=15, seconds=-1))
        assert not await store.advance(owner)
        times.travel(MAY + timedelta(days=15))
        assert await store.advance(owner)
        assert (await subscriptions.overview(owner)).subscription.status == "past_due"
        for _ in range(2):
            done = await asyncio.to_thread(command, "invoices", "pay", owner.organization_id, number)
            assert (done.exit_code, "was paid 2026-05-16" in done.output) == (0, True), done.output
        assert (await subscriptions.overview(owner)).subscription.status == "active"
        assert not await store.advance(owner)
    (invoice,) = await invoices.page(owner, 10)
    verified = await asyncio.to_thread(
        command, "invoices", "verify", owner.organization_id, invoice.invoice_id
    )
    assert (verified.exit_code, "as on the invoice" in verified.output) == (0, True), verified.output
    stranger = new_organization(module_database)
    lost = await asyncio.to_thread(command, "invoices", "pay", stranger.organization_id, number)
    assert (lost.exit_code, "no such invoice" in lost.stderr) == (1, True)


async def test_what_was_paid_twice_is_listed(command, store, module_database):
    owner = new_organization(module_database)
    asked = await asyncio.to_thread(command, "invoices", "duplicates", owner.organization_id)
    assert (asked.exit_code, "none was paid for twice" in asked.output) == (0, True), asked.output
    first = state_of(owner)
    await store.apply_provider_state(owner, first)
    await store.apply_provider_state(owner, replace(first, subscription_ref="sub_second"))
    asked = await asyncio.to_thread(command, "invoices", "duplicates", owner.organization_id)
    assert "stripe sub_second, beside sub_" in asked.output
    assert "not yet" in asked.output
    by_hand = ("invoices", "settle", owner.organization_id, "sub_second", "2900", "bank-7")
    done = await asyncio.to_thread(command, *by_hand)
    assert (done.exit_code, "29.00 were given back" in done.output) == (0, True), done.output
    asked = await asyncio.to_thread(command, "invoices", "duplicates", owner.organization_id)
    assert "not yet" not in asked.output
    assert "bank-7" in asked.output
    again = await asyncio.to_thread(command, *by_hand)
    assert (again.exit_code, "no second subscription" in again.stderr) == (1, True)
