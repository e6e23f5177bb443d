"""HTTP of evaluation runs and their comparison."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response, status
from fastapi.responses import HTMLResponse

from footnote.composition import container
from footnote.composition.admission_edge import limited
from footnote.evaluation import Comparison
from footnote.identity import require
from footnote.platform.cursors import decode_cursor, encode_cursor
from footnote.platform.http import Identity
from footnote.platform.pages import page_response
from functions.evaluations.models import (
    IdempotencyKey,
    ResultBody,
    Results,
    RunBody,
    RunPage,
    RunRequest,
    creation,
)

router = APIRouter(route_class=limited())


@router.post(
    "/runs",
    status_code=status.HTTP_201_CREATED,
    responses={200: {"model": RunBody, "description": "It was started by this request before."}},
)
async def start_run(
    body: RunRequest, context: Identity, response: Response, key: IdempotencyKey = None
) -> RunBody:
    """Queues the evaluation of a set; the evaluator begins with it within a minute."""
    require(context, "evaluation:run")
    services = container()
    overrides = body.overrides
    if overrides is None:
        overrides = dict(await services.gates.active_overrides(context))
    run, is_new = await services.evaluation_runs.start(
        context, body.set_id, body.label or "", overrides, creation(key, body)
    )
    response.status_code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
    return RunBody.of(run)


@router.get("/runs")
async def list_runs(
    context: Identity,
    set_id: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> RunPage:
    """Runs of the organization, or of one set, newest first."""
    require(context, "evaluation:read")
    before = decode_cursor(cursor) if cursor else None
    page, more = await container().evaluation_runs.listed(context, set_id=set_id, before=before, limit=limit)
    return RunPage(
        runs=[RunBody.of(run, with_summary=False) for run in page],
        next_cursor=encode_cursor(page[-1].created_at, page[-1].id) if more else None,
    )


@router.get("/runs/{run_id}")
async def get_run(run_id: UUID, context: Identity) -> RunBody:
    """How far a run is; once it is completed, its figures, by kind of question too."""
    require(context, "evaluation:read")
    return RunBody.of(await container().run_store.get_run(context, run_id))


@router.delete("/runs/{run_id}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_run(run_id: UUID, context: Identity) -> None:
    """Deletes a run that has ended, unless it is the baseline of a gate."""
    require(context, "evaluation:run")
    await container().run_store.delete_run(context, run_id)


@router.get("/runs/{run_id}/results")
async def list_results(
    run_id: UUID,
    context: Identity,
    after: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> Results:
    """What each question scored, what was found and answered; also while the run is going on."""
    require(context, "evaluation:read")
    found = await container().run_store.results(context, run_id, after=after, limit=limit + 1)
    page = found[:limit]
    return Results(
        results=[ResultBody(position=position, result=result) for position, result in page],
        next_after=page[-1][0] if len(found) > limit else None,
    )


@router.get("/runs/{run_id}/report", response_class=HTMLResponse)
async def get_report(
    run_id: UUID, context: Identity, baseline_run: Annotated[UUID | None, Query()] = None
) -> HTMLResponse:
    """A completed run as one page with plots that loads nothing; compared with `baseline_run`, if given."""
    require(context, "evaluation:read")
    return page_response(await container().evaluation_runs.report(context, run_id, baseline_run))


@router.post("/runs/{run_id}/cancel")
async def cancel_run(run_id: UUID, context: Identity) -> RunBody:
    """Ends a run that waits or is going on; one that has ended stays as it is."""
    require(context, "evaluation:run")
    return RunBody.of(await container().run_store.cancel_run(context, run_id))


@router.get("/compare")
async def compare_runs(
    context: Identity, a: Annotated[UUID, Query()], b: Annotated[UUID, Query()]
) -> Comparison:
    """Two completed runs on the questions that both asked: b minus a, with intervals and p-values."""
    require(context, "evaluation:read")
    return await container().evaluation_runs.compare(context, a, b)
