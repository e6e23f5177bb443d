"""HTTP of search."""

from __future__ import annotations

from fastapi import APIRouter

from footnote.composition import container
from footnote.identity import require
from footnote.knowledge import contextual_query
from footnote.platform.http import Identity
from functions.search.models import SearchRequest, SearchResponse

router = APIRouter(tags=["Search"])


@router.post("/search")
async def search(body: SearchRequest, context: Identity) -> SearchResponse:
    """Finds the passages of the organization's documents that a query is about."""
    require(context, "search:query")
    services = container()
    started = services.clock.monotonic()
    query, vector = body.query, None
    if body.history:
        turns = [turn.to_turn() for turn in body.history]
        query, vector = await contextual_query(body.query, turns, services.embedder)
    found = await services.retriever.retrieve(
        context,
        query,
        filters=body.filters.to_filters(),
        limit=body.limit,
        strategy=body.strategy,
        vector=vector,
    )
    return SearchResponse.of(found, query, (services.clock.monotonic() - started) * 1000)
