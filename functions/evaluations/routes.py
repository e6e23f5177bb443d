"""HTTP of evaluation: golden sets, runs, gates."""

from __future__ import annotations

from fastapi import APIRouter

from functions.evaluations import gates, runs, sets

router = APIRouter(prefix="/evaluations", tags=["Evaluation"])
for part in (sets, runs, gates):
    router.include_router(part.router)
