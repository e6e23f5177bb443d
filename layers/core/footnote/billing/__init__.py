"""What it costs: subscriptions, invoices, payments, prices, cost records, budgets."""

from footnote.billing.charges import Asked, Bounds, Charge, Charges, KeptResponse
from footnote.billing.metering import ANY, Cost, used_lines
from footnote.billing.payments import (
    Checkout,
    GivenBack,
    Payer,
    PaymentProvider,
    PricedPlan,
    ProviderSubscription,
    SubscriptionStatus,
    UnreadableState,
)
from footnote.billing.plans import CUSTOM, Plan, PlanDocument, PlanStore, UsagePrice
from footnote.billing.prices import ANY_MODEL, PriceList, Prices
from footnote.billing.profiles import BillingProfile, ProfileChange, ProfileStore
from footnote.billing.subscription_models import (
    Beginning,
    Change,
    Decision,
    Overview,
    Request,
    Subscription,
    SubscriptionStore,
)
from footnote.billing.subscriptions import Subscriptions

__all__ = [
    "ANY",
    "ANY_MODEL",
    "CUSTOM",
    "Asked",
    "Beginning",
    "BillingProfile",
    "Bounds",
    "Change",
    "Charge",
    "Charges",
    "Checkout",
    "Cost",
    "Decision",
    "GivenBack",
    "KeptResponse",
    "Overview",
    "Payer",
    "PaymentProvider",
    "Plan",
    "PlanDocument",
    "PlanStore",
    "PriceList",
    "PricedPlan",
    "Prices",
    "ProfileChange",
    "ProfileStore",
    "ProviderSubscription",
    "Request",
    "Subscription",
    "SubscriptionStatus",
    "SubscriptionStore",
    "Subscriptions",
    "UnreadableState",
    "UsagePrice",
    "used_lines",
]
