"""`GateStore` on Postgres."""

from datetime import UTC, datetime

import psycopg
import pytest

from footnote.evaluation import Activation, Condition, Creation, Gate
from footnote.platform.errors import Conflict, InvalidRequest, NotFound
from footnote.platform.ids import new_id

CONDITIONS = (Condition("ndcg@10", minimum=0.5, maximum_drop=0.01), Condition("overall", minimum=0.1))


def gate_of(set_id, name="Gate", baseline=None, by=None):
    return Gate(new_id(), set_id, name, CONDITIONS, baseline, by, datetime.now(UTC))


def activation_of(context, gate_id=None, run_id=None, **overrides):
    return Activation(
        id=new_id(),
        overrides=overrides,
        digest="digest",
        gate_id=gate_id,
        run_id=run_id,
        verdict={"passed": True},
        activated_by=context.user_id,
        activated_at=datetime.now(UTC),
    )


async def test_a_gate_is_made_listed_and_deleted(stores, context, make_run):
    run = await make_run(context)
    gate, is_new = await stores.gates.create_gate(
        context, gate_of(run.set_id, baseline=run.id, by=context.user_id), Creation(), 50
    )
    assert is_new
    assert gate.conditions == CONDITIONS
    assert gate.baseline_run_id == run.id
    assert await stores.gates.gates(context) == [gate]
    assert await stores.gates.get_gate(context, gate.id) == gate
    await stores.gates.delete_gate(context, gate.id)
    for method in (stores.gates.get_gate, stores.gates.delete_gate):
        with pytest.raises(NotFound):
            await method(context, gate.id)


async def test_creation_is_checked_limited_and_idempotent(stores, context, make_set, make_run):
    set_id = await make_set(context)
    create = stores.gates.create_gate
    first, _ = await create(context, gate_of(set_id, "One"), Creation("k", "d"), 50)
    again, is_new = await create(context, gate_of(set_id, "One"), Creation("k", "d"), 50)
    assert (again.id, is_new) == (first.id, False)
    with pytest.raises(InvalidRequest, match="Idempotency-Key"):
        await create(context, gate_of(set_id, "Two"), Creation("k", "other"), 50)
    with pytest.raises(Conflict, match="'One' exists"):
        await create(context, gate_of(set_id, "One"), Creation(), 50)
    with pytest.raises(Conflict, match="at most 1"):
        await create(context, gate_of(set_id, "Two"), Creation(), 1)
    with pytest.raises(NotFound, match="golden set"):
        await create(context, gate_of(new_id()), Creation(), 50)
    other_set = await make_run(context)
    with pytest.raises(NotFound, match="baseline"):
        await create(context, gate_of(set_id, "Three", baseline=other_set.id), Creation(), 50)


async def test_another_organization_sees_nothing(stores, context, stranger, make_set):
    gate, _ = await stores.gates.create_gate(context, gate_of(await make_set(context)), Creation(), 50)
    await stores.gates.activate(context, activation_of(context, gate.id, fusion="rrf"))
    assert await stores.gates.gates(stranger) == []
    assert await stores.gates.activations(stranger, 5) == []
    for method in (stores.gates.get_gate, stores.gates.delete_gate):
        with pytest.raises(NotFound):
            await method(stranger, gate.id)
    with pytest.raises(NotFound):
        await stores.gates.create_gate(stranger, gate_of(gate.set_id), Creation(), 50)


async def test_activations_are_a_history_that_outlives_set_and_gate(stores, context, make_run):
    run = await make_run(context)
    gate, _ = await stores.gates.create_gate(context, gate_of(run.set_id), Creation(), 50)
    first = await stores.gates.activate(context, activation_of(context, gate.id, run.id, fusion="rrf"))
    second = await stores.gates.activate(context, activation_of(context))
    await stores.sets.delete_set(context, run.set_id)
    assert await stores.gates.activations(context, 5) == [second, first]
    assert await stores.gates.activations(context, 1) == [second]
    assert first.activated_by == context.user_id


async def test_the_history_cannot_be_changed(stores, database, context):
    activation = await stores.gates.activate(context, activation_of(context))
    for statement in ("UPDATE evaluation.activations SET digest = ''", "DELETE FROM evaluation.activations"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            async with database.tenant_tx(context) as cursor:
                await cursor.execute(statement)
    assert await stores.gates.activations(context, 5) == [activation]
