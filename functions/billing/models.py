"""What several routes of `billing` share."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid5

from fastapi import Header
from pydantic import StringConstraints

from footnote.platform.context import OrganizationContext

IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")] | None,
    Header(
        alias="Idempotency-Key",
        description="1 to 255 visible characters. Sent again with the same body, it changes nothing more.",
    ),
]


def own_key(context: OrganizationContext, key: str | None) -> str | None:
    """The key as it is kept: the same one of two members names two requests."""
    return None if key is None else str(uuid5(context.acting_user(), key))
