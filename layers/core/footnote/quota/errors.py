"""What is said when something may not be used (section 7 of the reference document)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from footnote.platform.errors import (
    Conflict,
    InvalidRequest,
    NotPermitted,
    ServiceUnavailable,
    TooManyRequests,
)

if TYPE_CHECKING:
    from footnote.quota.rates.models import Standing


class QuotaExceeded(TooManyRequests):
    """A limit of the plan or a member's cap is reached; `details` name it and when it resets."""

    code = "QUOTA_EXCEEDED"


class TooManyAtOnce(TooManyRequests):
    """As many requests of the organization are running as its plan allows at the same time."""

    code = "TOO_MANY_CONCURRENT_REQUESTS"


class BudgetExceeded(TooManyRequests):
    """The organization's own budget is spent; its owner may raise it."""

    code = "BUDGET_EXCEEDED"


class PlatformBudgetExceeded(ServiceUnavailable):
    """The platform's budget is spent; nothing the customer did wrong."""

    code = "PLATFORM_BUDGET_EXCEEDED"


class QuotaUnavailable(ServiceUnavailable):
    """It cannot be known what may be used: nothing that costs money is begun."""

    code = "QUOTA_UNAVAILABLE"


class RequestInProgress(Conflict):
    """A request with the same idempotency key is being served."""

    code = "REQUEST_IN_PROGRESS"


class IdempotencyKeyReused(InvalidRequest):
    """The same idempotency key came with another request."""

    code = "IDEMPOTENCY_KEY_REUSED"


class RateLimited(TooManyRequests):
    """Too many calls in a short time; `details` name limit, window, use and when to try again.

    Args:
        message, details, retry_after_s: See `FootnoteError`.
        standing: The counter that refused.
    """

    code = "RATE_LIMITED"

    def __init__(
        self,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        retry_after_s: int | None = None,
        standing: Standing | None = None,
    ) -> None:
        super().__init__(message, details=details, retry_after_s=retry_after_s)
        self.standing = standing


class Blocked(NotPermitted):
    """The caller may not call at all for a while; `details` say until when."""

    code = "BLOCKED"
