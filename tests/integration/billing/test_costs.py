"""Costs and budgets over HTTP, on a real database; the page in a real browser."""

import csv
import io

import pytest

from footnote.composition import Container
from footnote.platform.settings import QuotaSettings, RateSettings, Settings
from functions.billing.handler import app
from tests.support.browser import CHROMIUM, browser
from tests.support.clock import ManualClock
from tests.support.costs import add_traffic, total_of, utc
from tests.support.functions import FunctionClient
from tests.support.organizations import new_member, new_organization
from tests.support.quota import moved_clock, query

NOW = "2027-06-20 12:00+00"
GROUPS = ("organization", "model", "feature", "day", "user", "component")
# What is measured: whether anything lies outside of the page's width, and what a reader of it finds.
FACTS = """(() => {
  const root = document.documentElement;
  const wide = [...document.querySelectorAll('main *')].filter(one =>
    !one.closest('.scroll, svg') && one.getBoundingClientRect().right > root.clientWidth + 0.5);
  const box = one => one.getBoundingClientRect();
  const outside = [...document.querySelectorAll('svg.plot *')].filter(one => {
    const frame = box(one.closest('svg')), inner = box(one);
    return inner.width && (inner.left < frame.left - 1 || inner.right > frame.right + 1
      || inner.top < frame.top - 1 || inner.bottom > frame.bottom + 1);
  });
  return {
    width: root.clientWidth, scrollWidth: root.scrollWidth, scripts: document.scripts.length,
    wide: wide.map(one => one.outerHTML.slice(0, 120)),
    outside: outside.map(one => one.outerHTML.slice(0, 120)),
    bars: document.querySelectorAll('svg.plot rect').length,
    band: document.querySelectorAll('svg.plot .band').length,
    limit: document.querySelectorAll('svg.plot .limit').length,
    tables: document.querySelectorAll('table').length, text: document.body.innerText,
    background: getComputedStyle(root).backgroundColor, ink: getComputedStyle(document.body).color,
  };
})()"""


@pytest.fixture(scope="module")
def dsn(module_database):
    return module_database.superuser_dsn


@pytest.fixture(scope="module", autouse=True)
def moved(dsn):
    with moved_clock(dsn, NOW) as moved:
        yield moved


@pytest.fixture(scope="module")
def owner(module_database, dsn):
    """The owner of an organization that asked questions for eight weeks."""
    owner = new_organization(module_database)
    add_traffic(dsn, owner, utc("2027-06-20 12:00"), 56)
    return owner


@pytest.fixture
def api(database, monkeypatch):
    settings = Settings(
        environment="test", quota=QuotaSettings(default_plan="enterprise"), rates=RateSettings(enabled=False)
    )
    container = Container(settings, ManualClock(utc("2027-06-20 12:00")))
    container.__dict__["database"] = database
    for module in ("composition.admission_edge",):
        monkeypatch.setattr(f"footnote.{module}.container", lambda: container)
    for module in ("costs", "budgets"):
        monkeypatch.setattr(f"functions.billing.{module}.container", lambda: container)
    return FunctionClient(app)


async def test_groups_of_every_kind_add_up_to_the_ledgers(api, owner, dsn):
    billed, unbilled = total_of(dsn, owner.organization_id, "2027-06-01 00:00+00", NOW)
    before = sum(total_of(dsn, owner.organization_id, "2027-05-12 00:00+00", "2027-06-01 00:00+00"))
    assert billed > 0
    assert unbilled > 0
    for group_by in GROUPS:
        answer = await api.call(owner, "GET", f"/billing/costs?group_by={group_by}")
        assert answer.status_code == 200, answer.text
        body = answer.json()
        totals = body["totals"]
        assert (body["first"], body["last"]) == ("2027-06-01", "2027-06-20")
        assert (totals["billed"], totals["unbilled"], totals["total"]) == (
            billed,
            unbilled,
            billed + unbilled,
        )
        assert sum(group["billed"] for group in body["groups"]) == billed
        assert sum(group["unbilled"] for group in body["groups"]) == unbilled
        assert body["previous"]["total"] == before
        if group_by != "day":
            assert sum(group["previous"] for group in body["groups"]) == before
        assert totals["per_message"] == round(billed / totals["messages"])


async def test_a_period_of_its_own_and_as_csv(api, owner, dsn):
    path = "/billing/costs?from=2027-05-03&to=2027-05-09&group_by=day"
    body = (await api.call(owner, "GET", path)).json()
    expected = total_of(dsn, owner.organization_id, "2027-05-03 00:00+00", "2027-05-10 00:00+00")
    assert (body["totals"]["billed"], body["totals"]["unbilled"]) == expected
    answer = await api.call(owner, "GET", f"{path}&format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["day"] for row in rows] == [group["key"] for group in body["groups"]]
    assert sum(int(row["total_micro_usd"]) for row in rows) == sum(expected)


async def test_a_price_that_changes_leaves_history_alone(api, owner, superuser):
    before = (await api.call(owner, "GET", "/billing/costs?to=2027-06-10")).json()["totals"]
    superuser.execute("INSERT INTO billing.price_versions VALUES (9, 'dearer')")
    superuser.execute(
        "INSERT INTO billing.prices"
        " SELECT 9, meter, model, price * 10, source FROM billing.prices WHERE version = 1"
    )
    assert (await api.call(owner, "GET", "/billing/costs?to=2027-06-10")).json()["totals"] == before


async def test_the_forecast_and_the_recommendations_rest_on_figures(api, owner):
    body = (await api.call(owner, "GET", "/billing/costs?from=2027-05-20")).json()
    forecast = body["forecast"]
    assert forecast["low"] <= forecast["amount"] <= forecast["high"]
    assert forecast["spent"] < forecast["amount"]
    assert forecast["reason"] is None
    found = {one["kind"]: one for one in body["recommendations"]}
    caching = found["caching"]
    rate, cost = caching["figures"]["hit_rate"], caching["figures"]["inference_cost"]
    assert 0.2 < rate < 0.3
    assert caching["saving"] == pytest.approx((0.8 - rate) * cost, rel=1e-3)
    assert "right_sizing" not in found  # nobody said what is provisioned


async def test_without_costs_there_is_no_forecast_and_no_advice(api, module_database):
    body = (await api.call(new_organization(module_database), "GET", "/billing/costs")).json()
    assert body["totals"]["total"] == 0
    assert body["totals"]["per_message"] is None
    assert body["forecast"]["amount"] is None
    assert "7 complete days" in body["forecast"]["reason"]
    assert body["recommendations"] == []


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("from=2027-06-10&to=2027-06-09", "'from' is a day before 'to'"),
        ("from=2020-01-01", "at most 366 days"),
        ("group_by=colour", "group_by"),
        ("from=yesterday", "from"),
    ],
)
async def test_wrong_questions_are_refused(api, owner, path, says):
    answer = await api.call(owner, "GET", f"/billing/costs?{path}")
    assert answer.status_code in {400, 422}
    assert says in answer.text


async def test_members_see_no_costs_and_admins_set_no_budget(api, owner, module_database):
    member, admin = (new_member(module_database, owner, role) for role in ("member", "admin"))
    assert (await api.call(member, "GET", "/billing/costs")).status_code == 403
    assert (await api.call(member, "GET", "/billing/budget")).status_code == 403
    assert (await api.call(admin, "GET", "/billing/costs")).status_code == 200
    body = {"amount_micro_usd": 1}
    assert (await api.call(admin, "PUT", "/billing/budget", body)).status_code == 403


async def test_a_budget_over_http(api, module_database, dsn):
    owner = new_organization(module_database)
    assert (await api.call(owner, "GET", "/billing/budget")).status_code == 404
    wanted = {"amount_micro_usd": 5_000_000, "stop_on_projection": True, "reason": "a start"}
    put = (await api.call(owner, "PUT", "/billing/budget", wanted)).json()
    assert put == (await api.call(owner, "GET", "/billing/budget")).json()
    assert (put["stage"], put["amount_micro_usd"], put["spent_micro_usd"]) == ("normal", 5_000_000, 0)
    held = {"stage": "hard", "until": "2027-06-21T00:00:00Z", "reason": "an audit"}
    body = (await api.call(owner, "POST", "/billing/budget/override", held)).json()
    assert (body["stage"], body["override"]["reason"]) == ("hard", "an audit")
    for until in ("2027-06-20T11:00:00Z", "2028-01-01T00:00:00Z"):
        refused = await api.call(owner, "POST", "/billing/budget/override", held | {"until": until})
        assert refused.status_code in {400, 422}
    ended = await api.call(owner, "DELETE", "/billing/budget/override?reason=done")
    assert ended.json()["stage"] == "normal"
    assert (await api.call(owner, "DELETE", "/billing/budget/override")).status_code == 404
    assert (await api.call(owner, "DELETE", "/billing/budget")).status_code == 204
    assert (await api.call(owner, "GET", "/billing/budget")).status_code == 404
    events = (await api.call(owner, "GET", "/billing/budget/events")).json()["events"]
    kinds = ["budget", "override", "stage", "override", "stage", "budget"]
    assert [event["kind"] for event in reversed(events)] == kinds
    assert {event["user_id"] for event in events} == {str(owner.user_id)}
    assert query(
        dsn, "SELECT cost_limit FROM quota.entitlements WHERE organization_id = %s", owner.organization_id
    ) == [(None,)]


@pytest.mark.parametrize(
    "body", [{}, {"amount_micro_usd": 0}, {"amount_micro_usd": 1.5}, {"amount_micro_usd": 1, "hard": True}]
)
async def test_wrong_budgets_are_refused(api, owner, body):
    assert (await api.call(owner, "PUT", "/billing/budget", body)).status_code in {400, 422}


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
async def test_the_page_in_a_browser(api, owner, tmp_path):
    await api.call(owner, "PUT", "/billing/budget", {"amount_micro_usd": 30_000_000})
    answer = await api.call(owner, "GET", "/billing/costs?format=html")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-store"
    saved = tmp_path / "costs.html"
    saved.write_text(answer.text)
    looks = set()
    with browser(tmp_path / "profile") as tab:
        for width, dark in ((1200, False), (1200, True), (400, False)):
            tab.open(saved.as_uri(), width=width, dark=dark)
            facts = tab.evaluate(FACTS)
            (tmp_path / f"costs-{width}-{'dark' if dark else 'light'}.png").write_bytes(tab.picture())
            assert tab.problems == []
            assert facts["scripts"] == 0
            assert facts["wide"] == []
            assert facts["outside"] == []
            assert facts["scrollWidth"] <= facts["width"]
            assert facts["bars"] >= 20
            assert (facts["band"], facts["limit"], facts["tables"]) == (1, 1, 1)
            for words in ("Day by day", "Budget $30.00", "Improve caching", "Embedding", "Spent of it"):
                assert words in facts["text"]
            looks.add((facts["background"], facts["ink"]))
    assert len(looks) == 2


async def test_a_range_with_no_time_before_it_is_refused(api, owner):
    answer = await api.call(owner, "GET", "/billing/costs?from=0001-01-01&to=0001-01-31")
    assert (answer.status_code, "too long ago" in answer.json()["message"]) == (422, True)
