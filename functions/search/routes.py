"""HTTP of search."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from footnote.composition import container
from footnote.composition.admission_edge import limited
from footnote.identity import require
from footnote.knowledge import contextual_query
from footnote.knowledge.standing import DocumentExplanation
from footnote.platform.http import Identity
from footnote.platform.pages import PageFormat, page_response, wants_page
from functions.search.explanation_page import explanation_page
from functions.search.models import ExplainRequest, SearchRequest, SearchResponse

router = APIRouter(tags=["Search"], dependencies=[limited("search")])

_PAGE = {
    "description": "The explanation; a page with `Accept: text/html` or `format=html`.",
    "content": {"text/html": {"schema": {"type": "string"}}},
}


@router.post("/search")
async def search(body: SearchRequest, context: Identity) -> SearchResponse:
    """Finds the passages of the organization's documents that a query is about."""
    require(context, "search:query")
    services = await container().of_organization(context)
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
    took_ms = (services.clock.monotonic() - started) * 1000
    return SearchResponse.of(found.told(services.notice), query.text, took_ms)


@router.post("/search/explain", response_model=DocumentExplanation, responses={200: _PAGE})
async def explain_search(
    body: ExplainRequest,
    request: Request,
    context: Identity,
    chosen: Annotated[PageFormat | None, Query(alias="format")] = None,
) -> Response | DocumentExplanation:
    """Why a search did, or did not, find a document: its exact scores and ranks, and the first cause."""
    require(context, "search:query")
    services = await container().of_organization(context)
    turns = [turn.to_turn() for turn in body.history]
    explanation = await services.document_explainer.explain(
        context,
        await contextual_query(body.query, turns, services.embedder),
        body.document_id,
        filters=body.filters.to_filters(),
        limit=body.limit,
        strategy=body.strategy,
    )
    if wants_page(request, chosen):
        return page_response(explanation_page(explanation))
    return explanation
