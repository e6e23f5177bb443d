"""HTTP only: SageMaker's two routes."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from footnote.platform.serving.requests import (
    answering,
    check_text,
    check_texts,
    json_response,
    parse,
    read_body,
    while_connected,
)
from functions.reranking.contract import RerankRequest, RerankResponse, describe, respond
from functions.reranking.service import RerankingService
from functions.reranking.settings import RerankingServerSettings

logger = logging.getLogger("reranking")


async def ping(request: Request) -> Response:
    """200 once the model is loaded; the port opens only then."""
    service: RerankingService = request.app.state.service
    return json_response(describe(service.description))


async def invocations(request: Request) -> Response:
    """Scores the passages of one request."""
    return await answering(_rerank(request), logger)


async def _rerank(request: Request) -> RerankResponse:
    service: RerankingService = request.app.state.service
    settings: RerankingServerSettings = request.app.state.settings
    wanted = parse(RerankRequest, await read_body(request, settings.max_body_bytes))
    check_text("query", wanted.query, settings)
    check_texts("passages", wanted.passages, settings)
    scored = await while_connected(request, service.score(wanted.query, wanted.passages))
    return respond(service.description, scored)


ROUTES = [Route("/ping", ping, methods=["GET"]), Route("/invocations", invocations, methods=["POST"])]
