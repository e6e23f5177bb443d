"""`footnote prices`, `footnote budget platform` and `footnote costs` on a real database."""

import csv
import json

import pytest
from typer.testing import CliRunner

from local.bootstrap import OWNER
from local.cli import build_app
from local.cli.budget import micro_usd
from tests.support.costs import add_traffic, total_of, utc
from tests.support.organizations import new_organization
from tests.support.quota import query

JOBS = "footnote_jobs"
ONE = {"meter": "compute_ms", "model": "*", "micro_usd_per_million": 1, "source": "a test"}


@pytest.fixture
def footnote(migrated_database):
    """Runs a command as an operator of the database."""

    def run(*words, role=JOBS):
        return CliRunner().invoke(build_app(), [*words, "--dsn", migrated_database.dsn(role)])

    return run


def test_prices_are_listed_changed_and_published(footnote, migrated_database, tmp_path):
    prices = json.loads(footnote("prices", "list", "--json", role=OWNER).stdout)
    prices["note"] = "dearer"
    for price in prices["prices"]:
        price["micro_usd_per_million"] *= 2
    file = tmp_path / "prices.json"
    file.write_text(json.dumps(prices))
    published = footnote("prices", "publish", str(file), role=OWNER)
    assert "published version 2: 11 prices" in published.output
    assert "version 2" in footnote("prices", "list", role=OWNER).output
    assert "version 1" in footnote("prices", "list", "--version", "1", role=OWNER).output
    assert footnote("prices", "list", "--version", "9", role=OWNER).exit_code == 1
    (old,), (new,) = query(
        migrated_database.superuser_dsn,
        "SELECT sum(price)::bigint FROM billing.prices GROUP BY version ORDER BY version",
    )
    assert new == 2 * old


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"note": ""}, "note"),
        ({"prices": []}, "prices"),
        ({"more": 1}, "more"),
        ({"prices": [ONE | {"meter": "messages"}]}, "no price of messages"),
        ({"prices": [ONE]}, "no price for any other model"),
        ({"prices": [ONE | {"micro_usd_per_million": 0.5}]}, "valid integer"),
    ],
)
def test_wrong_files_change_nothing(footnote, migrated_database, tmp_path, change, says):
    prices = json.loads(footnote("prices", "list", "--json", role=OWNER).stdout) | change
    file = tmp_path / "prices.json"
    file.write_text(json.dumps(prices))
    refused = footnote("prices", "publish", str(file), role=OWNER)
    assert refused.exit_code == 1
    assert says in refused.output
    assert query(migrated_database.superuser_dsn, "SELECT max(version) FROM billing.price_versions") == [(1,)]


def test_who_may_not_publish_is_told_so(footnote, tmp_path):
    file = tmp_path / "prices.json"
    file.write_text(footnote("prices", "list", "--json", role=OWNER).stdout)
    refused = footnote("prices", "publish", str(file), role="footnote_app")
    assert refused.exit_code == 1
    assert "permission denied" in refused.output


def test_the_platforms_budget(footnote, migrated_database):
    dsn = migrated_database.superuser_dsn
    assert "no budget" in footnote("budget", "platform", "show").output
    made = footnote("budget", "platform", "set", "1500.50", "--reason", "a start")
    assert "USD 1,500.50 a month (hard stop); stage normal" in made.output
    assert query(dsn, "SELECT amount FROM quota.platform_budget") == [(1_500_500_000,)]
    held = footnote("budget", "platform", "override", "hard", "--reason", "an incident")
    assert "stage hard" in held.output
    assert "an incident" in held.output
    assert "stage normal" in footnote("budget", "platform", "release", "--reason", "over").output
    assert "no budget" in footnote("budget", "platform", "remove", "--reason", "x").output
    kinds = query(dsn, "SELECT kind FROM billing.platform_budget_events ORDER BY number")
    assert [kind for (kind,) in kinds] == ["budget", "override", "stage", "override", "stage", "budget"]


@pytest.mark.parametrize("amount", ["0", "-1", "many", "0.0000001", "NaN", "1e30"])
def test_amounts_that_are_none_are_refused(amount):
    with pytest.raises(ValueError, match="no amount of dollars"):
        micro_usd(amount)


def test_what_all_organizations_cost(footnote, migrated_database):
    dsn = migrated_database.superuser_dsn
    owners = [new_organization(migrated_database) for _ in range(2)]
    for owner in owners:
        add_traffic(dsn, owner, utc("2027-06-20 12:00"), 30)
    days = ("--from", "2027-06-01", "--to", "2027-06-20")
    bounds = ("2027-06-01 00:00+00", "2027-06-21 00:00+00")
    totals = [total_of(dsn, owner.organization_id, *bounds) for owner in owners]
    for by in ("organization", "model", "feature", "component"):
        rows = list(csv.DictReader(footnote("costs", "--by", by, *days, "--csv").stdout.splitlines()))
        assert sum(int(row["billed_micro_usd"]) for row in rows) == sum(billed for billed, _ in totals)
        assert sum(int(row["unbilled_micro_usd"]) for row in rows) == sum(unbilled for _, unbilled in totals)
        if by == "organization":
            assert {row[by] for row in rows} == {str(owner.organization_id) for owner in owners}
    assert "together" in footnote("costs", *days).output
    assert footnote("costs", "--from", "2027-06-02", "--to", "2027-06-01").exit_code == 1


@pytest.mark.parametrize(
    ("share", "status"), [(1, 0), (1.009, 0), (1.011, 1), (0.991, 0), (0.989, 1), (2, 1)]
)
@pytest.mark.parametrize("by", ["model", "component"])
def test_a_providers_invoice_beside_the_ledger(footnote, migrated_database, by, share, status):
    name = {"model": "large", "component": "output_tokens"}[by]
    dsn = migrated_database.superuser_dsn
    add_traffic(dsn, new_organization(migrated_database), utc("2027-07-05 12:00"), 60)
    query(dsn, "DELETE FROM quota.cost_ledger")
    column = {"model": "model", "component": "meter"}[by]
    ((cost,),) = query(
        dsn,
        f"SELECT sum(cost_micro_usd)::bigint FROM quota.usage_ledger WHERE {column} = %s"
        " AND at >= '2027-06-01 00:00+00' AND at < '2027-07-01 00:00+00'",
        name,
    )
    invoiced = f"{round(cost * share) / 1_000_000:.6f}"
    told = footnote("costs", "compare", "--month", "2027-06", f"--{by}", name, "--invoiced", invoiced)
    assert told.exit_code == status, told.output
    assert f"{cost / 1_000_000:,.6f}" in told.output
    assert f"{100 * (share - 1):+.2f} %" in told.output
    allowed = ("--tolerance", "150")
    assert (
        footnote(
            "costs", "compare", "--month", "2027-06", f"--{by}", name, "--invoiced", invoiced, *allowed
        ).exit_code
        == 0
    )


def test_what_no_model_is_named_for_may_be_on_the_invoice(footnote, migrated_database):
    dsn = migrated_database.superuser_dsn
    owner = new_organization(migrated_database)
    add_traffic(dsn, owner, utc("2027-07-05 12:00"), 60)
    billed, unbilled = total_of(dsn, owner.organization_id, "2027-06-01 00:00+00", "2027-07-01 00:00+00")
    assert unbilled > billed / 100
    whole = billed + unbilled
    for amount, status in (
        (billed, 0),
        (whole, 0),
        (billed + unbilled // 2, 0),
        (2 * whole, 1),
        (billed // 2, 1),
    ):
        words = ("costs", "compare", "--month", "2027-06", "--invoiced", f"{amount / 1_000_000:.6f}")
        assert footnote(*words).exit_code == status, amount


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--invoiced", "1", "--model", "small"), "no model called 'small'"),
        (("--invoiced", "1", "--model", "large", "--component", "messages"), "not by both"),
        (("--invoiced", "a lot"), "no amount of dollars"),
    ],
)
def test_wrong_comparisons_are_refused(footnote, words, says):
    refused = footnote("costs", "compare", "--month", "2027-06", *words)
    assert refused.exit_code == 1
    assert says in refused.output.replace("\n", " ")
