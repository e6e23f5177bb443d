"""What an invoice says: lines, tax, totals. Pure arithmetic in integers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from footnote.billing.invoices.models import InvoiceDocument, Line, LineKind, Party, Tally
from footnote.billing.plans import Plan, UsagePrice
from footnote.billing.profiles import BillingProfile
from footnote.billing.proration import half_up
from footnote.platform.settings import BillingSettings
from footnote.quota import PERIODS, Meter

_MICRO_USD_PER_CENT = 10_000
_BASIS_POINTS = 10_000
_NAMES = {
    Meter.MESSAGES: "Messages",
    Meter.API_CALLS: "API calls",
    Meter.INPUT_TOKENS: "Input tokens",
    Meter.CACHED_TOKENS: "Input tokens from cache (part of all)",
    Meter.OUTPUT_TOKENS: "Output tokens",
    Meter.EMBEDDING_TOKENS: "Embedding tokens",
    Meter.RERANK_CALLS: "Rerank calls",
    Meter.COMPUTE_MS: "Compute (ms)",
    Meter.STORAGE_BYTES: "Storage, net change (bytes)",
    Meter.DOCUMENTS: "Documents, net change",
}


@dataclass(frozen=True, slots=True)
class PlanCharge:
    """What a plan costs for some time of a period."""

    kind: LineKind
    name: str
    starts_at: datetime
    ends_at: datetime
    amount_cents: int


@dataclass(frozen=True, slots=True)
class Account:
    """All that an invoice is made of.

    Attributes:
        plan: The one at the end of the period.
        provider: Through which it is collected.
        earlier: The plans before it in the period, in order. Each prices the units that were used under it.
    """

    period_start: datetime
    period_end: datetime
    plan: Plan
    provider: str
    profile: BillingProfile
    charges: Sequence[PlanCharge]
    tally: Tally
    earlier: Sequence[Plan] = ()


def compose(account: Account, number: str, issued_at: datetime, settings: BillingSettings) -> InvoiceDocument:
    """The invoice of a period."""
    lines = (*map(_charge_line, account.charges), *_usage_lines(account))
    subtotal = sum(line.amount_cents for line in lines)
    tax = half_up(max(subtotal, 0) * account.profile.tax_basis_points, _BASIS_POINTS)
    profile = account.profile
    return InvoiceDocument(
        number=number,
        issued_at=issued_at,
        due_at=_end_of_day(issued_at + timedelta(days=settings.due_days)),
        period_start=account.period_start,
        period_end=account.period_end,
        currency=account.plan.currency,
        provider=account.provider,
        seller=Party(
            settings.seller_name, settings.seller_address, settings.seller_tax_id, settings.seller_email
        ),
        buyer=Party(profile.buyer_name, profile.address, profile.tax_id, profile.email),
        lines=lines,
        subtotal_cents=subtotal,
        tax_basis_points=profile.tax_basis_points,
        tax_cents=tax,
        total_cents=subtotal + tax,
        payment_terms=_terms(account.provider, settings),
        ledger_rows=account.tally.rows,
        ledger_digest=account.tally.digest.hex(),
    )


def left_over(plan: Plan, invoiced: InvoiceDocument) -> Plan:
    """The plan for use that comes after a period's invoice: of the included units, those that are left."""
    used = Counter[str | None]()
    for line in invoiced.lines:
        if line.kind == "usage" and line.plan in {"", plan.name}:
            used[line.meter] += line.units or 0
    prices = {
        meter: {**price, "included": max(0, price.get("included", 0) - max(0, used[meter]))}
        for meter, price in plan.usage_prices.items()
    }
    return replace(plan, usage_prices=prices)


def _end_of_day(at: datetime) -> datetime:
    """Who pays on the last day (UTC) has paid in time."""
    return datetime.combine(at.astimezone(UTC).date() + timedelta(days=1), time(), UTC)


def usage_cents(price: UsagePrice | None, units: int) -> int:
    """Cents for units above those included, rounded half up."""
    if price is None:
        return 0
    over = max(0, units - price.included)
    if price.cents_per_1000 is not None:
        return half_up(over * price.cents_per_1000, 1000)
    return half_up(over * (price.micro_usd_per_unit or 0), _MICRO_USD_PER_CENT)


def _charge_line(charge: PlanCharge) -> Line:
    words = {"fee": charge.name, "credit": f"{charge.name}: unused time", "charge": f"{charge.name}: rest"}
    return Line(charge.kind, words[charge.kind], charge.starts_at, charge.ends_at, charge.amount_cents)


def _usage_lines(account: Account) -> list[Line]:
    """A line for every plan and meter with rows."""
    plans = _by_plan(account)
    return [
        replace(line, plan=plan.name if len(plans) > 1 else "")
        for plan, units in plans
        for line in _lines_of_plan(account, plan, units)
    ]


def _by_plan(account: Account) -> list[tuple[Plan, Counter[str]]]:
    """The units under each plan that has any. A plan that came back is one: its units are included once."""
    plans = (*account.earlier, account.plan)
    parts = account.tally.parts or (*({} for _ in account.earlier), account.tally.units)
    found: dict[tuple[str, int], tuple[Plan, Counter[str]]] = {}
    for plan, units in zip(plans, parts, strict=True):
        found.setdefault((plan.plan, plan.version), (plan, Counter()))[1].update(units)
    return [(plan, units) for plan, units in found.values() if units]


def _lines_of_plan(account: Account, plan: Plan, units: Counter[str]) -> Iterator[Line]:
    """Those that nobody has named come last."""
    order = {meter.value: place for place, meter in enumerate(PERIODS)}
    is_last = (plan.plan, plan.version) == (account.plan.plan, account.plan.version)
    for meter in sorted(units, key=lambda one: (order.get(one, len(order)), one)):
        price = plan.usage_price(meter)
        yield Line(
            kind="usage",
            description=_NAMES[Meter(meter)] if meter in order and Meter(meter) in _NAMES else meter,
            starts_at=account.period_start,
            ends_at=account.period_end,
            amount_cents=usage_cents(price, units[meter]),
            meter=meter,
            units=units[meter],
            late_units=account.tally.late_units.get(meter, 0) if is_last else 0,
            included=None if price is None else price.included,
            price=_price_words(price),
        )


def _price_words(price: UsagePrice | None) -> str:
    if price is None:
        return ""
    if price.cents_per_1000 is not None:
        return f"{price.cents_per_1000 // 100}.{price.cents_per_1000 % 100:02} per 1,000"
    micro = price.micro_usd_per_unit or 0
    return f"{micro // 1_000_000}.{micro % 1_000_000:06} per unit"


def _terms(provider: str, settings: BillingSettings) -> str:
    if provider != "manual":
        return "The amount is collected by the payment provider; its receipt is the proof of payment."
    return (
        settings.payment_terms
        or f"Payable within {settings.due_days} days of the date of issue, without deduction."
    )
