"""Taking money: a port, and one adapter for each provider."""

from footnote.billing.payments.ports import (
    Checkout,
    GivenBack,
    Payer,
    PaymentProvider,
    PricedPlan,
    ProviderSubscription,
    SubscriptionStatus,
    UnknownPayer,
    UnreadableState,
)

__all__ = [
    "Checkout",
    "GivenBack",
    "Payer",
    "PaymentProvider",
    "PricedPlan",
    "ProviderSubscription",
    "SubscriptionStatus",
    "UnknownPayer",
    "UnreadableState",
]
