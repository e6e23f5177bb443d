"""The HTTP edge that all API functions share: app factory, identity, request ids, error bodies.

Identity comes only from `requestContext.authorizer`, which API Gateway fills with the authorizer's answer.
Mangum hands the event over in the ASGI scope, the Lambda Web Adapter in the header
`x-amzn-request-context` (which it sets itself, replacing what a client sent).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, field_validator
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from footnote import __version__
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import FootnoteError, InvalidRequest, NotAuthenticated
from footnote.platform.fields import check_storable
from footnote.platform.ids import new_id
from footnote.platform.logging import get_logger
from footnote.platform.settings import load_settings

_SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_MOST_PROBLEMS, _LONGEST_TEXT = 20, 200
_OWN = "Value error, "  # what pydantic puts before the message of a validator
_STATUS_CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 415: "UNSUPPORTED_MEDIA_TYPE"}

_EXPOSED_HEADERS = (
    b"X-Request-ID,Retry-After,Idempotency-Replayed,X-Next-Cursor,"
    b"RateLimit-Limit,RateLimit-Remaining,RateLimit-Reset,RateLimit-Policy"
)

logger = get_logger("http")


class RequestModel(BaseModel):
    """Base of request bodies: unknown fields are refused, so that a typo is not silently ignored.

    So is text that stores cannot keep, in whatever field.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)

    @field_validator("*")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        check_storable(value)
        return value


class ErrorBody(BaseModel):
    """The body of every error answer (section 7 of the reference document)."""

    code: str
    message: str
    details: dict[str, Any] = {}
    request_id: str


class Edge:
    """ASGI middleware around every function: request id, cross-origin headers, the last resort for errors.

    Plain ASGI, not Starlette's `BaseHTTPMiddleware`, which puts a queue between a stream and its reader.
    Preflight requests never come here: API Gateway answers them.

    Args:
        app: What is wrapped.
        origins: Web origins that may read answers; `*` allows all.
    """

    def __init__(self, app: ASGIApp, origins: list[str]) -> None:
        self._app = app
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        request.state.request_id = _request_id(request)
        headers = self._headers(request)
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                added = getattr(request.state, "answer_headers", {})
                told = [(name.lower().encode(), text.encode("latin-1")) for name, text in added.items()]
                message = {**message, "headers": [*message["headers"], *headers, *told]}
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            logger.exception("unhandled error", extra={"request_id": request.state.request_id})
            if started:
                raise
            message = "An unexpected error occurred. Quote the request id to support."
            body = ErrorBody(code="INTERNAL_ERROR", message=message, request_id=request.state.request_id)
            await _error(500, body)(scope, receive, send_with_headers)

    def _headers(self, request: Request) -> list[tuple[bytes, bytes]]:
        headers = [(b"x-request-id", request.state.request_id.encode())]
        origin = request.headers.get("origin")
        if origin is not None and {"*", origin} & self._origins:
            headers += [
                (b"access-control-allow-origin", origin.encode("latin-1")),
                (b"access-control-expose-headers", _EXPOSED_HEADERS),
                (b"vary", b"Origin"),
            ]
        return headers


def create_app(title: str) -> FastAPI:
    """A FastAPI application with Footnote's error bodies and request ids.

    Args:
        title: The function's name in the merged OpenAPI document.
    """
    app = FastAPI(
        title=title,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        responses={"4XX": {"model": ErrorBody, "description": "The request cannot be served as it is."},
                   "5XX": {"model": ErrorBody, "description": "Footnote or a dependency failed."}},
    )  # fmt: skip
    app.add_middleware(Edge, origins=load_settings().gateway.cors_origins)
    app.exception_handler(FootnoteError)(_on_footnote_error)
    app.exception_handler(RequestValidationError)(_on_validation_error)
    app.exception_handler(HTTPException)(_on_http_exception)
    return app


def request_context(request: Request) -> dict[str, Any]:
    """API Gateway's `requestContext` of this request; empty outside of API Gateway."""
    event = request.scope.get("aws.event")
    if isinstance(event, dict):
        return dict(event.get("requestContext") or {})
    header = request.headers.get("x-amzn-request-context")
    return dict(json.loads(header)) if header else {}


def client_address(request: Request) -> str:
    """The caller's address as API Gateway saw it; empty outside of API Gateway."""
    return str((request_context(request).get("identity") or {}).get("sourceIp") or "")


def add_headers(request: Request, headers: Mapping[str, str]) -> None:
    """Adds headers to this request's answer, whatever it will be: a body, a stream, an error."""
    known = getattr(request.state, "answer_headers", {})
    request.state.answer_headers = {**known, **headers}


def organization_context(request: Request) -> OrganizationContext:
    """The verified identity behind the request.

    Raises:
        NotAuthenticated: The authorizer's answer is missing: the route is not behind the authorizer.
    """
    claims = request_context(request).get("authorizer") or {}
    if not claims.get("organization_id") or not claims.get("user_id"):
        raise NotAuthenticated("Sign in and send the access token as 'Authorization: Bearer <token>'.")
    session, key = claims.get("session_id"), claims.get("key_id")
    return OrganizationContext(
        organization_id=UUID(claims["organization_id"]),
        user_id=UUID(claims["user_id"]),
        role=claims.get("role", "member"),
        plan=claims.get("plan", "free"),
        permissions=frozenset(filter(None, claims.get("permissions", "").split(","))),
        session_id=UUID(session) if session else None,
        request_id=request.state.request_id,
        key_id=UUID(key) if key else None,
    )


Identity = Annotated[OrganizationContext, Depends(organization_context)]


def error_response(error: FootnoteError, request_id: str) -> JSONResponse:
    """The HTTP answer for an error of the tree."""
    headers = {"Retry-After": str(error.retry_after_s)} if error.retry_after_s is not None else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body = ErrorBody(code=error.code, message=error.message, details=error.details, request_id=request_id)
    return _error(error.status, body, headers)


def _error(status: int, body: ErrorBody, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(body.model_dump(), status_code=status, headers=headers)


def _request_id(request: Request) -> str:
    """The client's `X-Request-ID` where it is harmless, else API Gateway's id, else a new one."""
    sent = request.headers.get("x-request-id", "")
    if _SAFE_REQUEST_ID.fullmatch(sent):
        return sent
    return str(request_context(request).get("requestId") or new_id())


async def _on_footnote_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, FootnoteError)
    if error.status >= 500:
        logger.error("request failed", extra={"code": error.code, "request_id": request.state.request_id})
    return error_response(error, request.state.request_id)


async def _on_validation_error(request: Request, error: Exception) -> Response:
    """Names the wrong fields, the first ones of many; never echoes a value, which may be a password."""
    assert isinstance(error, RequestValidationError)
    problems = error.errors()
    fields = [
        {
            "field": _shortened(".".join(map(str, problem["loc"]))),
            "problem": _shortened(problem["msg"].removeprefix(_OWN)),
        }
        for problem in problems[:_MOST_PROBLEMS]
    ]
    first = f"{fields[0]['field']}: {fields[0]['problem']}" if fields else "the body cannot be read"
    body = ErrorBody(
        code="INVALID_REQUEST",
        message=f"The request is not valid: {first}.",
        details={"fields": fields, "further_problems": len(problems) - len(fields)},
        request_id=request.state.request_id,
    )
    return _error(422, body)


def _shortened(text: str) -> str:
    """Names are the client's own, and as long as it likes; an answer has room for 6 MB."""
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 400:
        # FastAPI's word for a body that the JSON parser gave up.
        unreadable = InvalidRequest(
            "The body cannot be read. Send JSON in UTF-8, not nested too deeply, without endless numbers."
        )
        return error_response(unreadable, request.state.request_id)
    code = _STATUS_CODES.get(error.status_code, "HTTP_ERROR")
    body = ErrorBody(code=code, message=str(error.detail), request_id=request.state.request_id)
    return _error(error.status_code, body, dict(error.headers or {}))
