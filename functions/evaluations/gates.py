"""HTTP of gates and of the configuration that is in force."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response, status

from footnote.composition import container
from footnote.composition.admission_edge import limited
from footnote.evaluation import Verdict
from footnote.identity import require
from footnote.platform.http import Identity
from functions.evaluations.models import (
    ActivateRequest,
    ActivationBody,
    ConfigurationBody,
    GateBody,
    GateList,
    GateRequest,
    IdempotencyKey,
    creation,
)

router = APIRouter(route_class=limited())

_HISTORY = 50


@router.post(
    "/gates",
    status_code=status.HTTP_201_CREATED,
    responses={200: {"model": GateBody, "description": "It was made by this request before."}},
)
async def create_gate(
    body: GateRequest, context: Identity, response: Response, key: IdempotencyKey = None
) -> GateBody:
    """Makes a gate: what a run of a set must reach before its configuration may go live."""
    require(context, "evaluation:run")
    conditions = [condition.to_condition() for condition in body.conditions]
    gate, is_new = await container().gates.create(
        context, body.set_id, body.name, conditions, body.baseline_run_id, creation(key, body)
    )
    response.status_code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
    return GateBody.of(gate)


@router.get("/gates")
async def list_gates(context: Identity) -> GateList:
    """All gates of the organization, newest first."""
    require(context, "evaluation:read")
    return GateList(gates=[GateBody.of(gate) for gate in await container().gate_store.gates(context)])


@router.get("/gates/{gate_id}")
async def get_gate(gate_id: UUID, context: Identity) -> GateBody:
    """One gate."""
    require(context, "evaluation:read")
    return GateBody.of(await container().gate_store.get_gate(context, gate_id))


@router.delete("/gates/{gate_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_gate(gate_id: UUID, context: Identity) -> None:
    """Deletes a gate; what went live through it stays live."""
    require(context, "evaluation:run")
    await container().gate_store.delete_gate(context, gate_id)


@router.get("/gates/{gate_id}/verdict")
async def get_verdict(gate_id: UUID, context: Identity, candidate_run: Annotated[UUID, Query()]) -> Verdict:
    """Whether a completed run passes, with every finding."""
    require(context, "evaluation:read")
    return await container().gates.verdict(context, gate_id, candidate_run)


@router.post("/gates/{gate_id}/activate")
async def activate(gate_id: UUID, body: ActivateRequest, context: Identity) -> ActivationBody:
    """Lets a run's configuration go live in the organization; 409 with the findings unless the run passes."""
    require(context, "organization:manage")
    return ActivationBody.of(await container().gates.activate(context, gate_id, body.run_id))


@router.get("/configuration")
async def get_configuration(context: Identity) -> ConfigurationBody:
    """Which settings of the organization differ from the deployment's own, since when and by whom."""
    require(context, "evaluation:read")
    found = await container().gate_store.activations(context, _HISTORY)
    return ConfigurationBody(
        overrides=dict(found[0].overrides) if found else {},
        activations=[ActivationBody.of(activation) for activation in found],
    )


@router.delete("/configuration")
async def reset_configuration(context: Identity) -> ActivationBody:
    """Returns to the deployment's own settings, through no gate: the way back is always open."""
    require(context, "organization:manage")
    return ActivationBody.of(await container().gates.reset(context))
