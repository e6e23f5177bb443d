"""The terms of rate limits: callers, counters, what holds for an organization, and verdicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from footnote.platform.context import OrganizationContext
from footnote.platform.settings import RateSettings
from footnote.quota.models import Stage
from footnote.quota.stages import SAVING

RateClass = Literal["default", "chat", "search", "organization"]
"""Routes that are counted together, by caller. `organization`: all calls of the organization together."""

RATE_CLASSES: tuple[RateClass, ...] = ("default", "chat", "search", "organization")

SubjectKind = Literal["organization", "user", "key"]
Source = Literal["key", "user", "organization", "plan", "default"]

WINDOW_S = 60
_SAVED = (7, 10)  # the share of a rate that is left when a budget is nearly spent (section 16.2)


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom an override or a block is for."""

    kind: SubjectKind
    id: UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the API key if there is one, else the member."""

    organization_id: UUID
    user_id: UUID | None
    key_id: UUID | None = None

    @classmethod
    def of(cls, context: OrganizationContext) -> Caller:
        return cls(context.organization_id, context.user_id, context.key_id)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """All that the caller is, the narrowest first."""
        key = () if self.key_id is None else (Subject("key", self.key_id),)
        user = () if self.user_id is None else (Subject("user", self.user_id),)
        return (*key, *user, Subject("organization", self.organization_id))

    @property
    def counted(self) -> Subject:
        """As whom the calls are counted."""
        return self.subjects[0]


@dataclass(frozen=True, slots=True)
class Counter:
    """One sliding window.

    Attributes:
        organization_id: `None` for callers who have not signed in.
        kind, name: Whose it is: `user` and an id, `address` and an address.
        limit: Calls in any `window_s` seconds; 0 allows none.
    """

    organization_id: UUID | None
    kind: str
    name: str
    rate_class: str
    limit: int
    window_s: int = WINDOW_S


@dataclass(frozen=True, slots=True)
class Standing:
    """How a counter stands after a call was counted or refused.

    Attributes:
        remaining: Calls that would still be admitted now.
        reset_s: Seconds until the oldest counted call leaves the window (until the next call is admitted,
            where this one was refused).
    """

    limit: int
    window_s: int
    remaining: int
    reset_s: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of a call: counted everywhere, or nowhere.

    Attributes:
        standings: Of the counters, in their order; empty where the caller is blocked.
        refused: The counters' positions that refuse.
        blocked_until: When the block of the caller ends.
    """

    standings: tuple[Standing, ...] = ()
    refused: tuple[int, ...] = ()
    blocked_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class RateOverride:
    """Another number of calls a minute, for one subject and class.

    Attributes:
        created_by: The member who made it; it never allows more than the plan does. `None`: the platform,
            which may.
    """

    subject: Subject
    rate_class: RateClass
    per_minute: int
    created_by: UUID | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A subject that may not call until a moment."""

    subject: Subject
    reason: str
    expires_at: datetime
    created_by: UUID | None = None
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """A limit in force, where it comes from, and whether a nearly spent budget has lowered it."""

    rate_class: RateClass
    per_minute: int
    source: Source
    is_reduced: bool


@dataclass(frozen=True, slots=True)
class RateTerms:
    """What holds for an organization.

    Attributes:
        rates: The plan's own, by class.
        overrides: By subject and class.
        blocks: By subject.
        stage, platform_stage: Of the budgets.
    """

    rates: Mapping[str, int] = field(default_factory=dict)
    overrides: Mapping[tuple[Subject, str], RateOverride] = field(default_factory=dict)
    blocks: Mapping[Subject, Block] = field(default_factory=dict)
    stage: Stage = "normal"
    platform_stage: Stage = "normal"

    def blocked_until(self, caller: Caller, now: datetime) -> datetime | None:
        """When the caller's last block ends; `None` without one."""
        found = [self.blocks[subject] for subject in caller.subjects if subject in self.blocks]
        return max((block.expires_at for block in found if block.expires_at > now), default=None)

    def allowance(
        self, caller: Caller, rate_class: RateClass, defaults: Mapping[str, int | None], now: datetime
    ) -> Allowance | None:
        """The limit: of key, user, organization, plan, or the settings; `None` where none of them has one."""
        limit = planned = self.planned(rate_class, defaults)
        source: Source = "plan" if rate_class in self.rates else "default"
        override = self._override(caller, rate_class, now)
        if override is not None:
            limit, source = override.per_minute, override.subject.kind
            if override.created_by is not None and planned is not None:
                limit = min(limit, planned)
        if limit is None:
            return None
        is_reduced = bool(SAVING & {self.stage, self.platform_stage}) and limit > 0
        if is_reduced:
            limit = max(1, limit * _SAVED[0] // _SAVED[1])
        return Allowance(rate_class, limit, source, is_reduced)

    def planned(self, rate_class: RateClass, defaults: Mapping[str, int | None]) -> int | None:
        """What the plan allows, or the settings where the plan says nothing."""
        return self.rates.get(rate_class, defaults.get(rate_class))

    def _override(self, caller: Caller, rate_class: RateClass, now: datetime) -> RateOverride | None:
        """The narrowest that has not ended; calls of all together are the organization's alone."""
        subjects = caller.subjects[-1:] if rate_class == "organization" else caller.subjects
        for subject in subjects:
            override = self.overrides.get((subject, rate_class))
            if override is not None and (override.expires_at is None or override.expires_at > now):
                return override
        return None


def defaults_of(settings: RateSettings) -> dict[str, int | None]:
    """The settings' limits by class."""
    return {
        "default": settings.default_per_minute,
        "chat": settings.chat_per_minute,
        "search": settings.search_per_minute,
        "organization": settings.organization_per_minute,
    }
