"""Plans, subscriptions, invoices, usage."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from footnote.composition.metering import Metering
from footnote.platform.errors import NotFound

if TYPE_CHECKING:
    from footnote.billing import PaymentProvider, Subscriptions
    from footnote.billing.biller import Biller
    from footnote.billing.payments.duplicates import DuplicateRefunds
    from footnote.billing.payments.webhooks import PaymentWebhooks
    from footnote.billing.providers.stripe import StripeProvider
    from footnote.quota import Consumer
    from footnote.stores.postgres.billing import PostgresPlanStore
    from footnote.stores.postgres.billing_invoices import PostgresInvoiceStore
    from footnote.stores.postgres.billing_profiles import PostgresProfileStore
    from footnote.stores.postgres.billing_subscriptions import PostgresSubscriptionStore
    from footnote.stores.postgres.billing_usage import PostgresUsageStore
    from footnote.stores.postgres.provider_invoices import PostgresProviderInvoices


class Billing(Metering):
    """Services of billing."""

    @cached_property
    def plans(self) -> PostgresPlanStore:
        from footnote.stores.postgres.billing import PostgresPlanStore

        return PostgresPlanStore(self.database)

    @cached_property
    def billing_profiles(self) -> PostgresProfileStore:
        from footnote.stores.postgres.billing_profiles import PostgresProfileStore

        return PostgresProfileStore(self.database)

    @cached_property
    def subscription_store(self) -> PostgresSubscriptionStore:
        from footnote.stores.postgres.billing_subscriptions import PostgresSubscriptionStore

        return PostgresSubscriptionStore(self.database, self.settings.quota.default_plan)

    @cached_property
    def payment_provider(self) -> PaymentProvider:
        if self.settings.billing.provider == "stripe":
            return self.stripe
        from footnote.billing.payments.manual import ManualProvider

        return ManualProvider()

    @cached_property
    def stripe(self) -> StripeProvider:
        from footnote.billing.providers.stripe import StripeProvider
        from footnote.billing.providers.stripe_calls import StripeCalls

        return StripeProvider(StripeCalls(self.settings.billing, self.secrets))

    @cached_property
    def payment_webhooks(self) -> PaymentWebhooks:
        """What Stripe tells.

        Raises:
            NotFound: Payments do not go through Stripe.
        """
        from footnote.billing.payments.webhooks import PaymentWebhooks
        from footnote.stores.postgres.payments import PostgresEventInbox

        if self.settings.billing.provider != "stripe":
            raise NotFound("Payments do not go through Stripe here.")
        inbox = PostgresEventInbox(self.database, self.settings.quota.default_plan)
        return PaymentWebhooks(self.stripe, inbox)

    def event_consumers(self) -> list[Consumer]:
        """Usage is told to Stripe, where payments go through it; what was paid twice is given back."""
        consumers = super().event_consumers()
        if self.settings.billing.provider == "stripe":
            from footnote.billing.payments.usage import UsageExport
            from footnote.stores.postgres.payments import PostgresUsageMarkers

            consumers.append(UsageExport(PostgresUsageMarkers(self.database), self.stripe))
        consumers.append(self.duplicate_refunds)
        return consumers

    @cached_property
    def duplicate_refunds(self) -> DuplicateRefunds:
        from footnote.billing.payments.duplicates import DuplicateRefunds
        from footnote.stores.postgres.billing_duplicates import PostgresDuplicateStore

        store = PostgresDuplicateStore(self.database, self.settings.quota.default_plan)
        return DuplicateRefunds(store, self.payment_provider)

    @cached_property
    def subscriptions(self) -> Subscriptions:
        from footnote.billing import Subscriptions

        return Subscriptions(
            self.subscription_store, self.billing_profiles, self.payment_provider, self.settings.billing
        )

    @cached_property
    def invoice_store(self) -> PostgresInvoiceStore:
        from footnote.stores.postgres.billing_invoices import PostgresInvoiceStore

        return PostgresInvoiceStore(self.database, self.settings.billing, self.settings.quota.default_plan)

    @cached_property
    def provider_invoices(self) -> PostgresProviderInvoices:
        from footnote.stores.postgres.provider_invoices import PostgresProviderInvoices

        return PostgresProviderInvoices(self.database)

    @cached_property
    def usage(self) -> PostgresUsageStore:
        from footnote.stores.postgres.billing_usage import PostgresUsageStore

        return PostgresUsageStore(self.database)

    @cached_property
    def biller(self) -> Biller:
        """For `biller`."""
        from footnote.billing.biller import Biller
        from footnote.billing.payments.unheard import UnheardSubscriptions
        from footnote.stores.postgres.billing_closings import PostgresClosings

        billing = self.settings.billing
        return Biller(
            self.subscription_store,
            self.invoice_store,
            PostgresClosings(self.database, billing, self.settings.quota.default_plan),
            self.payment_provider,
            billing,
            self.clock,
            self.duplicate_refunds,
            UnheardSubscriptions(self.subscription_store, self.payment_provider),
        )
