"""What metering does every minute: ends holds whose time is over, forgets what is old, sends events."""

from __future__ import annotations

from typing import Protocol

from footnote.platform.clock import Clock
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.quota.events import MARKERS_KEPT
from footnote.quota.relay import Relay

logger = get_logger("metering")

_DAY_S = 24 * 3600
# A hold is ended by its own request first: a late settlement is better than an expired one.
_GRACE_S = 5
# A queue and its dead letters keep a message for 28 days together; a marker must outlive that. Events other
# than usage stay longer than markers: as long as one is there it is not recorded again, so that no marker of
# it can meet another content.
_USAGE_KEPT_S = 7 * _DAY_S
_PROCESSED_KEPT_S = round(MARKERS_KEPT.total_seconds())
_OTHERS_KEPT_S = 40 * _DAY_S
# Stripe sends an event for three days; answers to requests are kept for whoever sends one again.
_REQUESTS_KEPT_S = 30 * _DAY_S
_PROVIDER_EVENTS_KEPT_S = 90 * _DAY_S
_LIMIT = 1_000
# How much of the time ended holds may take, and forgetting.
_ENDING_SHARE = 0.4
_FORGETTING_SHARE = 0.2


class MeteringJobs(Protocol):
    """The store's side of it, over all organizations. Every call is one short transaction."""

    async def expire_next(self, grace_s: int) -> bool:
        """Ends one hold whose time was over `grace_s` seconds ago; false: there is none."""
        ...

    async def purge_holds(self, limit: int) -> int:
        """Forgets closed holds that no retry can ask for any more; how many."""
        ...

    async def purge_events(self, usage_s: int, others_s: int, limit: int) -> int:
        """Forgets events sent before so many seconds; how many."""
        ...

    async def purge_processed(self, older_s: int, limit: int) -> int:
        """Forgets markers and given-up deliveries older than so many seconds; how many."""
        ...

    async def purge_billing(self, requests_s: int, events_s: int, limit: int) -> int:
        """Forgets answers to requests for subscriptions, and events of payment providers; how many."""
        ...


class MeteringSweep:
    """One round a minute, in bounded pieces; the next round goes on.

    Args:
        jobs: The store's side.
        relay: Sends the events.
        clock: Time.
    """

    def __init__(self, jobs: MeteringJobs, relay: Relay, clock: Clock) -> None:
        self._jobs = jobs
        self._relay = relay
        self._clock = clock

    async def sweep(self, time_s: float) -> dict[str, int]:
        """Does one round; how much of each was done.

        Raises:
            ServiceUnavailable: The store cannot be reached. When only the queue cannot, the rest is done.
        """
        start = self._clock.monotonic()
        done = {"holds_expired": await self._end_holds(start + time_s * _ENDING_SHARE)}
        # Before anything is forgotten: what cannot be forgotten keeps no event waiting.
        sending_until = start + time_s * (1 - _FORGETTING_SHARE)
        try:
            done["events_sent"] = await self._relay.run(sending_until - self._clock.monotonic())
        except ServiceUnavailable:
            logger.warning("events could not all be sent; they wait")
            done["relay_failed"] = 1
        return done | await self._forget(start + time_s)

    async def _forget(self, deadline: float) -> dict[str, int]:
        done = {"holds_purged": await self._jobs.purge_holds(_LIMIT)}
        if self._clock.monotonic() < deadline:
            done["events_purged"] = await self._jobs.purge_events(_USAGE_KEPT_S, _OTHERS_KEPT_S, _LIMIT)
        if self._clock.monotonic() < deadline:
            done["markers_purged"] = await self._jobs.purge_processed(_PROCESSED_KEPT_S, _LIMIT)
        if self._clock.monotonic() < deadline:
            kept = (_REQUESTS_KEPT_S, _PROVIDER_EVENTS_KEPT_S)
            done["payments_purged"] = await self._jobs.purge_billing(*kept, _LIMIT)
        return done

    async def _end_holds(self, deadline: float) -> int:
        ended = 0
        while self._clock.monotonic() < deadline and await self._jobs.expire_next(_GRACE_S):
            ended += 1
        return ended
