"""What it costs: subscriptions, invoices, payments, prices, cost records, budgets."""

from footnote.billing.charges import Asked, Bounds, Charge, Charges, KeptResponse
from footnote.billing.metering import ANY, Cost, used_lines
from footnote.billing.plans import CUSTOM, Plan, PlanDocument, PlanStore, UsagePrice
from footnote.billing.prices import ANY_MODEL, PriceList, Prices

__all__ = [
    "ANY",
    "ANY_MODEL",
    "CUSTOM",
    "Asked",
    "Bounds",
    "Charge",
    "Charges",
    "Cost",
    "KeptResponse",
    "Plan",
    "PlanDocument",
    "PlanStore",
    "PriceList",
    "Prices",
    "UsagePrice",
    "used_lines",
]
