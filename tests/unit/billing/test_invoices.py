"""What invoices and reports say, and how they look."""

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfReader

from footnote.billing import BillingProfile, Plan, UsagePrice
from footnote.billing.invoices import (
    Account,
    Invoice,
    InvoiceDocument,
    Line,
    Party,
    PlanCharge,
    Tallier,
    Tally,
    compose,
    left_over,
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
    assert found.due_at == MAY + timedelta(days=15)
    assert InvoiceDocument.of_json(found.to_json()) == found


def test_each_plan_of_a_period_prices_its_own_units():
    prices = ({"cents_per_1000": 1000, "included": 10}, {"cents_per_1000": 100, "included": 5})
    metered, dearer = (
        Plan(name.lower(), 1, name, 0, usage_prices={"messages": price})
        for name, price in zip(("Metered", "Dearer"), prices, strict=True)
    )
    tallier = Tallier(new_id(), APRIL, [APRIL + timedelta(days=day) for day in (5, 9)])
    days = {-1: 2000, 1: 60, 5: 1000, 8: 5, 9: 50, 20: 900}
    tallier.add([row(units=units, at=APRIL + timedelta(days=day)) for day, units in days.items()])
    tally = tallier.tally()
    assert tally.parts == ({"messages": 60}, {"messages": 1005}, {"messages": 2950})
    found = compose(
        account(plan=metered, earlier=[metered, dearer], tally=tally, charges=()), "1", MAY, BillingSettings()
    )
    assert [(line.plan, line.units, line.late_units, line.amount_cents) for line in found.lines] == [
        ("Metered", 3010, 2000, 3000),
        ("Dearer", 1005, 0, 100),
    ]
    assert sum(line.units for line in found.lines) == tally.units["messages"]
    assert InvoiceDocument.of_json(found.to_json()) == found
    assert left_over(metered, found).usage_price("messages") == UsagePrice(0, cents_per_1000=1000)
    assert left_over(replace(dearer, name="Another"), found).usage_price("messages").included == 5
    text = pypdfium2.PdfDocument(render(found))[0].get_textpage().get_text_range()
    assert "Metered" in text
    assert "Dearer" in text


def test_an_invoice_may_be_paid_on_its_last_day():
    issued_at = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
    found = compose(account(), "FN-2026-000001", issued_at, BillingSettings(due_days=14))
    assert found.due_at == datetime(2026, 5, 16, tzinfo=UTC)
    invoice = Invoice(new_id(), found)
    assert invoice.state(found.due_at - timedelta(microseconds=1)) == "open"
    assert invoice.state(found.due_at) == "overdue"
    text = pypdfium2.PdfDocument(render(found))[0].get_textpage().get_text_range()
    assert "Due 2026-05-15" in text


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
    assert [
        text for number, text in enumerate(texts, 1) if f"Page {number} of {len(texts)}" not in text
    ] == []
    assert all("Description" in text for text in texts[:-1])
    assert document().ledger_digest in texts[-1]


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("N" * 255, "a\n" * 500),
        ("N", "\n".join(f"Line {number}" for number in range(60))),
        ("W" * 255, "W" * 1000),
        ("株" * 255, "式\n" * 500),
    ],
)
def test_no_address_is_too_long_for_the_page(name, address):
    found = document(buyer=Party(name, address, "W" * 64, "W" * 255))
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(render(found))).pages)
    assert text.count(name[0]) >= 255 or len(name) == 1
    assert found.ledger_digest in text


def test_an_address_stands_line_by_line_where_it_has_few():
    found = document(buyer=Party("Buyer", "Street 1\n12345 Town\nCountry"))
    text = pypdfium2.PdfDocument(render(found))[0].get_textpage().get_text_range()
    assert "Street 1\r\n12345 Town\r\nCountry" in text


@pytest.mark.parametrize("name", ["ООО «Ёлки» ґ і", "Ελληνική Εταιρεία Α.Ε.", "Škoda ł ř ő", "Công ty Việt"])
def test_letters_of_europe_are_embedded_and_can_be_selected(name):
    page = render(document(buyer=Party(name)))
    assert b"STSong" not in page
    pdf = pypdfium2.PdfDocument(page)
    assert name in pdf[0].get_textpage().get_text_range()
    assert pdf[0].render().to_numpy().tobytes() != (
        pypdfium2.PdfDocument(render(document(buyer=Party(" "))))[0].render().to_numpy().tobytes()
    )


def test_the_file_says_what_it_is():
    found = document(seller=Party("Füßnote 株"))
    told = pypdfium2.PdfDocument(render(found)).get_metadata_dict()
    assert told["Title"] == "Invoice FN-2026-000001"
    assert told["Author"] == "Füßnote 株"
    assert told["Subject"] == "2026-04-01 to 2026-04-30"
    assert told["CreationDate"] == "D:20260501000000+00'00'"


def test_large_amounts_stand_on_one_line():
    line = Line("usage", "Messages", APRIL, MAY, 99_999_999_999, "messages", 1_048_576_000_000)
    found = document(lines=(line,), subtotal_cents=10**12, total_cents=10**12)
    text = pypdfium2.PdfDocument(render(found))[0].get_textpage().get_text_range()
    for figure in ("999,999,999.99", "1,048,576,000,000", "10,000,000,000.00"):
        assert figure in text


def test_what_is_left_of_included_units_is_included_in_what_comes_late():
    plan = Plan("pro", 1, "Pro Plan", 0, usage_prices={"messages": {"included": 1200, "cents_per_1000": 5}})
    assert left_over(plan, document()).usage_price("messages") == UsagePrice(100, cents_per_1000=5)
    assert left_over(account().plan, document()).usage_price("messages") == UsagePrice(0, cents_per_1000=5)


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
