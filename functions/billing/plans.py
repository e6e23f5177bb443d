"""HTTP of plans: what an organization may subscribe to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel

from footnote.billing import Plan
from footnote.composition import container
from footnote.composition.admission_edge import limited
from footnote.platform.http import Identity

router = APIRouter(prefix="/billing", tags=["Billing"], route_class=limited())


class PlanBody(BaseModel):
    """One plan. A limit that is null is none: unlimited."""

    plan: str
    version: int
    name: str
    price_cents: int
    currency: str
    limits: Mapping[str, int | None]
    rates: Mapping[str, int]
    usage_prices: Mapping[str, Any]
    features: list[str]
    is_custom: bool

    @classmethod
    def of(cls, plan: Plan) -> PlanBody:
        """The plan as the API shows it."""
        return cls.model_validate(plan, from_attributes=True)


class PlanList(BaseModel):
    """The newest versions, the cheapest first; a plan made for the organization last."""

    plans: list[PlanBody]


@router.get("/plans")
async def list_plans(context: Identity) -> PlanList:
    """The plans that the organization may subscribe to."""
    found = await container().plans.offered(context)
    return PlanList(plans=[PlanBody.of(plan) for plan in found])
