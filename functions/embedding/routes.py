"""HTTP only: SageMaker's two routes, limits and error bodies."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from functions.embedding.backends import Embedded
from functions.embedding.contract import EmbedRequest, ErrorBody, describe, respond
from functions.embedding.lanes import LaneFull
from functions.embedding.service import EmbeddingService
from functions.embedding.settings import EmbeddingServerSettings

Result = TypeVar("Result")

logger = logging.getLogger("embedding")


class Refused(Exception):
    """A request that is answered with an error.

    Args:
        status: HTTP status.
        kind: Name of the error.
        message: What is wrong and what would be right; never the text itself.
    """

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.body = ErrorBody(code=status, type=kind, message=message)


async def ping(request: Request) -> Response:
    """200 once the model is loaded; the port opens only then."""
    service: EmbeddingService = request.app.state.service
    return _json(describe(service.description))


async def invocations(request: Request) -> Response:
    """Embeds the texts of one request."""
    service: EmbeddingService = request.app.state.service
    settings: EmbeddingServerSettings = request.app.state.settings
    try:
        wanted = _parse(await _body(request, settings.max_body_bytes), settings)
        embedded = await _while_connected(request, service.embed(wanted.inputs, wanted.kind))
    except LaneFull:
        refused = Refused(503, "ThrottlingException", "Too many texts are waiting; try again in a moment.")
        return _json(refused.body, refused.body.code, {"Retry-After": "1"})
    except Refused as refused:
        return _json(refused.body, refused.body.code)
    except ClientDisconnect:
        return Response(status_code=499)  # nobody is there to read it
    except Exception:
        logger.exception("embedding failed")
        message = "The model failed; the container's log says why."
        return _json(ErrorBody(code=500, type="InternalServerException", message=message), 500)
    return _json(respond(service.description, embedded, wanted.encoding))


ROUTES = [Route("/ping", ping, methods=["GET"]), Route("/invocations", invocations, methods=["POST"])]


async def _body(request: Request, limit: int) -> bytes:
    """The body, read no further than the limit."""
    media_type = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise Refused(415, "UnsupportedMediaType", "Send the texts as application/json.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise Refused(
                413, "PayloadTooLarge", f"A request may have {limit} bytes; send fewer texts at once."
            )
    return bytes(body)


def _parse(body: bytes, settings: EmbeddingServerSettings) -> EmbedRequest:
    try:
        wanted = EmbedRequest.model_validate_json(body)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in problem["loc"]) or "body"
        raise Refused(400, "ValidationError", f"{place}: {problem['msg']}") from None
    if len(wanted.inputs) > settings.max_texts:
        message = f"inputs: {len(wanted.inputs)} texts; a request may have {settings.max_texts}"
        raise Refused(400, "ValidationError", message)
    for index, text in enumerate(wanted.inputs):
        if len(text) > settings.max_characters:
            message = f"inputs.{index}: {len(text)} characters; a text may have {settings.max_characters}"
            raise Refused(400, "ValidationError", message)
    return wanted


async def _while_connected(request: Request, work: Awaitable[list[Embedded]]) -> list[Embedded]:
    """Awaits `work`, and takes it back when the client hangs up: nobody would read the vectors.

    Raises:
        ClientDisconnect: The client is gone.
    """
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise ClientDisconnect
        return task.result()
    finally:
        for future in (task, gone):
            future.cancel()


async def _disconnected(request: Request) -> None:
    """Returns when the client is gone; the body has been read, so nothing else can arrive."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _json(body: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(body.model_dump_json(), status, headers, "application/json")
