"""HTTP of health. Open to everybody, so it tells states and times and never why something failed.

Its routes have no rate limit: load balancers and alarms ask often, from few addresses, and above all while
the very Redis that would count them is away.
"""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Response, status
from pydantic import BaseModel

from footnote.composition import container
from footnote.operations import HEALTHY, HealthReport

router = APIRouter(prefix="/health", tags=["Health"])

_NEEDED_TO_SERVE = ("postgres", "embedding_model")


class StatusResponse(BaseModel):
    """`healthy`, or `degraded` (with status 503)."""

    status: str
    timestamp: datetime


class DetailedResponse(StatusResponse):
    """The state of each dependency, and how long it took to find out, in milliseconds."""

    checks: dict[str, str]
    latency_ms: dict[str, float]


@router.get("")
async def health() -> StatusResponse:
    """Footnote answers."""
    return _alive()


@router.get("/live")
async def live() -> StatusResponse:
    """The process runs."""
    return _alive()


@router.get("/startup")
async def startup() -> StatusResponse:
    """The process has started and its settings are valid."""
    return _alive()


@router.get("/ready", responses={503: {"model": DetailedResponse}})
async def ready(response: Response) -> DetailedResponse:
    """Questions can be answered: the database and the embedding model work."""
    return _answer(response, await container().health.report(_NEEDED_TO_SERVE))


@router.get("/detailed", responses={503: {"model": DetailedResponse}})
async def detailed(response: Response) -> DetailedResponse:
    """All dependencies. Redis is not critical: without it Footnote goes on."""
    return _answer(response, await container().health.report())


def _alive() -> StatusResponse:
    return StatusResponse(status=HEALTHY, timestamp=container().clock.now())


def _answer(response: Response, report: HealthReport) -> DetailedResponse:
    if report.status != HEALTHY:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    response.headers["Cache-Control"] = "no-store"
    return DetailedResponse(
        status=report.status,
        timestamp=report.checked_at,
        checks={name: finding.status for name, finding in report.findings.items()},
        latency_ms={name: finding.latency_ms for name, finding in report.findings.items()},
    )
