"""Lets a call through, or says when to come again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

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
        return self._decided(await self._count(counters, caller))

    async def allow_address(
        self, address: str, rate_class: str = "address", per_minute: int | None = None
    ) -> Standing | None:
        """Counts a call of somebody who has not signed in; raises `RateLimited`."""
        if not self._settings.enabled:
            return None
        limit = self._settings.address_per_minute if per_minute is None else per_minute
        counter = Counter(None, "address", address, rate_class, limit)
        return self._decided(await self._count([counter], None))

    async def in_force(self, context: OrganizationContext) -> list[Allowance]:
        """The caller's limits by class."""
        if not self._settings.enabled:
            return []
        caller, now = Caller.of(context), self._clock.now()
        terms = await self._terms.get(context)
        found = [terms.allowance(caller, one, self._defaults, now) for one in RATE_CLASSES]
        return [allowance for allowance in found if allowance is not None]

    def _decided(self, verdict: Verdict) -> Standing | None:
        """Of several limits that are reached, the one is told that holds for the longest time."""
        if verdict.blocked_until is not None:
            raise _blocked(verdict.blocked_until)
        if verdict.refused:
            refusing = (verdict.standings[index] for index in verdict.refused)
            raise _refused(max(refusing, key=lambda one: one.reset_s), self._clock.now())
        return min(verdict.standings, key=lambda one: one.remaining, default=None)

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


def _refused(standing: Standing, now: datetime) -> RateLimited:
    """Details as section 7 of the reference document has them for every limit; `retry` is in seconds."""
    wait_s = max(1, math.ceil(standing.reset_s))
    # In whole seconds, and not before the limit is really open again.
    reset_at = now + timedelta(seconds=wait_s, microseconds=999_999)
    message = f"At most {standing.limit} requests in {standing.window_s} seconds. Try again in {wait_s} s."
    if standing.limit == 0:
        message = "Requests of this kind are switched off: their rate is set to 0."
    return RateLimited(
        message,
        details={
            "current_usage": standing.limit - standing.remaining,
            "limit": standing.limit,
            "window_s": standing.window_s,
            "retry": wait_s,
            "reset_at": _written(reset_at),
        },
        retry_after_s=wait_s,
        standing=replace(standing, reset_s=float(wait_s)),
    )


def _blocked(until: datetime) -> Blocked:
    text = _written(until)
    return Blocked(
        f"This account or key is blocked until {text}. An administrator of the organization can lift that.",
        details={"blocked_until": text},
    )


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
