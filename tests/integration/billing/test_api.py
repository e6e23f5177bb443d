"""Billing over HTTP: rights, other organizations, CSV, and PDF as Lambda gives it."""

import asyncio
import base64
import csv
import io
import json
from datetime import UTC, datetime

import psycopg
import pypdfium2
import pytest

from footnote.composition import Container
from footnote.platform.ids import new_id
from footnote.platform.settings import BillingSettings, QuotaSettings, RateSettings, Settings
from footnote.quota import HoldRequest, Meter, Settlement, Used
from functions.billing.handler import app, handler
from tests.support.billing import rows as rows_of
from tests.support.billing import travelling
from tests.support.clock import ManualClock
from tests.support.functions import FunctionClient, request_context
from tests.support.metering import entitle
from tests.support.organizations import new_member, new_organization, open_database
from tests.support.quota import query

APRIL, MAY = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
FORMULA = '=HYPERLINK("http://x")'


@pytest.fixture
def services(database, monkeypatch):
    settings = Settings(
        environment="test",
        quota=QuotaSettings(default_plan="free"),
        rates=RateSettings(enabled=False),
        billing=BillingSettings(invoice_delay_s=0, seller_name="Footnote GmbH"),
    )
    container = Container(settings, ManualClock(MAY))
    container.__dict__["database"] = database
    monkeypatch.setattr("footnote.composition.admission_edge.container", lambda: container)
    for module in ("plans", "subscription", "usage", "invoices"):
        monkeypatch.setattr(f"functions.billing.{module}.container", lambda: container)
    return container


@pytest.fixture
def api(services):
    return FunctionClient(app)


@pytest.fixture
def times(module_database):
    with travelling(module_database.superuser_dsn) as times:
        yield times


@pytest.fixture
def owner(module_database):
    return new_organization(module_database)


async def use(services, context, messages=1, model="small", feature="chat"):
    units = {Meter.MESSAGES: messages, Meter.OUTPUT_TOKENS: 10, Meter.COST: 50}
    request = HoldRequest(new_id(), b"h" * 32, feature, units, 60)
    reserved = await services.quota_store.reserve(context, request)
    used = (Used(Meter.MESSAGES, messages), Used(Meter.OUTPUT_TOKENS, 7, model, 21))
    await services.quota_store.settle(context, Settlement(request.hold_id, reserved.attempt, used, 1))


async def invoiced(services, api, context, times):
    times.travel(APRIL)
    answer = await api.call(context, "POST", "/billing/subscription", {"plan": "pro"})
    assert answer.status_code == 200, answer.text
    await use(services, context, 3)
    times.travel(MAY)
    await services.biller.work(30)
    (invoice,) = (await api.call(context, "GET", "/billing/invoices")).json()["invoices"]
    return invoice


async def test_plans_have_the_limits_and_prices_of_the_reference(api, owner):
    plans = (await api.call(owner, "GET", "/billing/plans")).json()["plans"]
    mib = 1024 * 1024
    shown = {
        plan["plan"]: (
            plan["price_cents"],
            plan["limits"]["messages"],
            plan["limits"]["tokens_per_message"],
            plan["limits"]["api_calls"],
            plan["limits"]["storage_bytes"],
        )
        for plan in plans
    }
    assert shown == {
        "free": (0, 100, 1000, 100, 100 * mib),
        "pro": (2900, 1000, 2000, 1000, 1000 * mib),
        "enterprise": (9900, None, 4000, None, 10_000 * mib),
    }


async def test_only_owners_change_and_only_they_and_admins_read(api, owner, module_database):
    admin, member = (new_member(module_database, owner, role) for role in ("admin", "member"))
    days = "?from=2026-04-01&to=2026-04-30"
    reads = ["subscription", "profile", "invoices", f"invoices/{new_id()}", f"invoices/{new_id()}/pdf"]
    reads += [f"usage{days}", f"usage/export{days}"]
    writes = [("POST", "subscription", {"plan": "pro"}), ("PUT", "profile", {})]
    writes += [("POST", path, None) for path in ("subscription/cancel", "subscription/resume", "portal")]
    for path in reads:
        assert (await api.call(member, "GET", f"/billing/{path}")).status_code == 403, path
        assert (await api.call(admin, "GET", f"/billing/{path}")).status_code in {200, 404}, path
    for method, path, body in writes:
        assert (await api.call(admin, method, f"/billing/{path}", body)).status_code == 403, path
        assert (await api.call(None, method, f"/billing/{path}", body)).status_code == 401, path


async def test_keys_of_changes_are_each_members_own(api, owner, module_database):
    async def post(context, path, key, body=None):
        headers = {"Idempotency-Key": key}
        answer = await api.call(context, "POST", f"/billing/{path}", body, more_headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    colleague = new_member(module_database, owner, "owner")
    longest = "k" * 255
    await post(owner, "subscription", longest, {"plan": "pro"})
    assert (await post(owner, "subscription/cancel", "c"))["cancel_at_period_end"]
    assert not (await post(owner, "subscription/resume", "r"))["cancel_at_period_end"]
    # Sent again it changes nothing; a colleague's own request with such a key is carried out.
    assert not (await post(owner, "subscription/cancel", "c"))["cancel_at_period_end"]
    assert (await post(colleague, "subscription/cancel", "c"))["cancel_at_period_end"]
    changed = await post(colleague, "subscription", longest, {"plan": "enterprise"})
    assert changed["plan"]["plan"] == "enterprise"


async def test_invoices_of_other_organizations_are_not_found(services, api, owner, times, module_database):
    invoice = await invoiced(services, api, owner, times)
    stranger = new_organization(module_database)
    for path in (f"/billing/invoices/{invoice['id']}", f"/billing/invoices/{invoice['id']}/pdf"):
        assert (await api.call(owner, "GET", path)).status_code == 200
        answer = await api.call(stranger, "GET", path)
        assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    assert (await api.call(stranger, "GET", "/billing/invoices")).json()["invoices"] == []


async def test_the_page_goes_through_the_gateway_as_binary(services, api, owner, times, module_database):
    profile = {
        "legal_name": "株式会社ラグ <& Söhne> 😀", "address": "Line 1\nLine 2", "tax_id": "X-1",
        "email": "ap@example.com", "time_zone": "UTC",
    }  # fmt: skip
    assert (await api.call(owner, "PUT", "/billing/profile", profile)).status_code == 200
    invoice = await invoiced(services, api, owner, times)
    path = f"/billing/invoices/{invoice['id']}/pdf"
    first, second = [(await api.call(owner, "GET", path)).content for _ in range(2)]
    assert first == second
    answer = await asyncio.to_thread(as_lambda, services, module_database, owner, path)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, True)
    assert base64.b64decode(answer["body"]) == first
    text = pypdfium2.PdfDocument(first)[0].get_textpage().get_text_range()
    for part in (
        invoice["number"],
        "Footnote GmbH",
        "Söhne",
        "Line 2",
        "Tax ID X-1",
        "Pro Plan",
        "29.00",
        "Messages",
    ):
        assert part in text, part
    body = (await api.call(owner, "GET", f"/billing/invoices/{invoice['id']}")).json()
    assert body["ledger_digest"] in text


def as_lambda(services, database, context, path):
    """One request as API Gateway sends it, in an environment of its own."""
    services.__dict__["database"] = open_database(database)
    asyncio.set_event_loop(asyncio.new_event_loop())
    event = {
        "resource": path, "path": path, "httpMethod": "GET", "headers": {}, "multiValueHeaders": {},
        "queryStringParameters": None, "multiValueQueryStringParameters": None, "body": None,
        "isBase64Encoded": False, "requestContext": request_context(context),
    }  # fmt: skip
    return handler(event, None)


async def test_usage_adds_up_in_every_grouping(services, api, owner, times, module_database):
    other = new_member(module_database, owner)
    for day, context, messages, model, feature in (
        (3, owner, 5, "small", "chat"), (3, other, 2, FORMULA, "chat"), (4, owner, 4, "small", "search"),
    ):  # fmt: skip
        times.travel(APRIL.replace(day=day, hour=23))
        await use(services, context, messages, model, feature)
    expected = {
        "day": {"2026-04-03": 7, "2026-04-04": 4},
        "meter": {"": 11},
        "user": {str(owner.user_id): 9, str(other.user_id): 2},
        "model": {"": 11},
        "feature": {"chat": 7, "search": 4},
    }
    for group, sums in expected.items():
        path = f"/billing/usage?from=2026-04-01&to=2026-04-30&group_by={group}"
        rows = (await api.call(owner, "GET", path)).json()["rows"]
        assert {row["group"]: row["units"] for row in rows if row["meter"] == "messages"} == sums
        assert sum(row["cost_micro_usd"] for row in rows) == 63
    answer = await api.call(
        owner, "GET", "/billing/usage?from=2026-04-01&to=2026-04-30&group_by=model&format=csv"
    )
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.count("\r\n") == 4
    rows = list(csv.reader(io.StringIO(answer.text, newline="")))
    assert rows[0] == ["model", "meter", "units", "cost_micro_usd"]
    assert [f"'{FORMULA}", "output_tokens", "7", "21"] in rows
    wrong = await api.call(owner, "GET", "/billing/usage?from=2026-04-02&to=2026-04-01")
    assert (wrong.status_code, "before" in wrong.json()["message"]) == (422, True)
    long = await api.call(owner, "GET", "/billing/usage?from=2025-04-01&to=2026-04-02")
    assert (long.status_code, "366" in long.json()["message"]) == (422, True)
    whole = await api.call(owner, "GET", "/billing/usage?from=2025-04-01&to=2026-04-01")
    assert whole.status_code == 200
    month = (await api.call(owner, "GET", "/billing/usage")).json()
    assert (month["first_day"], month["last_day"]) == ("2026-04-01", "2026-04-04")


async def test_the_month_so_far_is_that_of_the_organizations_time_zone(
    services, api, owner, times, module_database
):
    entitle(module_database.superuser_dsn, owner.organization_id, "{}")
    zone = "UPDATE quota.entitlements SET time_zone = 'Pacific/Auckland' WHERE organization_id = %s"
    query(module_database.superuser_dsn, zone, owner.organization_id)
    times.travel(datetime(2026, 5, 31, 15, tzinfo=UTC))  # there it is the first of June
    await use(services, owner)
    month = (await api.call(owner, "GET", "/billing/usage")).json()
    assert (month["first_day"], month["last_day"]) == ("2026-06-01", "2026-06-01")
    assert {row["group"] for row in month["rows"]} == {"2026-06-01"}
    exported = await api.call(owner, "GET", "/billing/usage/export")
    assert "ledger-2026-06-01-2026-06-01.csv" in exported.headers["content-disposition"]
    assert exported.text.count("\r\n") == 3


async def test_the_ledger_is_exported_page_by_page(services, api, owner, times):
    times.travel(APRIL)
    for _ in range(5):
        await use(services, owner)
    path, text, pages = "/billing/usage/export?from=2026-04-01&to=2026-04-01&limit=4", "", 0
    cursor = ""
    while True:
        answer = await api.call(owner, "GET", path + cursor)
        assert answer.status_code == 200, answer.text
        text, pages = text + answer.text, pages + 1
        if "x-next-cursor" not in answer.headers:
            break
        cursor = f"&cursor={answer.headers['x-next-cursor']}"
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert pages == 3
    assert len(rows) == len({(row["hold_id"], row["meter"]) for row in rows}) == 10
    assert sum(int(row["units"]) for row in rows if row["meter"] == "messages") == 5
    bad = await api.call(owner, "GET", path + "&cursor=" + base64.urlsafe_b64encode(b"[1]").decode())
    assert bad.status_code == 422


async def test_another_time_zone_holds_from_the_next_month_without_overlap(
    services, api, owner, times, module_database
):
    times.travel(APRIL.replace(day=20))
    await use(services, owner)
    wrong = await api.call(owner, "PUT", "/billing/profile", {"time_zone": "Mars/Olympus"})
    assert (wrong.status_code, "IANA" in wrong.json()["message"]) == (422, True)
    answer = (await api.call(owner, "PUT", "/billing/profile", {"time_zone": "Asia/Tokyo"})).json()
    assert (answer["time_zone"], answer["next_time_zone"]) == ("UTC", "Asia/Tokyo")
    from_then = datetime(2026, 4, 30, 15, tzinfo=UTC)
    assert datetime.fromisoformat(answer["next_time_zone_from"]) == from_then
    assert datetime.fromisoformat(answer["month_ends_at"]) == MAY
    times.travel(from_then)
    assert (await services.biller.work(30))["advanced"] == 1
    await use(services, owner)
    windows = rows_of(
        module_database.superuser_dsn,
        "SELECT window_start, window_end, committed FROM quota.windows WHERE organization_id = %(o)s"
        " AND subject = %(o)s AND meter = 'messages' ORDER BY window_start",
        o=owner.organization_id,
    )
    assert [(one["window_start"], one["window_end"], one["committed"]) for one in windows] == [
        (APRIL, from_then, 1),
        (from_then, datetime(2026, 5, 31, 15, tzinfo=UTC), 1),
    ]
    after = (await api.call(owner, "GET", "/billing/profile")).json()
    assert (after["time_zone"], after["next_time_zone"]) == ("Asia/Tokyo", None)
    assert datetime.fromisoformat(after["month_ends_at"]) == datetime(2026, 5, 31, 15, tzinfo=UTC)


async def test_a_time_zone_in_the_west_makes_the_month_longer_and_gives_no_second_quota(
    services, api, owner, times, module_database
):
    times.travel(APRIL.replace(day=20))
    answer = (await api.call(owner, "PUT", "/billing/profile", {"time_zone": "Pacific/Pago_Pago"})).json()
    from_then = datetime.fromisoformat(answer["next_time_zone_from"])
    assert from_then == MAY.replace(hour=11)
    times.travel(MAY.replace(hour=1))
    await use(services, owner, 60)
    times.travel(from_then)
    assert (await services.biller.work(30))["advanced"] == 1
    await use(services, owner, 40)
    denied = await services.quota_store.reserve(
        owner, HoldRequest(new_id(), b"h" * 32, "chat", {Meter.MESSAGES: 1}, 60)
    )
    june = datetime(2026, 6, 1, 11, tzinfo=UTC)
    assert [one.reset_at for one in denied.denials] == [june]
    after = (await api.call(owner, "GET", "/billing/profile")).json()
    assert (after["time_zone"], datetime.fromisoformat(after["month_ends_at"])) == ("Pacific/Pago_Pago", june)
    warnings = rows_of(
        module_database.superuser_dsn,
        "SELECT payload ->> 'threshold' AS threshold, (payload ->> 'reset_at')::timestamptz AS reset_at"
        " FROM quota.outbox WHERE organization_id = %(o)s AND topic = 'quota.warning'"
        " AND payload ->> 'user_id' IS NULL ORDER BY created_at, length(payload ->> 'threshold'), 1",
        o=owner.organization_id,
    )
    assert [(one["threshold"], one["reset_at"]) for one in warnings] == [
        ("50", datetime(2026, 6, 1, tzinfo=UTC)), ("80", june), ("90", june), ("100", june),
    ]  # fmt: skip
    times.travel(june)
    await use(services, owner, 100)
    windows = rows_of(
        module_database.superuser_dsn,
        "SELECT window_start, window_end, committed FROM quota.windows WHERE organization_id = %(o)s"
        " AND subject = %(o)s AND meter = 'messages' ORDER BY window_start",
        o=owner.organization_id,
    )
    assert [tuple(one.values()) for one in windows] == [
        (MAY, june, 100),
        (june, datetime(2026, 7, 1, 11, tzinfo=UTC), 100),
    ]


async def test_a_profile_is_written_after_a_change_of_time_zone_that_is_under_way(
    services, api, owner, times, module_database
):
    """The old time zone is asked for again while the biller brings in the new one: it comes back later."""
    times.travel(APRIL.replace(day=20))
    await api.call(owner, "PUT", "/billing/profile", {"time_zone": "Asia/Tokyo"})
    times.travel(MAY)
    names = {"id": str(owner.organization_id)}
    with psycopg.connect(module_database.superuser_dsn) as biller:
        biller.execute("SELECT set_config('app.organization_id', %(id)s, true)", names)
        biller.execute("SELECT pg_advisory_xact_lock(hashtextextended('billing:' || %(id)s, 0))", names)
        biller.execute("SELECT billing.entitle('free', 1, '{}', '{}', '[]')")
        biller.execute("SELECT billing.change_time_zone('Asia/Tokyo')")
        asked = asyncio.create_task(api.call(owner, "PUT", "/billing/profile", {"time_zone": "UTC"}))
        await asyncio.wait([asked], timeout=0.5)
        biller.commit()
    answer = (await asked).json()
    assert (answer["time_zone"], answer["next_time_zone"]) == ("Asia/Tokyo", "UTC")


MOMENT = "2026-04-01T00:00:00+00:00"
NUL = "small\x00"


def _cursor(*fields):
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "subscription", {"plan": "pro\x00"}),
        ("POST", "subscription", {"plan": "../pro"}),
        ("PUT", "profile", {"time_zone": "Europe/\x00"}),
        ("PUT", "profile", {"time_zone": "../../etc/passwd"}),
        ("GET", f"usage/export?cursor={_cursor('2026-04-01T00:00:00+00:00', 'x', 1, 'messages', '')}", None),
        (
            "GET",
            f"usage/export?cursor={_cursor(MOMENT, str(new_id()), 2**40, 'messages', '')}",
            None,
        ),
        (
            "GET",
            f"usage/export?cursor={_cursor('2026-04-01T00:00:00+00:00', str(new_id()), 1, 'love', '')}",
            None,
        ),
        (
            "GET",
            f"usage/export?cursor={_cursor('0001-01-01T00:00:00+23:59', str(new_id()), 1, 'messages', '')}",
            None,
        ),
        ("GET", f"usage/export?cursor={_cursor(MOMENT, str(new_id()), 1, 'messages', NUL)}", None),
        ("GET", "usage?from=0001-01-01&to=9999-12-31", None),
    ],
)
async def test_odd_requests_are_told_what_is_wrong(api, owner, method, path, body):
    answer = await api.call(owner, method, f"/billing/{path}", body)
    assert answer.status_code in {404, 422}, answer.text
    assert answer.json()["message"]


async def test_the_last_day_of_all_is_a_day(api, owner):
    answer = await api.call(owner, "GET", "/billing/usage?from=9999-12-01&to=9999-12-31")
    assert answer.status_code == 200, answer.text
