"""What may be used, and what it costs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from footnote.platform.settings.section import Section


class QuotaSettings(Section):
    """Holds and plans. `default_plan` is that of organizations that have subscribed to none."""

    default_plan: str = "free"


class RateSettings(Section):
    """Requests a minute of one caller, by route class (section 7 of the reference document).

    Plans, organizations, members and keys may have their own; those are read anew after `terms_keep_s`.
    `address_per_minute` is for one address at routes that need no sign-in, `organization_per_minute` for all
    calls of an organization together.
    """

    enabled: bool = True
    default_per_minute: int = 100
    chat_per_minute: int = 30
    search_per_minute: int = 60
    address_per_minute: int = 60
    organization_per_minute: int | None = None
    terms_keep_s: float = 10.0


class BillingSettings(Section):
    """Subscriptions, invoices and payments.

    Payers come back from a provider's pages to `return_url`. Invoices are issued `invoice_delay_s` after the
    end of their period, numbered `issuer`-year-number, in the seller's name, and are due `due_days` later.
    Who does not pay keeps the plan for `grace_days`.

    Prices of models are read anew after `prices_keep_s`. Where self-hosted models are kept for the
    organization alone, `dedicated_compute_hours_a_day` is for how many hours a day.

    The secrets `stripe_secret` (the API's key) and `stripe_webhook_secret` (what webhooks are signed with)
    are texts. A call of Stripe may take `stripe_timeout_s`, and is repeated `stripe_retries` times.
    """

    provider: Literal["manual", "stripe"] = "manual"
    stripe_secret: str = "footnote/stripe"  # noqa: S105 - an id
    stripe_webhook_secret: str = "footnote/stripe-webhooks"  # noqa: S105 - an id
    stripe_base_url: str | None = None
    stripe_timeout_s: float = 5.0
    stripe_retries: int = Field(default=1, ge=0, le=5)
    return_url: str = "http://localhost:3000/billing"
    issuer: str = Field(default="FN", pattern=r"^[A-Z0-9]{1,8}$")
    seller_name: str = "Footnote"
    seller_address: str = ""
    seller_tax_id: str = ""
    seller_email: str = ""
    payment_terms: str = ""
    invoice_delay_s: int = 600
    due_days: int = 14
    grace_days: int = 7
    prices_keep_s: float = 60.0
    dedicated_compute_hours_a_day: float | None = Field(default=None, gt=0)
