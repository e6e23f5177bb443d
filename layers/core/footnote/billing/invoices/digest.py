"""What an invoice's rows add up to, and the digest that proves which rows they were.

The digest is SHA-256 over the rows in the order of `at`, hold, attempt, meter and model. Each row is a line
of its fields, separated by `|`: organization, hold, attempt, meter, model, user, feature, start of the
window, units, cost, version of prices, `at`. Times are microseconds since 1970, texts have their length
in bytes before them.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from footnote.billing.invoices.models import Tally

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Tallier:
    """Adds rows up, batch after batch, in bounded memory.

    Args:
        organization_id: Whose rows.
        late_before: Rows with an earlier `at` came too late for the invoice before.
        changes: When each further plan of the period began.
    """

    def __init__(
        self, organization_id: UUID, late_before: datetime, changes: Sequence[datetime] = ()
    ) -> None:
        self._organization_id = organization_id
        self._late_before = late_before
        self._digest = hashlib.sha256()
        self._rows = 0
        self._units: Counter[str] = Counter()
        self._late: Counter[str] = Counter()
        self._changes = changes
        self._parts: list[Counter[str]] = [Counter() for _ in range(len(changes) + 1)]

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Takes the next rows."""
        for row in rows:
            self._rows += 1
            self._digest.update(line_of(self._organization_id, row))
            self._units[row["meter"]] += row["units"]
            part = bisect_right(self._changes, row["at"])
            if row["at"] < self._late_before:
                self._late[row["meter"]] += row["units"]
                part = -1
            self._parts[part][row["meter"]] += row["units"]

    def tally(self) -> Tally:
        """What all rows add up to."""
        parts = tuple(map(dict, self._parts)) if self._changes else ()
        return Tally(self._rows, self._digest.digest(), dict(self._units), dict(self._late), parts)


def line_of(organization_id: UUID, row: Mapping[str, Any]) -> bytes:
    """One row as the digest reads it."""
    fields = (
        organization_id,
        row["hold_id"],
        row["attempt"],
        _text(row["meter"]),
        _text(row["model"]),
        row["user_id"] or "",
        _text(row["feature"]),
        _microseconds(row["window_start"]),
        row["units"],
        row["cost_micro_usd"],
        row["price_version"],
        _microseconds(row["at"]),
    )
    return "|".join(map(str, fields)).encode() + b"\n"


def _text(text: str) -> str:
    return f"{len(text.encode())}:{text}"


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
