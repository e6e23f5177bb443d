"""HTTP only: SageMaker's two routes."""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from footnote.platform.serving.requests import (
    Refused,
    answering,
    check_texts,
    json_response,
    parse,
    read_body,
    while_connected,
)
from functions.embedding.contract import EmbedRequest, EmbedResponse, describe, respond
from functions.embedding.service import EmbeddingService
from functions.embedding.settings import EmbeddingServerSettings

logger = logging.getLogger("embedding")


async def ping(request: Request) -> Response:
    """200 once the model is loaded; the port opens only then."""
    service: EmbeddingService = request.app.state.service
    return json_response(describe(service.description))


async def invocations(request: Request) -> Response:
    """Embeds the texts of one request."""
    return await answering(_embed(request), logger)


async def _embed(request: Request) -> EmbedResponse:
    service: EmbeddingService = request.app.state.service
    settings: EmbeddingServerSettings = request.app.state.settings
    wanted = parse(EmbedRequest, await read_body(request, settings.max_body_bytes))
    check_texts("inputs", wanted.inputs, settings)
    _check_spans(wanted, settings)
    embedded = await while_connected(request, service.embed(wanted.items, wanted.kind))
    return respond(service.description, embedded, wanted)


def _check_spans(wanted: EmbedRequest, settings: EmbeddingServerSettings) -> None:
    spans = sum(map(len, wanted.spans or ()))
    if spans > settings.max_spans:
        message = f"spans: {spans} in all texts; a request may have {settings.max_spans}"
        raise Refused(400, "ValidationError", message)


ROUTES = [Route("/ping", ping, methods=["GET"]), Route("/invocations", invocations, methods=["POST"])]
