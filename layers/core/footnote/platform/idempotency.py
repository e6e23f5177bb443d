"""Requests that are charged: who sends them, and the key under which they are served once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header
from pydantic import StringConstraints

from footnote.platform.context import OrganizationContext
from footnote.platform.http import Identity

REPLAYED = "Idempotency-Replayed"
"""The header of an answer that was given before: `true`."""

IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")] | None,
    Header(
        alias="Idempotency-Key",
        description="1 to 255 visible characters. The same request with the same key is served and charged"
        " once: sent again, it is given the same answer. Keys are each member's own and are kept for 48 hours"
        " at least.",
    ),
]


@dataclass(frozen=True, slots=True)
class PaidRequest:
    """A request whose route charges what it uses; routes that take it are the ones with a quota guard.

    Attributes:
        context: The verified identity behind it.
        key: The client's idempotency key, if it sent one.
    """

    context: OrganizationContext
    key: str | None


def paid_request(context: Identity, key: IdempotencyKey = None) -> PaidRequest:
    """The dependency of every route that can reach models or store documents."""
    return PaidRequest(context, key)


Paid = Annotated[PaidRequest, Depends(paid_request)]
