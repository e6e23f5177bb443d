"""The one error tree. Every error a client may see has a stable `code` and an HTTP status.

Areas raise these; `platform.http` turns them into the body of section 7 of the reference document:
`{"code": ..., "message": ..., "details": {...}, "request_id": ...}`. An error outside this tree is a
defect and reaches the client only as `INTERNAL_ERROR`, never with its own text.
"""

from __future__ import annotations

from typing import Any, ClassVar


class FootnoteError(Exception):
    """Base of all errors with a meaning for the caller.

    Args:
        message: One sentence that names the problem and, where there is one, the way out.
        details: Further facts for programs; JSON-serialisable, free of secrets.
        retry_after_s: Seconds after which a retry makes sense; becomes `Retry-After`.
    """

    code: ClassVar[str] = "INTERNAL_ERROR"
    status: ClassVar[int] = 500

    def __init__(
        self, message: str, *, details: dict[str, Any] | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or {}
        self.retry_after_s = retry_after_s


class InvalidRequest(FootnoteError):
    """The request is malformed or breaks a documented limit."""

    code = "INVALID_REQUEST"
    status = 422


class NotAuthenticated(FootnoteError):
    """No valid credentials."""

    code = "NOT_AUTHENTICATED"
    status = 401


class NotPermitted(FootnoteError):
    """Valid credentials without the permission that is needed."""

    code = "NOT_PERMITTED"
    status = 403


class NotFound(FootnoteError):
    """The resource does not exist for this organization (other organizations' look the same)."""

    code = "NOT_FOUND"
    status = 404


class Conflict(FootnoteError):
    """The resource is in a state that does not allow the request."""

    code = "CONFLICT"
    status = 409


class PayloadTooLarge(FootnoteError):
    """The body or the document is larger than allowed."""

    code = "PAYLOAD_TOO_LARGE"
    status = 413


class UnsupportedMedia(FootnoteError):
    """The document format is not one Footnote reads."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


class TooManyRequests(FootnoteError):
    """A rate or attempt limit is reached."""

    code = "TOO_MANY_REQUESTS"
    status = 429


class ServiceUnavailable(FootnoteError):
    """A dependency is down; nothing was changed or charged."""

    code = "SERVICE_UNAVAILABLE"
    status = 503

    def __init__(
        self, message: str, *, details: dict[str, Any] | None = None, retry_after_s: int | None = 5
    ) -> None:
        super().__init__(message, details=details, retry_after_s=retry_after_s)


class ModelUnavailable(ServiceUnavailable):
    """A model endpoint failed or did not answer in time; callers fall back."""

    code = "MODEL_UNAVAILABLE"


class TenantLeak(FootnoteError):
    """A store returned a row of another organization: a defect, stopped before it left the process."""

    code = "INTERNAL_ERROR"
    status = 500
