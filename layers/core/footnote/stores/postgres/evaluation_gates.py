"""Gates and activations in Postgres: `evaluation.gates` and `evaluation.activations`."""

# ruff: noqa: S608 - statements are put together from constants
from __future__ import annotations

from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from footnote.evaluation import Activation, Condition, Creation, Gate
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import Conflict, NotFound
from footnote.stores.postgres.database import Database
from footnote.stores.postgres.evaluation_sets import created_before, creation_values, no_set

_COLUMNS = "gate_id, set_id, name, conditions, baseline_run_id, created_by, created_at"
_GATE = f"""
SELECT {_COLUMNS} FROM evaluation.gates WHERE organization_id = %(organization)s AND gate_id = %(gate)s
"""
_GATES = f"""
SELECT {_COLUMNS} FROM evaluation.gates
 WHERE organization_id = %(organization)s ORDER BY created_at DESC, gate_id DESC
"""
_GATE_OF_REQUEST = f"""
SELECT {_COLUMNS}, request_digest FROM evaluation.gates
 WHERE organization_id = %(organization)s AND request_key = %(request_key)s
"""
_LOOK = """
SELECT (SELECT count(*) FROM evaluation.gates WHERE organization_id = %(organization)s) AS gates,
       EXISTS (SELECT FROM evaluation.sets
                WHERE organization_id = %(organization)s AND set_id = %(set)s) AS has_set,
       EXISTS (SELECT FROM evaluation.runs
                WHERE organization_id = %(organization)s AND run_id = %(baseline)s
                  AND set_id = %(set)s) AS has_baseline
"""
_CREATE = f"""
INSERT INTO evaluation.gates
    (organization_id, gate_id, set_id, name, conditions, baseline_run_id, request_key, request_digest,
     created_by, created_at)
VALUES (%(organization)s, %(gate)s, %(set)s, %(name)s, %(conditions)s, %(baseline)s, %(request_key)s,
        %(request_digest)s, %(user)s, %(created_at)s)
ON CONFLICT (organization_id, name) DO NOTHING
RETURNING {_COLUMNS}
"""
_DELETE = "DELETE FROM evaluation.gates WHERE organization_id = %(organization)s AND gate_id = %(gate)s"
_ACTIVATE = """
INSERT INTO evaluation.activations
    (organization_id, activation_id, overrides, digest, gate_id, run_id, verdict, activated_by, activated_at)
VALUES (%(organization)s, %(activation)s, %(overrides)s, %(digest)s, %(gate)s, %(run)s, %(verdict)s,
        %(user)s, %(at)s)
"""
_ACTIVATIONS = """
SELECT activation_id, overrides, digest, gate_id, run_id, verdict, activated_by, activated_at
  FROM evaluation.activations
 WHERE organization_id = %(organization)s ORDER BY number DESC LIMIT %(limit)s
"""


class PostgresGateStore:
    """`GateStore` on Postgres.

    Args:
        database: Tenant transactions.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create_gate(
        self, context: OrganizationContext, gate: Gate, creation: Creation, most: int
    ) -> tuple[Gate, bool]:
        values = creation_values(context, creation) | {
            "gate": gate.id,
            "set": gate.set_id,
            "name": gate.name,
            "conditions": Jsonb([condition.as_json() for condition in gate.conditions]),
            "baseline": gate.baseline_run_id,
            "created_at": gate.created_at,
        }
        async with self._database.tenant_tx(context) as cursor:
            if row := await created_before(cursor, _GATE_OF_REQUEST, values):
                return _gate(row), False
            await cursor.execute(_LOOK, values)
            seen = await cursor.fetchone()
            assert seen is not None
            if not seen["has_set"]:
                raise no_set()
            if gate.baseline_run_id is not None and not seen["has_baseline"]:
                raise NotFound("The baseline is no run of this golden set.")
            if seen["gates"] >= most:
                raise Conflict(f"An organization has at most {most} gates. Delete one first.")
            await cursor.execute(_CREATE, values)
            row = await cursor.fetchone()
        if row is None:
            raise Conflict(f"A gate called '{gate.name}' exists already.")
        return _gate(row), True

    async def gates(self, context: OrganizationContext) -> list[Gate]:
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_GATES, {"organization": context.organization_id})
            return [_gate(row) for row in await cursor.fetchall()]

    async def get_gate(self, context: OrganizationContext, gate_id: UUID) -> Gate:
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_GATE, {"organization": context.organization_id, "gate": gate_id})
            row = await cursor.fetchone()
        if row is None:
            raise _no_gate()
        return _gate(row)

    async def delete_gate(self, context: OrganizationContext, gate_id: UUID) -> None:
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_DELETE, {"organization": context.organization_id, "gate": gate_id})
            if cursor.rowcount == 0:
                raise _no_gate()

    async def activate(self, context: OrganizationContext, activation: Activation) -> Activation:
        values = {
            "organization": context.organization_id,
            "activation": activation.id,
            "overrides": Jsonb(dict(activation.overrides)),
            "digest": activation.digest,
            "gate": activation.gate_id,
            "run": activation.run_id,
            "verdict": Jsonb(dict(activation.verdict)),
            "user": activation.activated_by,
            "at": activation.activated_at,
        }
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_ACTIVATE, values)
        return activation

    async def activations(self, context: OrganizationContext, limit: int) -> list[Activation]:
        async with self._database.tenant_tx(context) as cursor:
            await cursor.execute(_ACTIVATIONS, {"organization": context.organization_id, "limit": limit})
            rows = await cursor.fetchall()
        return [
            Activation(
                id=row["activation_id"],
                overrides=row["overrides"],
                digest=row["digest"],
                gate_id=row["gate_id"],
                run_id=row["run_id"],
                verdict=row["verdict"],
                activated_by=row["activated_by"],
                activated_at=row["activated_at"],
            )
            for row in rows
        ]


def _no_gate() -> NotFound:
    return NotFound("There is no such gate.")


def _gate(row: dict[str, Any]) -> Gate:
    return Gate(
        id=row["gate_id"],
        set_id=row["set_id"],
        name=row["name"],
        conditions=tuple(Condition(**condition) for condition in row["conditions"]),
        baseline_run_id=row["baseline_run_id"],
        created_by=row["created_by"],
        created_at=row["created_at"],
    )
