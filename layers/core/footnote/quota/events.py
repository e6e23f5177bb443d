"""Events: what happened, told to whoever counts, mails or charges by it (reliability.md, b).

The queue delivers each event at least once and in no order. What a consumer does inside the database
happens exactly once: effect and marker are one transaction. What it does outside happens at least once, under
the same id; the marker is written afterwards.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from footnote.platform.clock import Clock
from footnote.platform.context import OrganizationContext
from footnote.platform.errors import FootnoteError, ServiceUnavailable
from footnote.platform.logging import get_logger
from footnote.platform.metrics import tell_metrics

logger = get_logger("events")

NAMESPACE = "Footnote/Metering"
USAGE_RECORDED = "usage.recorded"
MARKERS_KEPT = timedelta(days=35)
"""So long it is known which events were processed."""
# An event is not given to consumers in the last day before its marker may go.
_MARGIN = timedelta(days=1)


class MalformedEvent(FootnoteError):
    """A message of the queue is no event: a defect of whoever sent it."""


class EventMismatch(FootnoteError):
    """An event's id came before with another content: a defect, and no reason to do anything twice."""


class EventTooOld(FootnoteError):
    """It cannot be told any more whether the event was processed: what told it may be forgotten."""


class StillDelivering(ServiceUnavailable):
    """The same event is being told by another process; it is looked at again later."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in an organization.

    Attributes:
        event_id: The same however often it is delivered, unique in its organization.
        topic: `usage.recorded`, `quota.warning`, …
        payload: JSON.
        created_at: When it was recorded.
    """

    organization_id: UUID
    event_id: str
    topic: str
    payload: Mapping[str, Any]
    created_at: datetime

    @property
    def context(self) -> OrganizationContext:
        """Work on behalf of the event's organization."""
        return OrganizationContext(self.organization_id)

    @property
    def digest(self) -> bytes:
        """SHA-256 of topic and payload; times of sending have no part in it."""
        return hashlib.sha256(_canonical([self.topic, self.payload]).encode()).digest()

    def to_message(self) -> str:
        """The event as a message of the queue. ASCII: a queue refuses some characters that JSON allows."""
        document = {
            "organization_id": str(self.organization_id),
            "event_id": self.event_id,
            "topic": self.topic,
            "payload": self.payload,
            "created_at": self.created_at.isoformat(),
        }
        return json.dumps(document, sort_keys=True, separators=(",", ":"), default=str)

    @classmethod
    def of_message(cls, body: str) -> Event:
        """Reads a message.

        Raises:
            MalformedEvent: It is none of ours.
        """
        try:
            fields = json.loads(body)
            return cls(
                organization_id=UUID(fields["organization_id"]),
                event_id=str(fields["event_id"]),
                topic=str(fields["topic"]),
                payload=dict(fields["payload"]),
                created_at=datetime.fromisoformat(fields["created_at"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise MalformedEvent("A message of the queue is not an event.") from error


@dataclass(frozen=True, slots=True)
class Delivery:
    """One delivery of an event.

    Attributes:
        is_last: After this one the queue gives the event up.
    """

    event: Event
    is_last: bool = False


class Consumer(Protocol):
    """Does something with events of some topics, whatever their order and however often they come."""

    @property
    def name(self) -> str:
        """Names its markers; never changed."""
        ...

    def wants(self, topic: str) -> bool:
        """Whether events of the topic concern it."""
        ...

    async def consume(self, delivery: Delivery) -> None:
        """Does its part, unless it did before.

        Raises:
            EventMismatch: The id came with another content before.
            FootnoteError: It could not be done; the event is to be delivered again.
        """
        ...


class UsageRollup(Protocol):
    """Where usage is added up by day."""

    async def add_usage(self, consumer: str, event: Event) -> bool:
        """Adds an event's lines and marks it, in one transaction; whether it was new.

        Raises:
            EventMismatch: See `Consumer.consume`.
        """
        ...


class DailyUsage:
    """Adds usage up by day, meter, model and feature.

    Args:
        rollup: Where.
    """

    name = "usage-daily"

    def __init__(self, rollup: UsageRollup) -> None:
        self._rollup = rollup

    def wants(self, topic: str) -> bool:
        return topic == USAGE_RECORDED

    async def consume(self, delivery: Delivery) -> None:
        await self._rollup.add_usage(self.name, delivery.event)


class Dispatcher:
    """Gives each event to all whom it concerns.

    Args:
        consumers: Each with a name of its own.
        max_deliveries: So often the queue delivers an event before it gives it up.
        clock: Time.
    """

    def __init__(self, consumers: Sequence[Consumer], max_deliveries: int, clock: Clock) -> None:
        names = [consumer.name for consumer in consumers]
        if len(set(names)) != len(names):
            raise ValueError(f"two consumers have the same name: {', '.join(names)}")
        self._consumers = tuple(consumers)
        self._max_deliveries = max_deliveries
        self._clock = clock

    async def dispatch(self, body: str, deliveries: int) -> None:
        """Has every consumer do its part. One's failure keeps none of the others from theirs.

        Args:
            body: The queue's message.
            deliveries: How often it was delivered, this time included.

        Raises:
            EventTooOld: Nobody was given it: dead letters that are sent again and again outlive every marker.
            FootnoteError: At least one consumer failed; the message is to be delivered again.
        """
        delivery = Delivery(Event.of_message(body), deliveries >= self._max_deliveries)
        self._check_age(delivery.event)
        failures = [
            failure
            for consumer in self._consumers
            if consumer.wants(delivery.event.topic)
            for failure in [await _attempt(consumer, delivery)]
            if failure is not None
        ]
        if failures:
            raise failures[0]

    def _check_age(self, event: Event) -> None:
        if self._clock.now() - event.created_at <= MARKERS_KEPT - _MARGIN:
            return
        logger.error("an event is too old", extra={"event_id": event.event_id, "topic": event.topic})
        tell_metrics(NAMESPACE, {"event_too_old": 1})
        raise EventTooOld(
            f"Event {event.event_id} is of {event.created_at.isoformat()}: whether it was processed is not"
            " known any more. Look at what it should have done, and delete the message."
        )


async def _attempt(consumer: Consumer, delivery: Delivery) -> FootnoteError | None:
    event = delivery.event
    described = {
        "consumer": consumer.name,
        "event_id": event.event_id,
        "topic": event.topic,
        "organization_id": str(event.organization_id),
    }
    try:
        await consumer.consume(delivery)
    except EventMismatch as error:
        logger.exception("an event came again with another content", extra=described)
        tell_metrics(NAMESPACE, {"event_mismatch": 1})
        return error
    except StillDelivering as error:
        return error
    except FootnoteError as error:
        logger.warning("an event could not be consumed", extra={**described, "error": type(error).__name__})
        return error
    except asyncio.CancelledError:
        raise
    except Exception as error:
        logger.exception("a consumer has a defect", extra=described)
        failure = ServiceUnavailable(f"The consumer {consumer.name} failed.")
        failure.__cause__ = error
        return failure
    return None


def _canonical(document: Any) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)
