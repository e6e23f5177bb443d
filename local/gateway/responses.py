"""What a function's answer becomes for the client."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from footnote.platform.errors import FootnoteError

Headers = list[tuple[bytes, bytes]]
PRELUDE_SEPARATOR = b"\0" * 8
_PRELUDE_LIMIT_BYTES = 65_536
# The server writes these itself.
_OWN = frozenset({"connection", "date", "keep-alive", "server", "trailer", "transfer-encoding", "upgrade"})


class BadGateway(FootnoteError):
    """The function crashed, or answered what is not a proxy response."""

    code = "BAD_GATEWAY"
    status = 502

    def __init__(self) -> None:
        super().__init__("The service failed to answer. Quote the request id to support.")


class GatewayTimeout(FootnoteError):
    """The function took longer than the gateway waits."""

    code = "GATEWAY_TIMEOUT"
    status = 504

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The service did not answer within {seconds:g} seconds.")


@dataclass(frozen=True)
class ProxyResponse:
    """An HTTP answer; a streamed one has the first piece of its body."""

    status: int
    headers: Headers
    body: bytes


def parse_proxy_response(payload: bytes) -> ProxyResponse:
    """Reads a Lambda proxy response.

    Raises:
        BadGateway: It is none (API Gateway: "Malformed Lambda proxy response", 502).
    """
    try:
        document = json.loads(payload)
        body = document.get("body") or ""
        raw = base64.b64decode(body, validate=True) if document.get("isBase64Encoded") else body.encode()
        return ProxyResponse(_status(document), _headers(document), raw)
    except (ValueError, AttributeError, TypeError, KeyError, binascii.Error) as error:
        raise BadGateway from error


def parse_prelude(received: bytes) -> ProxyResponse | None:
    """Reads the prelude of a streamed answer; None while it is not complete.

    Raises:
        BadGateway: It is none.
    """
    head, separator, rest = received.partition(PRELUDE_SEPARATOR)
    if not separator:
        if len(received) > _PRELUDE_LIMIT_BYTES:
            raise BadGateway
        return None
    try:
        document = json.loads(head)
        headers = _headers(document)
        headers += [(b"set-cookie", cookie.encode("latin-1")) for cookie in document.get("cookies") or ()]
        return ProxyResponse(_status(document), headers, rest)
    except (ValueError, AttributeError, TypeError, KeyError) as error:
        raise BadGateway from error


def _status(document: dict[str, Any]) -> int:
    status = int(document["statusCode"])
    if not 100 <= status <= 599:
        raise ValueError(f"{status} is no HTTP status")
    return status


def _headers(document: dict[str, Any]) -> Headers:
    """Both header maps of the answer; where a name is in both, the list wins."""
    values: dict[str, list[str]] = {}
    for name, value in (document.get("headers") or {}).items():
        values[name.lower()] = [_header_text(value)]
    for name, several in (document.get("multiValueHeaders") or {}).items():
        values[name.lower()] = [_header_text(value) for value in several]
    return [
        (name.encode("latin-1"), value.encode("latin-1"))
        for name, texts in values.items()
        if name not in _OWN
        for value in texts
    ]


def _header_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    if "\n" in text or "\r" in text:
        raise ValueError("a header cannot hold a line break")
    return text
