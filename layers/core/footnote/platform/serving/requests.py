"""From a request to a checked body, and from its outcome to an answer like those of SageMaker itself."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from footnote.platform.serving.lanes import LaneFull
from footnote.platform.serving.settings import ModelServerSettings

Body = TypeVar("Body", bound=BaseModel)
Result = TypeVar("Result")

_OWN = "Value error, "  # what pydantic puts before the message of a validator


class ErrorBody(BaseModel):
    """An error as SageMaker's own serving containers write it."""

    code: int
    type: str
    message: str


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


async def answering(work: Awaitable[BaseModel], logger: logging.Logger) -> Response:
    """The answer that `work` gives, or that of the error it ends with."""
    try:
        return json_response(await work)
    except LaneFull:
        refused = Refused(503, "ThrottlingException", "Too many texts are waiting; try again in a moment.")
        return json_response(refused.body, refused.body.code, {"Retry-After": "1"})
    except Refused as refused:
        return json_response(refused.body, refused.body.code)
    except ClientDisconnect:
        return Response(status_code=499)  # nobody is there to read it
    except Exception:
        logger.exception("the model failed")
        message = "The model failed; the container's log says why."
        return json_response(ErrorBody(code=500, type="InternalServerException", message=message), 500)


def json_response(body: BaseModel, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response with a model's JSON; fields without a value are left out."""
    return Response(body.model_dump_json(exclude_none=True), status, headers, "application/json")


async def read_body(request: Request, limit: int) -> bytes:
    """The body, read no further than `limit` bytes.

    Raises:
        Refused: It is longer, or no JSON by its media type.
    """
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


def parse(kind: type[Body], body: bytes) -> Body:
    """The body as its contract says.

    Raises:
        Refused: It is not; the message names the first place that is wrong.
    """
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise Refused(400, "ValidationError", _said(problem["loc"], problem["msg"])) from None


def _said(place: Sequence[int | str], message: str) -> str:
    """Where a body is wrong, and how; a contract's own checks name the place themselves."""
    if message.startswith(_OWN) and not place:
        return message.removeprefix(_OWN)
    return f"{'.'.join(map(str, place)) or 'body'}: {message}"


def check_texts(field: str, texts: Sequence[str], settings: ModelServerSettings) -> None:
    """Checks how many texts a field holds and how long they are.

    Raises:
        Refused: More or longer ones than the settings allow.
    """
    if len(texts) > settings.max_texts:
        message = f"{field}: {len(texts)} texts; a request may have {settings.max_texts}"
        raise Refused(400, "ValidationError", message)
    for index, text in enumerate(texts):
        check_text(f"{field}.{index}", text, settings)


def check_text(place: str, text: str, settings: ModelServerSettings) -> None:
    """Checks how long one text is; same error as `check_texts`."""
    if len(text) > settings.max_characters:
        message = f"{place}: {len(text)} characters; a text may have {settings.max_characters}"
        raise Refused(400, "ValidationError", message)


async def while_connected(request: Request, work: Awaitable[Result]) -> Result:
    """Awaits `work`, and takes it back when the client hangs up: nobody would read the answer.

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
