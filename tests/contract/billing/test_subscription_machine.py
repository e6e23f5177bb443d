"""Any sequence of payments, events, their delay, changes and periods: one subscription is in force."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import count, pairwise

import psycopg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg.rows import dict_row

from footnote.billing import Beginning, Request
from footnote.billing.payments.webhooks import PaymentWebhooks
from footnote.composition import Container
from footnote.platform.clock import SystemClock
from footnote.platform.errors import Conflict
from footnote.platform.settings import BillingSettings, QuotaSettings, Settings
from footnote.stores.postgres.payments import PostgresEventInbox
from tests.support.billing import Times
from tests.support.organizations import new_organization, open_database
from tests.support.payment_model import PaymentModel
from tests.support.quota import NIGHTLY

EXAMPLES, STEPS = (1_000, 60) if NIGHTLY else (20, 25)
START = datetime(2027, 1, 31, 20, tzinfo=UTC)
REFS = st.sampled_from(["sub_1", "sub_2", "sub_3"])
PLANS = st.sampled_from([("pro", 1), ("enterprise", 1)])
HOURS = st.sampled_from([1, 24, 24 * 9, 24 * 27, 24 * 31, 24 * 63])
GRACE_S = BillingSettings().grace_days * 86_400


class Payments(RuleBasedStateMachine):
    """One organization; a subclass names the database."""

    database = None

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        dsn = self.database.superuser_dsn
        self.context = new_organization(self.database)
        self.times = Times(dsn)
        self.connection = open_database(self.database)
        self.superuser = psycopg.connect(dsn, autocommit=True, row_factory=dict_row)
        self.model = PaymentModel(self.context.organization_id, START)
        services = self.services()
        self.store, self.subscriptions = services.subscription_store, services.subscriptions
        self.refunds, self.biller = services.duplicate_refunds, services.biller
        self.webhooks = PaymentWebhooks(self.model, PostgresEventInbox(self.connection, "free"))
        self.times.travel(START)
        self.numbers = count()
        self.late = []
        self.sent = []
        self.manual_fees = 0

    def services(self):
        settings = Settings(
            environment="test",
            quota=QuotaSettings(default_plan="free"),
            billing=BillingSettings(provider="stripe", invoice_delay_s=0),
        )
        services = Container(settings, SystemClock())
        services.__dict__ |= {"database": self.connection, "payment_provider": self.model}
        return services

    def rows(self, statement):
        return self.superuser.execute(statement, {"o": self.context.organization_id}).fetchall()

    def event(self):
        return f"evt_{self.context.organization_id}_{next(self.numbers)}"

    # What happens at the provider

    @rule(ref=REFS, plan=PLANS, status=st.sampled_from(["active", "active", "past_due", "trialing"]))
    def somebody_pays(self, ref, plan, status):
        self.model.pay(f"{ref}_{self.context.organization_id}", plan, status)

    @rule(ref=REFS, change=st.sampled_from([
        {"status": "past_due"}, {"status": "active"}, {"status": "cancelled"}, {"is_cancelled": True},
        {"is_cancelled": False}, {"plan": ("pro", 1)}, {"plan": ("enterprise", 1)}]))  # fmt: skip
    def it_changes_there(self, ref, change):
        ref = f"{ref}_{self.context.organization_id}"
        if ref in self.model.running:
            self.model.set(ref, **change)

    @rule(hours=HOURS)
    def time_passes(self, hours):
        self.model.pass_time(self.model.now + timedelta(hours=hours))
        self.times.travel(self.model.now)

    # What is told

    @rule(ref=REFS, again=st.booleans())
    def an_event_comes(self, ref, again):
        ref = f"{ref}_{self.context.organization_id}"
        event = self.sent[-1] if again and self.sent else (ref, self.event())
        self.sent.append(event)
        self.runner.run(self.webhooks.receive(event[0].encode(), event[1]))

    @rule(ref=REFS)
    def a_state_is_asked_for(self, ref):
        ref = f"{ref}_{self.context.organization_id}"
        state = self.runner.run(self.model.state(ref, datetime.now(UTC)))
        if state is not None:
            self.late.append(state)

    @rule(pick=st.integers(0, 30))
    @precondition(lambda self: self.late)
    def a_state_comes_late(self, pick):
        state = self.late[pick % len(self.late)]
        self.runner.run(self.store.apply_provider_state(self.context, state))

    # What is done here

    @rule(plan=st.sampled_from(["pro", "enterprise", "free"]))
    def the_plan_is_changed(self, plan):
        self.attempt(self.subscriptions.change(self.context, plan))

    @rule(cancels=st.booleans())
    def it_is_cancelled_or_resumed(self, cancels):
        act = self.subscriptions.cancel if cancels else self.subscriptions.resume
        self.attempt(act(self.context))

    def attempt(self, call):
        """Only a named conflict may keep it from being done."""
        before = self.fees_of_manual()
        with suppress(Conflict):
            self.runner.run(call)
        assert self.fees_of_manual() >= before

    @rule()
    def it_is_subscribed_by_invoice(self):
        plan = self.runner.run(self.store.decide(self.context, "pro"))
        if plan.subscription is None:
            beginning = Beginning(plan.plan, "manual")
            self.runner.run(self.store.begin(self.context, beginning, Request(None, "")))

    @rule(is_configured=st.booleans())
    def the_biller_works(self, is_configured):
        """Where the provider is not configured, what ends unpaid goes on there."""
        while self.runner.run(self.store.advance(self.context)):
            pass
        if is_configured:
            self.runner.run(self.biller._end_unpaid(self.context))
        else:
            self.runner.run(self.store.end_unpaid(self.context, GRACE_S))

    @rule()
    def what_was_paid_twice_is_given_back(self):
        for duplicate in self.noted():
            self.runner.run(self.refunds.settle(self.context, "stripe", duplicate))

    # What rarely comes about by itself
    @rule(ref=REFS, plan=PLANS)
    def it_ends_unpaid_and_is_paid_again(self, ref, plan):
        self.somebody_pays(ref, plan, "active")
        self.an_event_comes(ref, again=False)
        self.it_changes_there(ref, {"status": "past_due"})
        self.an_event_comes(ref, again=False)
        self.time_passes(24 * 9)
        self.the_biller_works(is_configured=False)
        self.it_changes_there(ref, {"status": "active"})
        self.an_event_comes(ref, again=False)

    @rule(ref=REFS, plan=PLANS)
    def one_is_heard_of_after_one_by_invoice(self, ref, plan):
        self.somebody_pays(ref, plan, "active")
        self.time_passes(24)
        self.it_is_subscribed_by_invoice()
        self.time_passes(24 * 9)
        self.an_event_comes(ref, again=False)

    # What always holds

    def noted(self):
        found = self.rows("SELECT subscription_ref FROM billing.duplicates WHERE organization_id = %(o)s")
        return [row["subscription_ref"] for row in found]

    def current(self):
        found = self.rows(
            "SELECT * FROM billing.subscriptions WHERE organization_id = %(o)s AND ended_at IS NULL"
        )
        assert len(found) <= 1
        return found[0] if found else None

    def fees_of_manual(self):
        (row,) = self.rows(
            "SELECT (SELECT count(*) FROM billing.plan_charges"
            "         WHERE organization_id = %(o)s AND kind = 'fee')"
            "     - (SELECT count(*) FROM billing.provider_fees WHERE organization_id = %(o)s) AS fees"
        )
        return row["fees"]

    @invariant()
    def a_fee_is_charged_once_for_a_period_of_the_provider(self):
        """Fees beyond those noted, each of which is noted once, are of subscriptions by invoice."""
        fees = self.fees_of_manual()
        assert fees >= 0
        if not self.rows(
            "SELECT FROM billing.subscriptions WHERE organization_id = %(o)s AND provider = 'manual'"
        ):
            assert fees == 0

    @invariant()
    def periods_do_not_overlap(self):
        found = self.rows(
            "SELECT period_start, period_end FROM billing.periods WHERE organization_id = %(o)s"
            " ORDER BY period_start"
        )
        assert all(first["period_end"] <= second["period_start"] for first, second in pairwise(found))
        current = self.current()
        if current is not None and found:
            assert current["period_start"] >= found[-1]["period_end"]

    @invariant()
    def no_more_is_given_back_than_was_charged(self):
        found = self.rows(
            "SELECT sum(amount_cents) AS cents FROM billing.plan_charges WHERE organization_id = %(o)s"
            " GROUP BY period_start"
        )
        assert all(row["cents"] >= 0 for row in found)

    @invariant()
    def what_is_in_force_is_no_duplicate(self):
        current = self.current()
        assert current is None or current["provider_ref"] not in self.noted()

    def teardown(self):
        try:
            self.comes_to_rest()
        finally:
            self.times.back()
            self.superuser.close()
            self.runner.run(self.connection.close())
            self.runner.close()

    def comes_to_rest(self):
        """All events are told at last, and all that was paid twice given back."""
        for _ in range(3):
            self.what_was_paid_twice_is_given_back()
            for ref in self.model.running:
                self.runner.run(self.webhooks.receive(ref.encode(), self.event()))
        current, noted = self.current(), self.noted()
        live = self.model.live()
        assert not set(live) & set(noted)
        assert set(noted) <= set(self.model.given_back)
        paid = [ref for ref in live if self.model.running[ref].status != "past_due"]
        assert len(paid) <= 1
        overview = self.runner.run(self.store.overview(self.context))
        if paid:
            assert current["provider_ref"] == paid[0]
            assert (current["plan"], current["plan_version"]) == self.model.running[paid[0]].plan
        elif current is not None and current["provider_ref"] is not None:
            assert current["provider_ref"] in live
        entitled = self.rows("SELECT plan FROM quota.entitlements WHERE organization_id = %(o)s")
        in_force = current["plan"] if current is not None else "free"
        assert [row["plan"] for row in entitled] in ([], [in_force])
        assert overview.plan.plan == in_force


def test_one_subscription_is_in_force_whatever_comes(module_database):
    machine = type("On", (Payments,), {"database": module_database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
