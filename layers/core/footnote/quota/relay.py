"""The relay: events from the outbox to the queue, each at least once.

An event is taken for a while, sent, and noted as sent. A relay that ends anywhere in between has lost
nothing: the event is free again when its time is over, and another relay sends it, perhaps a second time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from footnote.platform.clock import Clock
from footnote.platform.errors import ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.platform.metrics import tell_metrics
from footnote.quota.events import NAMESPACE, Event

logger = get_logger("relay")

# SQS takes so much in one call (SendMessageBatch).
BATCH_MESSAGES = 10
BATCH_BYTES = 256 * 1024
_CLAIMED = 200
_CALLS_AT_ONCE = 4


class Outbox(Protocol):
    """Events that wait to be sent, of all organizations."""

    async def claim(self, limit: int, lease_s: int) -> list[Event]:
        """Takes the oldest that nobody else has; they are free again after `lease_s` seconds."""
        ...

    async def confirm(self, events: Sequence[Event]) -> None:
        """Notes that they were sent."""
        ...


class EventQueue(Protocol):
    """The queue that consumers are fed from."""

    async def send(self, bodies: Sequence[str]) -> list[int]:
        """Sends at most `BATCH_MESSAGES` messages of at most `BATCH_BYTES` together; which were accepted.

        Raises:
            ServiceUnavailable: It is not known of any whether it was.
        """
        ...


class Relay:
    """Empties the outbox. Any number may run at once.

    Args:
        outbox: From where.
        queue: To where.
        clock: Time.
        lease_s: For how long taken events are kept from other relays; longer than sending ever takes.
    """

    def __init__(self, outbox: Outbox, queue: EventQueue, clock: Clock, lease_s: int) -> None:
        self._outbox = outbox
        self._queue = queue
        self._clock = clock
        self._lease_s = lease_s

    async def run(self, time_s: float) -> int:
        """Sends until nothing waits or the time is over; how many events.

        Raises:
            ServiceUnavailable: The outbox or the queue cannot be reached. What was sent is noted; the rest
                waits.
        """
        deadline = self._clock.monotonic() + time_s
        sent = 0
        while self._clock.monotonic() < deadline:
            events = await self._outbox.claim(_CLAIMED, self._lease_s)
            if not events:
                break
            sent += await self._send(events)
        return sent

    async def _send(self, events: Sequence[Event]) -> int:
        places = asyncio.Semaphore(_CALLS_AT_ONCE)

        async def call(batch: list[tuple[Event, str]]) -> list[Event]:
            async with places:
                accepted = await self._queue.send([body for _, body in batch])
            return [batch[index][0] for index in accepted]

        outcomes = await asyncio.gather(*map(call, _batches(events)), return_exceptions=True)
        accepted = [event for one in outcomes if not isinstance(one, BaseException) for event in one]
        if accepted:
            await self._outbox.confirm(accepted)
        failures = [one for one in outcomes if isinstance(one, BaseException)]
        for failure in failures:
            if not isinstance(failure, ServiceUnavailable):
                raise failure
        if failures:
            raise failures[0]
        if len(accepted) < len(events):
            logger.warning("the queue refused events", extra={"refused": len(events) - len(accepted)})
        return len(accepted)


def _batches(events: Sequence[Event]) -> list[list[tuple[Event, str]]]:
    """What fits into one call each. An event too large for any is left where it is, and told of."""
    batches: list[list[tuple[Event, str]]] = []
    size = BATCH_BYTES
    for event in events:
        body = event.to_message()
        length = len(body.encode())
        if length > BATCH_BYTES:
            logger.error("an event is too large for the queue", extra={"event_id": event.event_id})
            tell_metrics(NAMESPACE, {"event_too_large": 1})
            continue
        if size + length > BATCH_BYTES or len(batches[-1]) == BATCH_MESSAGES:
            batches.append([])
            size = 0
        batches[-1].append((event, body))
        size += length
    return batches
