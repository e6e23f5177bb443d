"""A batch of messages: consumed at the same time, failed one by one."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from footnote.platform.logging import get_logger

logger = get_logger("notifier")


class Dispatches(Protocol):
    """`footnote.quota.events.Dispatcher`."""

    async def dispatch(self, body: str, deliveries: int) -> None: ...


async def dispatch_batch(records: list[dict[str, Any]], dispatcher: Dispatches, time_s: float) -> list[str]:
    """Has all messages' events consumed.

    Args:
        records: `Records` of the event that SQS's event source mapping sends.
        dispatcher: Gives an event to its consumers.
        time_s: Time limit in seconds. What is not done by then is given back for another delivery.

    Returns:
        Ids of the messages that are to be delivered again. One message's failure touches no other.
    """
    tasks = {
        record["messageId"]: asyncio.ensure_future(dispatcher.dispatch(record["body"], _deliveries(record)))
        for record in records
    }
    _, late = await asyncio.wait(tasks.values(), timeout=max(time_s, 0.0))
    for task in late:
        task.cancel()
    outcomes = await asyncio.gather(*tasks.values(), return_exceptions=True)
    failed = [
        (message_id, outcome)
        for message_id, outcome in zip(tasks, outcomes, strict=True)
        if outcome is not None
    ]
    for message_id, outcome in failed:
        logger.warning(
            "message to be delivered again",
            extra={"message_id": message_id, "error": type(outcome).__name__},
        )
    return [message_id for message_id, _ in failed]


def _deliveries(record: dict[str, Any]) -> int:
    """How often a message was delivered, this time included."""
    return int((record.get("attributes") or {}).get("ApproximateReceiveCount") or 1)
