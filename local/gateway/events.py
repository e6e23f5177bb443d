"""API Gateway's events: what a REST API hands to a function (proxy integration 1.0) and to its authorizer.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from local.gateway.routes import Match
from local.runtime.environment import trace_header
from local.stack import ACCOUNT_ID, REGION

API_ID = "footnote01"
STAGE = "local"
# Everything else reaches a function as text. The deployed API declares the same types.
BINARY_MEDIA_TYPES = (
    "application/octet-stream", "application/pdf", "application/zip", "multipart/form-data",
    "application/vnd.openxmlformats-officedocument", "image/",
)  # fmt: skip
_HOP_BY_HOP = frozenset(
    {"connection", "expect", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade"}
)  # fmt: skip


@dataclass(frozen=True)
class GatewayRequest:
    """One HTTP request.

    Attributes:
        path: As sent, percent-encoded.
        query: As sent, without the question mark.
        headers: Names in lower case, in the order sent.
        source_ip: The client's address.
        request_id: API Gateway's id of the request.
    """

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    body: bytes
    source_ip: str
    request_id: str
    protocol: str = "HTTP/1.1"
    received: float = field(default_factory=time.time)

    def header(self, name: str) -> str | None:
        """The last value of a header."""
        return next((value for key, value in reversed(self.headers) if key == name), None)


def method_arn(request: GatewayRequest) -> str:
    """What an authorizer's policy is about."""
    path = request.path.lstrip("/")
    return f"arn:aws:execute-api:{REGION}:{ACCOUNT_ID}:{API_ID}/{STAGE}/{request.method}/{path}"


def proxy_event(request: GatewayRequest, match: Match, authorizer: dict[str, Any] | None) -> dict[str, Any]:
    """The event of a proxy integration.

    Args:
        request: The client's request.
        match: Its route.
        authorizer: The authorizer's context; None where the route has no authorizer.
    """
    context = _request_context(request, match)
    if authorizer is not None:
        context["authorizer"] = authorizer
    body, encoded = _body(request)
    return {**_parts(request, match), "requestContext": context, "body": body, "isBase64Encoded": encoded}


def authorizer_event(request: GatewayRequest, match: Match) -> dict[str, Any]:
    """The event of an authorizer of type REQUEST."""
    return {
        "type": "REQUEST",
        "methodArn": method_arn(request),
        **_parts(request, match),
        "requestContext": _request_context(request, match),
    }


def _parts(request: GatewayRequest, match: Match) -> dict[str, Any]:
    headers, multiple_headers = _headers(request)
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    return {
        "resource": match.target.resource,
        "path": request.path,
        "httpMethod": request.method,
        "headers": headers,
        "multiValueHeaders": multiple_headers,
        "queryStringParameters": {name: values[-1] for name, values in query.items()} or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": match.parameters or None,
        "stageVariables": None,
    }


def _headers(request: GatewayRequest) -> tuple[dict[str, str], dict[str, list[str]]]:
    multiple: dict[str, list[str]] = {}
    for name, value in request.headers:
        if name not in _HOP_BY_HOP:
            multiple.setdefault(name, []).append(value)
    forwarded = multiple.get("x-forwarded-for", [])
    multiple["x-forwarded-for"] = [", ".join([*forwarded, request.source_ip])]
    multiple["x-forwarded-proto"] = ["http"]
    multiple.setdefault("x-amzn-trace-id", [trace_header().split(";")[0]])
    return {name: values[-1] for name, values in multiple.items()}, multiple


def _request_context(request: GatewayRequest, match: Match) -> dict[str, Any]:
    domain = (request.header("host") or "localhost").rsplit(":", 1)[0]
    return {
        "accountId": ACCOUNT_ID,
        "apiId": API_ID,
        "domainName": domain,
        "domainPrefix": domain.split(".")[0],
        "extendedRequestId": request.request_id,
        "httpMethod": request.method,
        "identity": {
            "accessKey": None,
            "accountId": None,
            "apiKey": None,
            "caller": None,
            "principalOrgId": None,
            "sourceIp": request.source_ip,
            "user": None,
            "userAgent": request.header("user-agent"),
            "userArn": None,
        },
        "path": f"/{STAGE}{request.path}",
        "protocol": request.protocol,
        "requestId": request.request_id,
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(request.received)),
        "requestTimeEpoch": int(request.received * 1000),
        "resourceId": match.target.resource.strip("/").replace("/", "-") or "root",
        "resourcePath": match.target.resource,
        "stage": STAGE,
    }


def _body(request: GatewayRequest) -> tuple[str | None, bool]:
    if not request.body:
        return None, False
    media_type = (request.header("content-type") or "").lower()
    if media_type.startswith(BINARY_MEDIA_TYPES):
        return base64.b64encode(request.body).decode(), True
    return request.body.decode("utf-8", errors="replace"), False
