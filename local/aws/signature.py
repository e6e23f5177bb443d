"""Checks AWS Signature Version 4, in headers and in presigned addresses.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html. moto accepts any
signature; a mistake in signing would then show in the cloud only.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import quote, unquote

from local.aws.credentials import Keyring, Principal
from local.aws.errors import AwsError, access_denied

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<credential>[^,\s]+)\s*,\s*SignedHeaders=(?P<headers>[^,\s]+)\s*,"
    r"\s*Signature=(?P<signature>[0-9a-f]{64})"
)
_MAX_SKEW = timedelta(minutes=15)
_MAX_EXPIRES_S = 7 * 24 * 3600
_PRESIGNED = ("X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature")


@dataclass(frozen=True)
class SignedRequest:
    """What a signature covers of a request.

    Attributes:
        path: As sent, percent-encoded.
        query: As sent.
        headers: Names in lower case.
    """

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]

    def header(self, name: str) -> str | None:
        """All values of a header, joined as the signature has them; None where it is missing."""
        values = [" ".join(value.split()) for key, value in self.headers if key == name]
        return ",".join(values) if values else None

    def parameters(self) -> list[tuple[str, str]]:
        """The query's parameters, decoded; a plus sign stands for itself, as in S3."""
        pairs = (pair.partition("=") for pair in self.query.split("&") if pair)
        return [(unquote(name), unquote(value)) for name, _, value in pairs]


@dataclass(frozen=True)
class Authentication:
    """A verified caller.

    Attributes:
        service: The service the signature is for.
        payload: The signed hash of the body (`x-amz-content-sha256`), or why there is none.
        presigned: Whether the signature stood in the address.
    """

    principal: Principal
    service: str
    payload: str
    presigned: bool


@dataclass(frozen=True)
class _Claim:
    credential: str
    signed_headers: str
    signature: str
    moment: str
    token: str | None
    payload: str
    presigned: bool


def authenticate(
    request: SignedRequest,
    keyring: Keyring,
    *,
    body_hash: str | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Authentication:
    """Verifies who sent a request.

    Args:
        request: The request.
        keyring: All known callers.
        body_hash: SHA-256 of the body, for services whose requests do not state it in a header.
        now: The clock.

    Raises:
        AwsError: It is not signed, or not rightly, or not in time.
    """
    parameters = dict(request.parameters())
    claim = (
        _presigned(request, parameters, now()) if "X-Amz-Algorithm" in parameters else _signed(request, now())
    )
    parts = claim.credential.split("/")
    if len(parts) != 5 or parts[4] != "aws4_request":
        raise AwsError("AuthorizationHeaderMalformed", "The credential scope is malformed.", 400)
    key_id, day, region, service, _ = parts
    principal = keyring.by_access_key(key_id)
    if claim.token is None or not hmac.compare_digest(claim.token, principal.credentials.session_token):
        raise AwsError("InvalidToken", "The provided token is malformed or otherwise invalid.", 400)
    if not claim.moment.startswith(day):
        raise AwsError("SignatureDoesNotMatch", "The credential's date is not the request's.", 403)
    scope = f"{day}/{region}/{service}/aws4_request"
    canonical = _canonical_request(request, claim, service, claim.payload or body_hash or UNSIGNED_PAYLOAD)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"{ALGORITHM}\n{claim.moment}\n{scope}\n{digest}"
    key = _signing_key(principal.credentials.secret_access_key, day, region, service)
    expected = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, claim.signature):
        message = (
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method."
        )
        raise AwsError(
            "SignatureDoesNotMatch", message, 403, StringToSign=to_sign, CanonicalRequest=canonical
        )
    return Authentication(principal, service, claim.payload, claim.presigned)


def _signed(request: SignedRequest, now: datetime) -> _Claim:
    authorization = request.header("authorization")
    if authorization is None:
        raise access_denied("Requests must be signed (AWS Signature Version 4).")
    match = _AUTHORIZATION.fullmatch(authorization)
    if match is None:
        raise AwsError("AuthorizationHeaderMalformed", "The authorization header is malformed.", 400)
    moment = request.header("x-amz-date") or ""
    if abs(_parse_moment(moment) - now) > _MAX_SKEW:
        message = "The difference between the request time and the current time is too large."
        raise AwsError("RequestTimeTooSkewed", message, 403)
    return _Claim(
        credential=match["credential"],
        signed_headers=match["headers"],
        signature=match["signature"],
        moment=moment,
        token=request.header("x-amz-security-token"),
        payload=request.header("x-amz-content-sha256") or "",
        presigned=False,
    )


def _presigned(request: SignedRequest, parameters: dict[str, str], now: datetime) -> _Claim:
    missing = [name for name in _PRESIGNED if name not in parameters]
    if parameters["X-Amz-Algorithm"] != ALGORITHM or missing or not parameters["X-Amz-Expires"].isdigit():
        message = f"Query-string authentication requires {', '.join(('X-Amz-Algorithm', *_PRESIGNED))}."
        raise AwsError("AuthorizationQueryParametersError", message, 400)
    expires = int(parameters["X-Amz-Expires"])
    if expires > _MAX_EXPIRES_S:
        message = "X-Amz-Expires must be less than a week (in seconds)"
        raise AwsError("AuthorizationQueryParametersError", message, 400)
    moment = _parse_moment(parameters["X-Amz-Date"])
    if moment - now > _MAX_SKEW:
        raise access_denied("Request is not valid yet")
    if now > moment + timedelta(seconds=expires):
        end = (moment + timedelta(seconds=expires)).strftime("%Y-%m-%dT%H:%M:%SZ")
        raise AwsError("AccessDenied", "Request has expired", 403, Expires=end)
    return _Claim(
        credential=parameters["X-Amz-Credential"],
        signed_headers=parameters["X-Amz-SignedHeaders"],
        signature=parameters["X-Amz-Signature"],
        moment=parameters["X-Amz-Date"],
        token=parameters.get("X-Amz-Security-Token"),
        payload=_presigned_payload(request, parameters),
        presigned=True,
    )


def _presigned_payload(request: SignedRequest, parameters: dict[str, str]) -> str:
    """The payload hash that was signed: in the address, in a signed header, else unsigned."""
    in_query = parameters.get("X-Amz-Content-Sha256")
    if in_query:
        return in_query
    if "x-amz-content-sha256" in parameters["X-Amz-SignedHeaders"].split(";"):
        return request.header("x-amz-content-sha256") or UNSIGNED_PAYLOAD
    return UNSIGNED_PAYLOAD


def _parse_moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise access_denied("AWS authentication requires a valid Date or x-amz-date header") from None


def _canonical_request(request: SignedRequest, claim: _Claim, service: str, payload: str) -> str:
    names = claim.signed_headers.split(";")
    if "host" not in names:
        raise access_denied("The host header must be signed.")
    unsigned = {
        name
        for name, _ in request.headers
        if name.startswith("x-amz-")
        and name not in names
        and not (claim.presigned and name == "x-amz-content-sha256")
    }
    if unsigned:
        message = "There were headers present in the request which were not signed"
        raise AwsError("AccessDenied", message, 403, HeadersNotSigned=", ".join(sorted(unsigned)))
    headers = "".join(f"{name}:{request.header(name) or ''}\n" for name in names)
    pairs = sorted(
        (_encode(name), _encode(value)) for name, value in request.parameters() if name != "X-Amz-Signature"
    )
    query = "&".join(f"{name}={value}" for name, value in pairs)
    # S3 signs the path once encoded, every other service twice.
    path = _encode(unquote(request.path), "/") if service == "s3" else quote(request.path, safe="/-_.~")
    return "\n".join((request.method, path or "/", query, headers, claim.signed_headers, payload))


def _encode(text: str, safe: str = "") -> str:
    return quote(text, safe=f"-_.~{safe}")


@lru_cache(maxsize=256)
def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
