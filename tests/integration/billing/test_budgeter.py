"""`budgeter` as Lambda calls it, signed in as the role of jobs."""

import json
from types import SimpleNamespace

import pytest

from footnote.composition import Container
from footnote.platform.invocations import run as run_work
from footnote.platform.settings import Settings
from functions.budgeter import handler as budgeter
from tests.support.budgets import now, set_budget, set_platform_budget, spend, stage_of
from tests.support.organizations import new_organization, open_database

LIMIT = SimpleNamespace(get_remaining_time_in_millis=lambda: 300_000)


@pytest.fixture
def run(migrated_database, monkeypatch, capsys):
    """One round; what it returned and the metrics that it wrote."""
    container = Container(Settings(environment="test"))
    container.__dict__["database"] = open_database(migrated_database, "footnote_jobs")
    monkeypatch.setattr(budgeter, "container", lambda: container)

    def run(context=LIMIT):
        done = budgeter.handler({}, context)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
        return done, lines[-1]

    yield run
    run_work(container.database.close())


def test_a_round_reaches_every_budget_and_tells_operators(run, migrated_database):
    spenders = [new_organization(migrated_database) for _ in range(3)]
    for context in spenders:
        set_budget(migrated_database, context, 100)
    new_organization(migrated_database)  # without a budget
    set_platform_budget(migrated_database, 1_000, hard_stop=False)
    for context in spenders[:2]:
        now(migrated_database, "footnote_app", lambda database, who=context: spend(database, who, 100))
    done, metrics = run()
    assert done == {"budgets": 3, "stages_changed": 2, "unfinished": 0}
    assert metrics["platform_stage"] == [0.0]
    stages = [stage_of(migrated_database.superuser_dsn, one.organization_id) for one in spenders]
    assert stages == ["emergency", "emergency", "normal"]
    assert run()[0]["stages_changed"] == 0


def test_a_round_without_time_says_that_it_is_unfinished(run, migrated_database):
    set_budget(migrated_database, new_organization(migrated_database), 100)
    done, _ = run(SimpleNamespace(get_remaining_time_in_millis=lambda: 0))
    assert done == {"budgets": 0, "stages_changed": 0, "unfinished": 1}
