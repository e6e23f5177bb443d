"""What it costs: subscriptions, invoices, payments, prices, cost records, budgets."""

from footnote.billing.prices import ANY_MODEL, PriceList, Prices

__all__ = ["ANY_MODEL", "PriceList", "Prices"]
