"""A batch of messages: read at the same time, failed one by one."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from footnote.knowledge import ObjectEvent
from footnote.knowledge.object_events import object_events
from footnote.platform.logging import get_logger

logger = get_logger("ingestion")


class Ingests(Protocol):
    """`footnote.knowledge.ingestion.Ingestion`."""

    async def ingest(self, event: ObjectEvent) -> None: ...


async def ingest_batch(records: list[dict[str, Any]], ingestion: Ingests, time_s: float) -> list[str]:
    """Takes the events of all messages in.

    Args:
        records: `Records` of the event that SQS's event source mapping sends.
        ingestion: What takes an event in.
        time_s: Time limit in seconds. What is not done by then is given back for another delivery.

    Returns:
        Ids of the messages that are to be delivered again. One message's failure touches no other.
    """
    tasks = {
        record["messageId"]: asyncio.ensure_future(_ingest_message(record["body"], ingestion))
        for record in records
    }
    _, late = await asyncio.wait(tasks.values(), timeout=max(time_s, 0.0))
    for task in late:
        task.cancel()
    outcomes = await asyncio.gather(*tasks.values(), return_exceptions=True)
    failed = {
        message_id: outcome
        for message_id, outcome in zip(tasks, outcomes, strict=True)
        if outcome is not None
    }
    for message_id, outcome in failed.items():
        logger.warning(
            "message to be delivered again",
            extra={"message_id": message_id, "error": type(outcome).__name__},
        )
    return list(failed)


async def _ingest_message(body: str, ingestion: Ingests) -> None:
    for event in object_events(body):
        await ingestion.ingest(event)
