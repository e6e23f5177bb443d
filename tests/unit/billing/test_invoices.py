"""What invoices and reports say, and how they look."""

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from footnote.billing import BillingProfile, Plan, UsagePrice
from footnote.billing.invoices import (
    Account,
    InvoiceDocument,
    Line,
    Party,
    PlanCharge,
    Tallier,
    Tally,
    compose,
    usage_cents,
)
from footnote.billing.invoices.pdf import render
from footnote.billing.usage import DayRange, to_csv
from footnote.platform.errors import InvalidRequest
from footnote.platform.ids import new_id
from footnote.platform.settings import BillingSettings

APRIL, MAY = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)


def account(**changes):
    values = {
        "period_start": APRIL,
        "period_end": MAY,
        "plan": Plan("pro", 1, "Pro Plan", 2900, usage_prices={"messages": {"cents_per_1000": 5}}),
        "provider": "manual",
        "profile": BillingProfile(legal_name="Buyer", tax_basis_points=1900),
        "charges": [PlanCharge("fee", "Pro Plan", APRIL, MAY, 2900)],
        "tally": Tally(3, b"d" * 32, {"messages": 1100, "zeppelins": 2}, {"messages": 100}),
    }
    return Account(**values | changes)


def document(**changes):
    return replace(compose(account(), "FN-2026-000001", MAY, BillingSettings()), **changes)


def test_an_invoice_adds_up_and_is_stored_as_it_is():
    found = document()
    assert [(line.description, line.units, line.amount_cents) for line in found.lines] == [
        ("Pro Plan", None, 2900), ("Messages", 1100, 6), ("zeppelins", 2, 0),
    ]  # fmt: skip
    assert (found.subtotal_cents, found.tax_cents, found.total_cents) == (2906, 552, 3458)
    assert found.due_at == MAY + timedelta(days=14)
    assert InvoiceDocument.of_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("price", "units", "cents"),
    [
        (None, 10**9, 0),
        (UsagePrice(cents_per_1000=333), 1, 0),
        (UsagePrice(cents_per_1000=500), 1, 1),
        (UsagePrice(included=100, cents_per_1000=1000), 100, 0),
        (UsagePrice(included=100, cents_per_1000=1000), 101, 1),
        (UsagePrice(micro_usd_per_unit=7), 714, 0),
        (UsagePrice(micro_usd_per_unit=7), 715, 1),
        (UsagePrice(micro_usd_per_unit=10_000), 10**12, 10**12),
    ],
)
def test_units_cost_cents_rounded_half_up(price, units, cents):
    assert usage_cents(price, units) == cents


def row(**changes):
    values = {
        "hold_id": new_id(), "attempt": 1, "meter": "messages", "model": "", "user_id": None,
        "feature": "chat", "window_start": APRIL, "units": 1, "cost_micro_usd": 0, "price_version": 1,
        "at": APRIL,
    }  # fmt: skip
    return values | changes


@pytest.mark.parametrize("name", sorted(row()))
def test_the_digest_is_of_every_field(name):
    organization_id, first = new_id(), row()
    other = {
        "hold_id": new_id(), "user_id": new_id(), "window_start": MAY,
        "at": APRIL + timedelta(microseconds=1),
    }.get(name, f"{first[name]}x" if isinstance(first[name], str) else 2)  # fmt: skip
    digests = set()
    for one in (first, first | {name: other}):
        tallier = Tallier(organization_id, APRIL)
        tallier.add([one])
        digests.add(tallier.tally().digest)
    assert len(digests) == 2


def test_batches_do_not_matter_to_the_digest():
    rows, organization_id = [row(units=number) for number in range(10)], new_id()
    one, many = Tallier(organization_id, MAY), Tallier(organization_id, MAY)
    one.add(rows)
    for single in rows:
        many.add([single])
    assert one.tally() == many.tally()
    assert one.tally().late_units == {"messages": 45}


@given(st.text(max_size=80), st.text(max_size=200))
@settings(max_examples=40, deadline=None)
def test_whatever_a_buyer_is_called_there_is_a_page(name, address):
    found = document(buyer=Party(name, address, name[:20], address[:20]))
    assert render(found) == render(found)


def test_a_long_invoice_goes_over_pages_with_a_head_on_each():
    lines = tuple(Line("usage", f"Meter {number}", APRIL, MAY, 0, "m", number) for number in range(90))
    pages = pypdfium2.PdfDocument(render(document(lines=lines)))
    texts = [page.get_textpage().get_text_range() for page in pages]
    assert len(texts) > 1
    assert all("FN-2026-000001" in text for text in texts)
    assert all("Description" in text for text in texts[:-1])
    assert document().ledger_digest in texts[-1]


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\x00"), max_size=20), min_size=1))
def test_csv_holds_every_text_and_no_formula(texts):
    (read,) = csv.reader(io.StringIO(to_csv((), [texts]), newline=""))
    assert [cell.removeprefix("'") for cell in read] == [text.removeprefix("'") for text in texts]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t")) for cell in read)


def test_negative_units_stay_numbers():
    assert to_csv(("units",), [(-5,)]) == "units\r\n-5\r\n"


def test_a_range_has_its_days_in_order_and_at_most_a_year():
    assert DayRange(date(2026, 1, 1), date(2027, 1, 1))
    for last in (date(2025, 12, 31), date(2027, 1, 2)):
        with pytest.raises(InvalidRequest):
            DayRange(date(2026, 1, 1), last)
