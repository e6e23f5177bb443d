"""Lets a call through, or says when to come again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime

from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.settings import RateSettings
from footnote.quota.errors import Blocked, RateLimited
from footnote.quota.rates.counting import LocalLimiter
from footnote.quota.rates.keeping import KeptTerms
from footnote.quota.rates.models import (
    RATE_CLASSES,
    Allowance,
    Caller,
    Counter,
    RateClass,
    Standing,
    Verdict,
    defaults_of,
)
from footnote.quota.rates.ports import RateLimiter


class Rates:
    """Rate limits of callers.

    Args:
        settings: The limits where nobody has their own.
        limiter: Counts for all processes.
        local: Counts in this process while `limiter` is away.
        terms: What holds for organizations.
        clock: Time.
    """

    def __init__(
        self,
        settings: RateSettings,
        limiter: RateLimiter,
        local: LocalLimiter,
        terms: KeptTerms,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._defaults = defaults_of(settings)
        self._limiter = limiter
        self._local = local
        self._terms = terms
        self._clock = clock

    async def allow(self, context: OrganizationContext, rate_class: RateClass) -> Standing | None:
        """Counts a call of a member or key.

        Returns:
            The counter that is nearest to its limit; `None` where limits are off. Blocks hold all the same.

        Raises:
            RateLimited: A limit is reached; nothing was counted. `standing` is the counter's.
            Blocked: The caller may not call for a while.
        """
        caller, now = Caller.of(context), self._clock.now()
        terms = await self._terms.get(context)
        blocked_until = terms.blocked_until(caller, now)
        if blocked_until is not None:
            raise _blocked(blocked_until)
        counters = []
        if self._settings.enabled:
            mine = terms.allowance(caller, rate_class, self._defaults, now)
            shared = terms.allowance(caller, "organization", self._defaults, now)
            counters += [] if mine is None else [_counter(caller, mine)]
            counters += [] if shared is None else [_shared_counter(caller, shared)]
        return _decided(await self._count(counters, caller))

    async def allow_address(
        self, address: str, rate_class: str = "address", per_minute: int | None = None
    ) -> Standing | None:
        """Counts a call of somebody who has not signed in; raises `RateLimited`."""
        if not self._settings.enabled:
            return None
        limit = self._settings.address_per_minute if per_minute is None else per_minute
        counter = Counter(None, "address", address, rate_class, limit)
        return _decided(await self._count([counter], None))

    async def in_force(self, context: OrganizationContext) -> list[Allowance]:
        """The caller's limits by class."""
        if not self._settings.enabled:
            return []
        caller, now = Caller.of(context), self._clock.now()
        terms = await self._terms.get(context)
        found = [terms.allowance(caller, one, self._defaults, now) for one in RATE_CLASSES]
        return [allowance for allowance in found if allowance is not None]

    async def _count(self, counters: Sequence[Counter], caller: Caller | None) -> Verdict:
        try:
            return await self._limiter.count(counters, caller)
        except ServiceUnavailable:
            return self._local.count(counters)


def _counter(caller: Caller, allowance: Allowance) -> Counter:
    counted = caller.counted
    return Counter(
        caller.organization_id, counted.kind, str(counted.id), allowance.rate_class, allowance.per_minute
    )


def _shared_counter(caller: Caller, allowance: Allowance) -> Counter:
    return Counter(caller.organization_id, "organization", "all", "organization", allowance.per_minute)


def _decided(verdict: Verdict) -> Standing | None:
    if verdict.blocked_until is not None:
        raise _blocked(verdict.blocked_until)
    if verdict.refused:
        standing = max((verdict.standings[index] for index in verdict.refused), key=lambda one: one.reset_s)
        wait_s = max(1, math.ceil(standing.reset_s))
        raise RateLimited(
            f"At most {standing.limit} requests in {standing.window_s} seconds. Try again in {wait_s} s.",
            details={"limit": standing.limit, "window_s": standing.window_s, "retry": wait_s},
            retry_after_s=wait_s,
            standing=standing,
        )
    return min(verdict.standings, key=lambda one: one.remaining, default=None)


def _blocked(until: datetime) -> Blocked:
    text = until.isoformat(timespec="seconds").replace("+00:00", "Z")
    return Blocked(
        f"This account or key is blocked until {text}. An administrator of the organization can lift that.",
        details={"blocked_until": text},
    )
