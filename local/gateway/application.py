"""The public API: one request's way through the gateway."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import uuid
from dataclasses import replace
from typing import Any, Protocol

from footnote.platform.errors import FootnoteError, PayloadTooLarge, ServiceUnavailable
from local.gateway.access_log import AccessLog
from local.gateway.authorizer import Authorizer, AuthorizerFailed
from local.gateway.cors import CrossOrigin
from local.gateway.events import GatewayRequest, proxy_event
from local.gateway.responses import BadGateway, GatewayTimeout, parse_prelude, parse_proxy_response
from local.gateway.routes import Match, MethodNotAllowed, RouteTable
from local.http.asgi import BodyTooLarge, ClientLeft, Headers, Receive, Scope, Send, read_body
from local.runtime.invocation import (
    InvocationResult,
    Invoker,
    RequestTooLarge,
    ResponseStream,
    RuntimeStopped,
    StreamInterrupted,
)

# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
PAYLOAD_LIMIT_BYTES = 10 * 1024 * 1024
INTEGRATION_TIMEOUT_S = 29.0
STREAM_TIMEOUT_S = 300.0
_SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

logger = logging.getLogger("footnote.local.gateway")


class Pages(Protocol):
    """What is served beside the routes: the API's documentation."""

    async def serve(self, path: str, send: Send) -> int | None:
        """Answers a GET and returns the status; None where the path is not its own."""


class ApiGateway:
    """The ASGI application behind the public port.

    Args:
        routes: All routes of all functions.
        runtime: Runs the functions.
        authorizer: Asked for routes that need an identity; None where no function is one.
        cross_origin: Browser access.
        log: One line per request.
        pages: The documentation.
        integration_timeout_s: How long a buffered answer may take.
    """

    def __init__(
        self,
        routes: RouteTable,
        runtime: Invoker,
        authorizer: Authorizer | None,
        *,
        cross_origin: CrossOrigin,
        log: AccessLog,
        pages: Pages,
        integration_timeout_s: float = INTEGRATION_TIMEOUT_S,
    ) -> None:
        self._routes = routes
        self._runtime = runtime
        self._authorizer = authorizer
        self._cross_origin = cross_origin
        self._log = log
        self._pages = pages
        self._timeout_s = integration_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.monotonic()
        request = _request(scope)
        answer = _Answer(send, request, self._cross_origin)
        resource = "-"
        try:
            match = await self._route(request, answer)
            if match is not None:
                resource = match.target.resource
                await self._serve(request, match, receive, answer)
        except ClientLeft:
            answer.status = 499
        except FootnoteError as error:
            await answer.error(error)
        except Exception:
            logger.exception("the gateway failed")
            await answer.error(BadGateway())
        self._log.record(
            method=request.method,
            resource=resource,
            status=answer.status,
            began=began,
            request_id=answer.request_id,
        )

    async def _route(self, request: GatewayRequest, answer: _Answer) -> Match | None:
        """The route of a request; None where it is answered already."""
        if request.method == "OPTIONS" and (methods := self._routes.methods(request.path)):
            await answer.send(204, self._cross_origin.preflight(request.header("origin"), methods))
            return None
        if request.method == "GET":
            status = await self._pages.serve(request.path, answer.raw_send)
            if status is not None:
                answer.status = status
                return None
        return self._routes.find(request.method, request.path)

    async def _serve(self, request: GatewayRequest, match: Match, receive: Receive, answer: _Answer) -> None:
        announced = request.header("content-length") or "0"
        if announced.isdigit() and int(announced) > PAYLOAD_LIMIT_BYTES:
            raise _too_large()
        context = await self._identity(request, match)
        try:
            body = await read_body(receive, PAYLOAD_LIMIT_BYTES)
        except BodyTooLarge:
            raise _too_large() from None
        request = _with_body(request, body)
        timeout_s = STREAM_TIMEOUT_S if match.target.streams else self._timeout_s
        try:
            async with asyncio.timeout(timeout_s):
                result = await self._invoke(match, proxy_event(request, match, context))
                if result.stream is not None:
                    await _relay(result.stream, answer)
                    return
        except TimeoutError:
            raise GatewayTimeout(timeout_s) from None
        response = parse_proxy_response(result.payload)
        await answer.send(response.status, response.headers, response.body)

    async def _identity(self, request: GatewayRequest, match: Match) -> dict[str, Any] | None:
        if not match.target.authorized:
            return None
        if self._authorizer is None:
            raise AuthorizerFailed("No function of this stack is an authorizer.")
        return await self._authorizer.authorize(request, match)

    async def _invoke(self, match: Match, event: dict[str, Any]) -> InvocationResult:
        try:
            result = await self._runtime.invoke(match.target.function, event)
        except RequestTooLarge:
            raise _too_large() from None
        except RuntimeStopped:
            raise ServiceUnavailable("The stack is stopping.") from None
        if result.function_error:
            kind = result.error().get("errorType")
            logger.error("function %s failed: %s; see its log", match.target.function, kind)
            raise BadGateway
        return result


async def _relay(stream: ResponseStream, answer: _Answer) -> None:
    """Passes a streamed answer on; the client sees a cut connection where the function broke off."""
    head: bytes = b""
    try:
        async for chunk in stream:
            if answer.started:
                await answer.piece(chunk)
                continue
            head += chunk
            response = parse_prelude(head)
            if response is not None:
                await answer.start(response.status, response.headers)
                if response.body:
                    await answer.piece(response.body)
    except StreamInterrupted as error:
        logger.error("a response stream broke off: %s", error)  # noqa: TRY400 - its cause is in the function's log
        if answer.started:
            return
        raise BadGateway from error
    finally:
        stream.discard()
    if not answer.started:
        raise BadGateway
    await answer.end()


class _Answer:
    """The answer to one request: it is sent once, with the headers that every answer has."""

    def __init__(self, send: Send, request: GatewayRequest, cross_origin: CrossOrigin) -> None:
        self.raw_send = send
        self.started = False
        self.status = 0
        self._request = request
        self._cross_origin = cross_origin
        sent = request.header("x-request-id") or ""
        self.request_id = sent if _SAFE_REQUEST_ID.fullmatch(sent) else request.request_id

    async def send(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """A whole answer."""
        length = [] if status == 204 else [(b"content-length", b"%d" % len(body))]
        kept = [(name, value) for name, value in headers if name != b"content-length"]
        await self.start(status, kept + length)
        await self.raw_send({"type": "http.response.body", "body": body})

    async def start(self, status: int, headers: Headers) -> None:
        """The head of an answer whose pieces follow."""
        self.started = True
        self.status = status
        own = [(b"x-amzn-requestid", self._request.request_id.encode())]
        if not any(name == b"x-request-id" for name, _ in headers):
            own.append((b"x-request-id", self.request_id.encode("latin-1")))
        await self.raw_send({"type": "http.response.start", "status": status, "headers": headers + own})

    async def piece(self, chunk: bytes) -> None:
        """More of the body."""
        await self.raw_send({"type": "http.response.body", "body": chunk, "more_body": True})

    async def end(self) -> None:
        """The end of the body."""
        await self.raw_send({"type": "http.response.body", "body": b""})

    async def error(self, error: FootnoteError) -> None:
        """The error body of the API; where an answer has begun, it stays cut off."""
        if self.started:
            return
        body = {
            "code": error.code,
            "message": error.message,
            "details": error.details,
            "request_id": self.request_id,
        }
        headers = [(b"content-type", b"application/json"), *self._error_headers(error)]
        await self.send(error.status, headers, json.dumps(body).encode())

    def _error_headers(self, error: FootnoteError) -> Headers:
        headers = self._cross_origin.headers(self._request.header("origin"))
        if error.status == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        if error.retry_after_s is not None:
            headers.append((b"retry-after", b"%d" % error.retry_after_s))
        if isinstance(error, MethodNotAllowed):
            headers.append((b"allow", ", ".join(error.allowed).encode()))
        return headers


def _request(scope: Scope) -> GatewayRequest:
    client = scope.get("client") or ("127.0.0.1", 0)
    return GatewayRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
        body=b"",
        source_ip=client[0],
        request_id=str(uuid.uuid4()),
        protocol=f"HTTP/{scope['http_version']}",
    )


def _with_body(request: GatewayRequest, body: bytes) -> GatewayRequest:
    return replace(request, body=body)


def _too_large() -> PayloadTooLarge:
    limit = PAYLOAD_LIMIT_BYTES // 1024 // 1024
    return PayloadTooLarge(f"The request is larger than {limit} MB; documents go where POST /documents says.")
