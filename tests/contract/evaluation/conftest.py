"""The stores of evaluation on a real database."""

from types import SimpleNamespace

import pytest

from footnote.evaluation import Creation, NewRun
from footnote.evaluation.evaluations import golden_question
from footnote.platform.ids import new_id
from footnote.stores.postgres.evaluation_gates import PostgresGateStore
from footnote.stores.postgres.evaluation_runs import PostgresRunStore
from footnote.stores.postgres.evaluation_sets import PostgresGoldenSetStore
from tests.support.organizations import new_organization


@pytest.fixture
def stores(database):
    return SimpleNamespace(
        sets=PostgresGoldenSetStore(database),
        runs=PostgresRunStore(database),
        gates=PostgresGateStore(database),
    )


@pytest.fixture
def context(module_database):
    return new_organization(module_database)


@pytest.fixture
def stranger(module_database):
    return new_organization(module_database)


@pytest.fixture
def make_set(stores):
    """Makes a set with so many questions; its id."""

    async def make(context, questions=3, name=None):
        set_id = new_id()
        await stores.sets.create_set(context, (set_id, name or f"Set {set_id}", ""), Creation(), 50)
        golden = [
            golden_question(set_id, f"Question {number}?", (), answers=(f"Answer {number}",))
            for number in range(1, questions + 1)
        ]
        await stores.sets.replace_questions(context, set_id, golden)
        return set_id

    return make


@pytest.fixture
def make_run(stores, make_set):
    """Queues a run of a new set; the run."""

    async def make(context, questions=3, set_id=None, key=None, most=50, most_open=10, **overrides):
        set_id = set_id or await make_set(context, questions)
        new = NewRun(new_id(), set_id, "label", overrides, "digest")
        creation = Creation(key, "request")
        return (await stores.runs.create_run(context, new, creation, most=most, most_open=most_open))[0]

    return make
