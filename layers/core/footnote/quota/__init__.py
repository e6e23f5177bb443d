"""What an organization may use: plans, meters, windows, holds, the usage ledger, rate limits."""

from footnote.quota.admission import Admission, Hold, Work
from footnote.quota.errors import (
    Blocked,
    BudgetExceeded,
    IdempotencyKeyReused,
    PlatformBudgetExceeded,
    QuotaExceeded,
    QuotaUnavailable,
    RateLimited,
    RequestInProgress,
    TooManyAtOnce,
)
from footnote.quota.events import Consumer, Delivery, Event, EventMismatch, StillDelivering
from footnote.quota.fencing import reserve_fenced
from footnote.quota.meters import CAPPED, PERIODS, WARN_AT, Meter
from footnote.quota.models import (
    Denial,
    Denied,
    HoldRequest,
    InProgress,
    Mismatch,
    Replayed,
    Reservation,
    Reserved,
    Settled,
    Settlement,
    Stage,
    Terms,
    Used,
    Window,
)
from footnote.quota.ports import QuotaStore
from footnote.quota.stages import SAVING, KeptStages

__all__ = [
    "CAPPED",
    "PERIODS",
    "SAVING",
    "WARN_AT",
    "Admission",
    "Blocked",
    "BudgetExceeded",
    "Consumer",
    "Delivery",
    "Denial",
    "Denied",
    "Event",
    "EventMismatch",
    "Hold",
    "HoldRequest",
    "IdempotencyKeyReused",
    "InProgress",
    "KeptStages",
    "Meter",
    "Mismatch",
    "PlatformBudgetExceeded",
    "QuotaExceeded",
    "QuotaStore",
    "QuotaUnavailable",
    "RateLimited",
    "Replayed",
    "RequestInProgress",
    "Reservation",
    "Reserved",
    "Settled",
    "Settlement",
    "Stage",
    "StillDelivering",
    "Terms",
    "TooManyAtOnce",
    "Used",
    "Window",
    "Work",
    "reserve_fenced",
]
