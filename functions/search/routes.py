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
    turns = [turn.to_turn() for turn in body.history]
    query = await contextual_query(body.query, turns, services.embedder)
    retriever = services.retriever if body.cache else services.uncached_retriever
    found = await retriever.retrieve(
        context,
        query,
        filters=body.filters.to_filters(),
        limit=body.limit,
        strategy=body.strategy,
    )
    return SearchResponse.of(found, query.text, (services.clock.monotonic() - started) * 1000)
