"""Invoices: what they say, which rows of the ledger they cover, and how they look as a page."""

from footnote.billing.invoices.composing import Account, PlanCharge, compose, usage_cents
from footnote.billing.invoices.digest import Tallier, line_of
from footnote.billing.invoices.models import Coverage, Invoice, InvoiceDocument, Line, Party, Tally

__all__ = [
    "Account",
    "Coverage",
    "Invoice",
    "InvoiceDocument",
    "Line",
    "Party",
    "PlanCharge",
    "Tallier",
    "Tally",
    "compose",
    "line_of",
    "usage_cents",
]
