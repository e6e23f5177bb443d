"""Requests that are charged and answered once, as the routes serve them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Response

from footnote.billing import Asked, Bounds, Charges, KeptResponse
from footnote.models import collecting_usage
from footnote.platform.context import OrganizationContext
from footnote.platform.idempotency import REPLAYED
from footnote.quota import Meter, Replayed


async def charged(
    charges: Charges,
    context: OrganizationContext,
    asked: Asked,
    bounds: Bounds,
    serve: Callable[[], Awaitable[KeptResponse]],
) -> tuple[KeptResponse, bool]:
    """Serves a request once, and charges one call and what models were used for.

    It is charged before its answer is given away. If it fails, nothing is charged.

    Args:
        charges: Opens charges.
        context: Whose request it is.
        asked: The request.
        bounds: What it takes at most.
        serve: Makes the answer.

    Returns:
        The answer, and whether it was given before.

    Raises:
        FootnoteError: Of `serve`, or see `Charges.open`.
    """
    charge = await charges.open(context, asked, bounds)
    if isinstance(charge, Replayed):
        return KeptResponse.of(charge), True
    async with charge:
        with collecting_usage(charge.usage):
            response = await serve()
        await charge.settle({Meter.API_CALLS: 1}, response)
    return response, False


def json_response(kept: KeptResponse, again: bool) -> Response:
    """The answer as it was made, byte by byte."""
    return marked(Response(kept.body, kept.status, media_type="application/json"), again)


def marked(response: Response, again: bool) -> Response:
    """Says of an answer that it was given before."""
    if again:
        response.headers[REPLAYED] = "true"
    return response
