"""HTTP of the subscription and the billing profile."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from fastapi import APIRouter
from pydantic import BaseModel, Field, StringConstraints

from footnote.billing import BillingProfile, Change, Overview, ProfileChange
from footnote.composition import container
from footnote.composition.admission_edge import limited
from footnote.identity import require
from footnote.platform.http import Identity, RequestModel
from functions.billing.models import IdempotencyKey, own_key
from functions.billing.plans import PlanBody

router = APIRouter(prefix="/billing", tags=["Billing"], route_class=limited())

Status = Literal["none", "incomplete", "trialing", "active", "past_due", "cancelled"]


class SubscriptionRequest(RequestModel):
    """The plan to subscribe or to change to."""

    plan: str = Field(min_length=1, max_length=32, pattern="^[a-z][a-z0-9_]*$")


class SubscriptionBody(BaseModel):
    """The plan in force, and the subscription to it; without one `status` is `none`.

    `next_plan` is what comes at the end of the period. Where `checkout_url` is set, nothing has changed yet:
    the payer has to go there first.
    """

    plan: PlanBody
    status: Status
    provider: str | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    cancel_at_period_end: bool = False
    next_plan: str | None = None
    past_due_since: datetime | None = None
    checkout_url: str | None = None

    @classmethod
    def of(cls, overview: Overview, checkout_url: str | None = None) -> Self:
        """The subscription as the API shows it."""
        plan, has = PlanBody.of(overview.plan), overview.subscription
        if has is None:
            return cls(plan=plan, status="none", checkout_url=checkout_url)
        return cls(
            plan=plan,
            status=has.status,
            provider=has.provider,
            period_start=has.period_start,
            period_end=has.period_end,
            cancel_at_period_end=has.cancel_at_period_end,
            next_plan=None if has.cancel_at_period_end else has.pending_plan,
            past_due_since=has.past_due_since,
            checkout_url=checkout_url,
        )


def _text(length: int, lines: bool = False) -> StringConstraints:
    pattern = r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*$" if lines else r"^[^\x00-\x1f\x7f-\x9f]*$"
    return StringConstraints(strip_whitespace=True, max_length=length, pattern=pattern)


class ProfileRequest(RequestModel):
    """Who is invoiced; replaces what was there. Another time zone holds from the next month on."""

    legal_name: Annotated[str, _text(255)] = ""
    address: Annotated[str, _text(1000, lines=True)] = ""
    tax_id: Annotated[str, _text(64)] = ""
    email: Annotated[str, _text(255)] = Field(default="", pattern=r"^([^@\s]+@[^@\s]+)?$")
    time_zone: str = Field(
        default="UTC", max_length=64, pattern=r"^[A-Za-z0-9_+/-]+$", description="A name of IANA's."
    )


class ProfileBody(BaseModel):
    """Who is invoiced. `tax_basis_points` (hundredths of a percent) is set by the operator."""

    legal_name: str
    address: str
    tax_id: str
    email: str
    tax_basis_points: int
    time_zone: str
    next_time_zone: str | None
    next_time_zone_from: datetime | None
    month_ends_at: datetime | None

    @classmethod
    def of(cls, profile: BillingProfile) -> Self:
        """The profile as the API shows it."""
        return cls(
            legal_name=profile.legal_name,
            address=profile.address,
            tax_id=profile.tax_id,
            email=profile.email,
            tax_basis_points=profile.tax_basis_points,
            time_zone=profile.time_zone,
            next_time_zone=profile.next_time_zone,
            next_time_zone_from=profile.next_from,
            month_ends_at=profile.month_ends,
        )


class PortalBody(BaseModel):
    """Where cards and receipts are managed; null where there is no such place."""

    url: str | None


def _body(change: Change) -> SubscriptionBody:
    return SubscriptionBody.of(change.overview, change.checkout_url)


@router.get("/subscription")
async def read_subscription(context: Identity) -> SubscriptionBody:
    """The plan in force, and the subscription to it."""
    require(context, "billing:read")
    return SubscriptionBody.of(await container().subscriptions.overview(context))


@router.post("/subscription")
async def change_subscription(
    body: SubscriptionRequest, context: Identity, key: IdempotencyKey = None
) -> SubscriptionBody:
    """Subscribes, or changes the plan: to a dearer one at once, to a cheaper one at the period's end."""
    require(context, "billing:manage")
    return _body(await container().subscriptions.change(context, body.plan, own_key(context, key)))


@router.post("/subscription/cancel")
async def cancel_subscription(context: Identity, key: IdempotencyKey = None) -> SubscriptionBody:
    """Ends the subscription with its period."""
    require(context, "billing:manage")
    return _body(await container().subscriptions.cancel(context, own_key(context, key)))


@router.post("/subscription/resume")
async def resume_subscription(context: Identity, key: IdempotencyKey = None) -> SubscriptionBody:
    """Takes a cancellation back."""
    require(context, "billing:manage")
    return _body(await container().subscriptions.resume(context, own_key(context, key)))


@router.post("/portal")
async def open_portal(context: Identity) -> PortalBody:
    """Where the payer manages cards and receipts."""
    require(context, "billing:manage")
    return PortalBody(url=await container().subscriptions.portal(context))


@router.get("/profile")
async def read_profile(context: Identity) -> ProfileBody:
    """Who is invoiced."""
    require(context, "billing:read")
    return ProfileBody.of(await container().billing_profiles.read(context))


@router.put("/profile")
async def write_profile(body: ProfileRequest, context: Identity) -> ProfileBody:
    """Replaces the billing profile."""
    require(context, "billing:manage")
    change = ProfileChange(**body.model_dump())
    return ProfileBody.of(await container().billing_profiles.write(context, change))
