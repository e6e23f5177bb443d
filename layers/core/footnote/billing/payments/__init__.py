"""Taking money: a port, and one adapter for each provider."""

from footnote.billing.payments.ports import (
    Checkout,
    Payer,
    PaymentProvider,
    PricedPlan,
    ProviderSubscription,
    SubscriptionStatus,
)

__all__ = [
    "Checkout",
    "Payer",
    "PaymentProvider",
    "PricedPlan",
    "ProviderSubscription",
    "SubscriptionStatus",
]
