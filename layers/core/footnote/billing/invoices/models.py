"""The terms of invoices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from footnote.platform.errors import FootnoteError


class LedgerOutOfStep(FootnoteError):
    """The ledger's rows were written by another database: it cannot be told which of them are final."""

    code = "LEDGER_OUT_OF_STEP"


LineKind = Literal["fee", "credit", "charge", "usage"]


@dataclass(frozen=True, slots=True)
class Party:
    """A seller or a buyer; `address` has lines."""

    name: str
    address: str = ""
    tax_id: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line.

    Attributes:
        units: Of a usage line; `late_units` of them were recorded too late for the invoice before.
        included: Units that the plan's price includes; `None` where units have no price of their own.
        price: What is charged for units above, in words; empty where nothing is.
        plan: Under which plan the units were used, where the period had several.
        starts_at, ends_at: What time it is for.
    """

    kind: LineKind
    description: str
    starts_at: datetime
    ends_at: datetime
    amount_cents: int
    meter: str | None = None
    units: int | None = None
    late_units: int = 0
    included: int | None = None
    price: str = ""
    plan: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which rows of the usage ledger an invoice is about.

    Those with `at` from `start` (or `since_cutoff`, if that is later) to `cutoff`, older ones of periods that
    were invoiced, where the invoice before could not see them, and those of `late_holds` from `start` to
    `end`. A row is seen when its transaction is older than `xmin`.

    Attributes:
        since_cutoff, since_xmin: The bounds of the invoice before; `None` for the first.
        late_holds: Work that was begun under a subscription and recorded after it; `None` on invoices that
            were issued before such work was invoiced, whose late rows may be of any time.
    """

    start: datetime
    end: datetime
    cutoff: datetime
    xmin: str
    since_cutoff: datetime | None = None
    since_xmin: str | None = None
    late_holds: Sequence[UUID] | None = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """What the covered rows add up to.

    Attributes:
        digest: SHA-256 of the rows, see `footnote.billing.invoices.digest`.
        units, late_units: By meter; late ones are a part of all.
        parts: The units under each plan of the period, in order, the late ones under the last; empty where
            there was one.
    """

    rows: int
    digest: bytes
    units: Mapping[str, int]
    late_units: Mapping[str, int]
    parts: Sequence[Mapping[str, int]] = ()


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    """All that an invoice says. Kept as it was issued.

    Attributes:
        due_at: The end of the last day on which it may be paid.
        provider: Through which the amount is collected.
        tax_basis_points: Hundredths of a percent.
        ledger_digest: Hexadecimal.
    """

    number: str
    issued_at: datetime
    due_at: datetime
    period_start: datetime
    period_end: datetime
    currency: str
    provider: str
    seller: Party
    buyer: Party
    lines: tuple[Line, ...]
    subtotal_cents: int
    tax_basis_points: int
    tax_cents: int
    total_cents: int
    payment_terms: str
    ledger_rows: int
    ledger_digest: str

    def to_json(self) -> dict[str, Any]:
        """The document as it is stored; times in ISO 8601."""
        return dict(_plain(asdict(self)))

    @classmethod
    def of_json(cls, document: Mapping[str, Any]) -> Self:
        """The stored document."""
        times = ("issued_at", "due_at", "period_start", "period_end")
        return cls(
            **{
                **document,
                **{name: datetime.fromisoformat(document[name]) for name in times},
                "seller": Party(**document["seller"]),
                "buyer": Party(**document["buyer"]),
                "lines": tuple(map(_line, document["lines"])),
            }
        )


@dataclass(frozen=True, slots=True)
class Invoice:
    """An issued invoice; `paid_at` where a payment was noted."""

    invoice_id: UUID
    document: InvoiceDocument
    paid_at: datetime | None = None

    def state(self, now: datetime) -> Literal["paid", "open", "overdue", "external"]:
        """`external`: the payment provider collects it, and tells whether it is paid."""
        if self.paid_at is not None or self.document.total_cents <= 0:
            return "paid"
        if self.document.provider != "manual":
            return "external"
        return "overdue" if self.document.due_at <= now else "open"


def _line(line: Mapping[str, Any]) -> Line:
    times = {name: datetime.fromisoformat(line[name]) for name in ("starts_at", "ends_at")}
    return Line(**{**line, **times})


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
