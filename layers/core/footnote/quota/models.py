"""The terms of metering: work, holds, what was used, and settlements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from footnote.platform.ids import new_id
from footnote.quota.meters import Meter

Stage = Literal["normal", "soft", "hard", "emergency"]
"""How far a budget is used up (section 16.2 of the reference document)."""


@dataclass(frozen=True, slots=True)
class HoldRequest:
    """What is about to be used at most.

    Attributes:
        hold_id: Names the hold in its organization; a request has the same id however often it is sent.
        request_hash: SHA-256 of all that the request asks for.
        feature: What it is for: `chat`, `search`, `explain`, `documents`, `ingestion`, `evaluation`.
        units: Upper bounds by meter, `Meter.COST` in micro-USD; each meter that may be used is named.
        ttl_s: Seconds after which the hold ends by itself: the time the work has left, and 30 seconds.
        dispatched: Whether work that costs something begins at once. A hold that ends by itself then leaves
            its estimate in the internal ledger.
        call_id: Names this very call. Where its answer was lost, the same request is sent once more, and is
            answered as the first time; another request with the same hold is told that one is in progress.
    """

    hold_id: UUID
    request_hash: bytes
    feature: str
    units: Mapping[Meter, int]
    ttl_s: int
    dispatched: bool = True
    call_id: UUID = field(default_factory=new_id)


@dataclass(frozen=True, slots=True)
class Denial:
    """One limit that does not allow a reservation.

    Attributes:
        scope: Whose limit: `organization`, `member`, `platform`.
        limit, used, reserved, requested: Units; `None` where a budget's stage alone closed the route.
        reset_at: When the window ends; `None` for levels.
    """

    meter: Meter
    scope: Literal["organization", "member", "platform"]
    limit: int | None = None
    used: int | None = None
    reserved: int | None = None
    requested: int | None = None
    reset_at: datetime | None = None

    @property
    def remaining(self) -> int:
        """Units that could still be reserved."""
        if self.limit is None or self.used is None or self.reserved is None:
            return 0
        return max(0, self.limit - self.used - self.reserved)


@dataclass(frozen=True, slots=True)
class Reserved:
    """An open hold.

    Attributes:
        attempt: The fencing token: settling it later names this attempt.
        tokens_per_message: The plan's bound of one answer; `None` without one.
        stage, platform_stage: Of the budgets.
    """

    hold_id: UUID
    attempt: int
    plan: str
    plan_version: int
    tokens_per_message: int | None
    stage: Stage
    platform_stage: Stage


@dataclass(frozen=True, slots=True)
class Denied:
    """Nothing was reserved."""

    denials: tuple[Denial, ...]
    plan: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """The request was served before; `response` is what was answered, where it was kept."""

    response: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class InProgress:
    """The same request is being served."""

    retry_after_s: int


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The hold's id belongs to another request."""


Reservation = Reserved | Denied | Replayed | InProgress | Mismatch


@dataclass(frozen=True, slots=True)
class Used:
    """Units of one meter that one model used, and what they cost the platform (micro-USD)."""

    meter: Meter
    units: int
    model: str = ""
    cost_micro_usd: int = 0


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a hold becomes: recorded in the transaction that stores the work's result.

    Attributes:
        used: At most one element a meter and model. Meters beside those of the hold are a defect.
        price_version: Of the price table that the costs come from.
        response: What a repetition with the same idempotency key is answered; `None` keeps nothing.
    """

    hold_id: UUID
    attempt: int
    used: tuple[Used, ...]
    price_version: int = 0
    response: dict[str, Any] | None = None

    @property
    def cost_micro_usd(self) -> int:
        """The whole cost."""
        return sum(one.cost_micro_usd for one in self.used)


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a settlement.

    Attributes:
        outcome: `settled`; `late` for a hold that had expired; `stale` if a newer attempt has taken over;
            `replayed` if there was nothing to do any more.
        over: Units by which a limit is exceeded now: after late settlements, or below a lowered limit.
        response: Of a replay.
    """

    outcome: Literal["settled", "late", "stale", "replayed"]
    over: int = 0
    response: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """One meter's window as it stands.

    Attributes:
        limit: `None` for none.
        user_id: The member whose own use it counts; `None` for the organization's.
        reset_at: `None` for levels.
    """

    meter: Meter
    limit: int | None
    committed: int
    reserved: int
    started_at: datetime
    reset_at: datetime | None
    user_id: UUID | None = None

    @property
    def remaining(self) -> int | None:
        """Units left; `None` without a limit."""
        return None if self.limit is None else max(0, self.limit - self.committed - self.reserved)


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for an organization now.

    Attributes:
        limits: By meter, and `tokens_per_message`; absent or `None`: no limit.
        rates: Requests a minute by route class, where the plan has its own.
        cost_limit: The budget's hard stop in micro-USD a month.
    """

    plan: str
    plan_version: int
    limits: Mapping[str, int | None]
    rates: Mapping[str, int] = field(default_factory=dict)
    features: tuple[str, ...] = ()
    cost_limit: int | None = None
    stage: Stage = "normal"
    platform_stage: Stage = "normal"
