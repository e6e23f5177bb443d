"""Invoices: what they say, which rows of the ledger they cover, and how they look as a page."""

from footnote.billing.invoices.composing import Account, PlanCharge, compose, left_over, usage_cents
from footnote.billing.invoices.digest import Tallier, line_of
from footnote.billing.invoices.models import (
    Coverage,
    Invoice,
    InvoiceDocument,
    LedgerOutOfStep,
    Line,
    Party,
    Tally,
)

__all__ = [
    "Account",
    "Coverage",
    "Invoice",
    "InvoiceDocument",
    "LedgerOutOfStep",
    "Line",
    "Party",
    "PlanCharge",
    "Tallier",
    "Tally",
    "compose",
    "left_over",
    "line_of",
    "usage_cents",
]
