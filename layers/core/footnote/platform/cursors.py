"""Cursors of lists that are read newest first: opaque to clients, the keyset of the last row to us."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from uuid import UUID

from footnote.platform.errors import InvalidRequest


def encode_cursor(at: datetime, item_id: UUID) -> str:
    """The cursor after a row with this time (timezone-aware, kept to the microsecond) and id."""
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{item_id}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str) -> tuple[datetime, UUID]:
    """The keyset of a cursor.

    Raises:
        InvalidRequest: It is not one that `encode_cursor` made.
    """
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        written_at, _, written_id = text.partition("|")
        at = datetime.fromisoformat(written_at)
        if at.tzinfo is None:
            raise ValueError("no time zone")
        # In UTC: the database reads no offset with fractions of a second.
        return at.astimezone(UTC), UUID(written_id)
    except (ValueError, OverflowError, binascii.Error) as error:
        raise InvalidRequest("The cursor is not one that this list returned.") from error
