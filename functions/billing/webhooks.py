"""HTTP of what payment providers tell. Open to everybody: the signature says who it is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Request
from pydantic import BaseModel

from footnote.composition import container
from footnote.composition.admission_edge import limited_by_address

# Stripe sends from few addresses, many events at once; what is over the limit comes again.
_PER_MINUTE = 1_200

router = APIRouter(
    prefix="/billing/webhooks",
    tags=["Payments"],
    route_class=limited_by_address("payments", _PER_MINUTE),
)


class Received(BaseModel):
    """What came of an event."""

    outcome: str


@router.post("/stripe")
async def receive_stripe_event(
    request: Request, stripe_signature: Annotated[str, Header(max_length=2_000)] = ""
) -> Received:
    """Takes an event of Stripe; one that fails is to be sent again."""
    outcome = await container().payment_webhooks.receive(await request.body(), stripe_signature)
    return Received(outcome=outcome)
