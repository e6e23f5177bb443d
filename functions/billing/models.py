"""What several routes of `billing` share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header
from pydantic import StringConstraints

IdempotencyKey = Annotated[
    Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")] | None,
    Header(
        alias="Idempotency-Key",
        description="1 to 255 visible characters. Sent again with the same body, it changes nothing more.",
    ),
]
