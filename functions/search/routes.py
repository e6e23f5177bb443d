"""HTTP of search."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import TypeAdapter

from footnote.billing import Asked, Bounds, KeptResponse
from footnote.composition import Container, container
from footnote.composition.admission_edge import limited
from footnote.composition.paid import charged, json_response, marked
from footnote.identity import require
from footnote.knowledge import contextual_query
from footnote.knowledge.metering import search_bounds
from footnote.knowledge.standing import DocumentExplanation
from footnote.platform.context import OrganizationContext
from footnote.platform.idempotency import Paid
from footnote.platform.pages import PageFormat, page_response, wants_page
from footnote.quota import Meter
from functions.search.explanation_page import explanation_page
from functions.search.models import ExplainRequest, SearchRequest, SearchResponse

_EXPLANATION = TypeAdapter(DocumentExplanation)

router = APIRouter(tags=["Search"], route_class=limited("search"))

_PAGE = {
    "description": "The explanation; a page with `Accept: text/html` or `format=html`.",
    "content": {"text/html": {"schema": {"type": "string"}}},
}


@router.post("/search", response_model=SearchResponse)
async def search(body: SearchRequest, paid: Paid) -> Response:
    """Finds the passages of the organization's documents that a query is about."""
    require(paid.context, "search:query")
    services = await container().of_organization(paid.context)
    asked = Asked("search", body.model_dump(mode="json"), paid.key)

    async def find() -> KeptResponse:
        found = await _search(services, body, paid.context)
        return KeptResponse(200, found.model_dump_json(by_alias=True))

    return json_response(*await charged(services.charges, paid.context, asked, _bounds(services), find))


async def _search(services: Container, body: SearchRequest, context: OrganizationContext) -> SearchResponse:
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
    paid: Paid,
    chosen: Annotated[PageFormat | None, Query(alias="format")] = None,
) -> Response:
    """Why a search did, or did not, find a document: its exact scores and ranks, and the first cause."""
    require(paid.context, "search:query")
    services = await container().of_organization(paid.context)
    asked = Asked("explain", body.model_dump(mode="json"), paid.key)

    async def explain() -> KeptResponse:
        explanation = await _explain(services, body, paid.context)
        return KeptResponse(200, _EXPLANATION.dump_json(explanation, by_alias=True).decode())

    kept, again = await charged(services.charges, paid.context, asked, _bounds(services), explain)
    if wants_page(request, chosen):
        page = page_response(explanation_page(_EXPLANATION.validate_json(kept.body)))
        return marked(page, again)
    return json_response(kept, again)


async def _explain(
    services: Container, body: ExplainRequest, context: OrganizationContext
) -> DocumentExplanation:
    turns = [turn.to_turn() for turn in body.history]
    explanation = await services.document_explainer.explain(
        context,
        await contextual_query(body.query, turns, services.embedder),
        body.document_id,
        filters=body.filters.to_filters(),
        limit=body.limit,
        strategy=body.strategy,
    )
    return explanation.told(services.notice)


def _bounds(services: Container) -> Bounds:
    return Bounds({Meter.API_CALLS: 1, Meter.CONCURRENT_REQUESTS: 1}, search_bounds(services.settings))
