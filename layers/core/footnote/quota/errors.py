"""What is said when something may not be used (section 7 of the reference document)."""

from __future__ import annotations

from footnote.platform.errors import Conflict, InvalidRequest, ServiceUnavailable, TooManyRequests


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
