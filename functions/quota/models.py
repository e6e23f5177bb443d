"""Bodies of the function `quota`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from footnote.platform.fields import Line, Moment, Whole
from footnote.platform.http import RequestModel
from footnote.quota import Meter, Window
from footnote.quota.controls import EVERYONE, Overview
from footnote.quota.rates import Allowance, Block, RateOverride

Units = Annotated[Whole, Field(ge=0, le=2**53 - 1)]
RateClassName = Literal["default", "chat", "search", "organization"]
BlockedKind = Literal["user", "key"]
RatedKind = Literal["organization", "user", "key"]

_DAY_S = 24 * 3600


class MeterBody(BaseModel):
    """One meter. `limit` and `remaining` are null without a limit, `reset_at` where nothing resets."""

    meter: str
    limit: int | None
    used: int
    reserved: int
    remaining: int | None
    period_start: datetime
    reset_at: datetime | None

    @classmethod
    def of(cls, window: Window) -> MeterBody:
        return cls(
            meter=window.meter,
            limit=window.limit,
            used=window.committed,
            reserved=window.reserved,
            remaining=window.remaining,
            period_start=window.started_at,
            reset_at=window.reset_at,
        )


class RateBody(BaseModel):
    """A rate in force, where it comes from, and whether a nearly spent budget has lowered it."""

    rate_class: str
    per_minute: int
    source: str
    is_reduced: bool

    @classmethod
    def of(cls, allowance: Allowance) -> RateBody:
        return cls.model_validate(allowance, from_attributes=True)


class ConcurrentBody(BaseModel):
    """Requests of the organization at the same time."""

    limit: int | None
    running: int


class QuotaBody(BaseModel):
    """Units are integers: messages, tokens, bytes, milliseconds, micro-USD (`cost`).

    `meters` are the organization's, `member` what the caller used of it and may use at most. `stage` is how
    far the organization's budget is used up.
    """

    plan: str
    plan_version: int
    stage: str
    tokens_per_message: int | None
    meters: list[MeterBody]
    member: list[MeterBody]
    concurrent_requests: ConcurrentBody
    rates: list[RateBody]

    @classmethod
    def of(cls, overview: Overview) -> QuotaBody:
        bodies = {window.meter: MeterBody.of(window) for window in overview.organization}
        running = bodies.pop(Meter.CONCURRENT_REQUESTS)
        return cls(
            plan=overview.terms.plan,
            plan_version=overview.terms.plan_version,
            stage=overview.terms.stage,
            tokens_per_message=overview.terms.limits.get("tokens_per_message"),
            meters=list(bodies.values()),
            member=[MeterBody.of(window) for window in overview.member],
            concurrent_requests=ConcurrentBody(limit=running.limit, running=running.reserved),
            rates=[RateBody.of(allowance) for allowance in overview.rates],
        )


class CapsRequest(RequestModel):
    """What a member may use: messages and cost (micro-USD) a month, API calls a day; null: no cap."""

    messages: Units | None = None
    api_calls: Units | None = None
    cost: Units | None = None


class CapsBody(BaseModel):
    """`caps` are set for this member (or `default`), `effective` has those that hold because of `default`."""

    user_id: UUID | Literal["default"]
    caps: dict[str, int]
    effective: dict[str, int]

    @classmethod
    def of(cls, user_id: UUID, caps: dict[str, int], effective: dict[str, int]) -> CapsBody:
        return cls(user_id="default" if user_id == EVERYONE else user_id, caps=caps, effective=effective)


class RateRequest(RequestModel):
    """Another number of requests a minute; `id` is left out for the organization's own.

    `rate_class` is `chat`, `search`, `default` for all other routes, or `organization` for all calls of the
    organization together.
    """

    kind: RatedKind
    id: UUID | None = None
    rate_class: RateClassName
    per_minute: Whole = Field(ge=0, le=1_000_000)
    expires_at: Moment | None = None


class OverrideBody(BaseModel):
    """A rate that is set. Without `created_by` the platform has set it."""

    kind: str
    id: UUID
    rate_class: str
    per_minute: int
    created_by: UUID | None
    expires_at: datetime | None

    @classmethod
    def of(cls, override: RateOverride) -> OverrideBody:
        return cls(
            kind=override.subject.kind,
            id=override.subject.id,
            rate_class=override.rate_class,
            per_minute=override.per_minute,
            created_by=override.created_by,
            expires_at=override.expires_at,
        )


class RatesBody(BaseModel):
    """Rates that are set, and those in force for the caller."""

    overrides: list[OverrideBody]
    in_force: list[RateBody]


class BlockRequest(RequestModel):
    """Who may not call for `duration_s` seconds (a year at most), and why."""

    kind: BlockedKind
    id: UUID
    duration_s: Whole = Field(ge=1, le=366 * _DAY_S)
    reason: Line


class BlockBody(BaseModel):
    """A block in force."""

    kind: str
    id: UUID
    reason: str
    expires_at: datetime
    created_by: UUID | None
    created_at: datetime | None

    @classmethod
    def of(cls, block: Block) -> BlockBody:
        return cls(
            kind=block.subject.kind,
            id=block.subject.id,
            reason=block.reason,
            expires_at=block.expires_at,
            created_by=block.created_by,
            created_at=block.created_at,
        )


class BlocksBody(BaseModel):
    """Blocks that have not ended, those that end first before the others."""

    blocks: list[BlockBody]
