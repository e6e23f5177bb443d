"""HTTP of evaluation: golden sets, runs, gates."""

from __future__ import annotations

from fastapi import APIRouter

from footnote.composition.admission_edge import limited
from functions.evaluations import gates, runs, sets

router = APIRouter(prefix="/evaluations", tags=["Evaluation"], dependencies=[limited()])
for part in (sets, runs, gates):
    router.include_router(part.router)
