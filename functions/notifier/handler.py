"""Lambda entry point of `notifier`: a batch of queue messages, each an event."""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Any

from footnote.composition import container
from functions.notifier.batch import dispatch_batch

# What is left of the time limit when unfinished messages are given back.
_RESERVE_S = 10.0


@lru_cache(maxsize=1)
def _loop() -> asyncio.AbstractEventLoop:
    """One loop for the life of the environment: connections belong to it."""
    return asyncio.new_event_loop()


def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Consumes the batch; returns the messages that are to be delivered again."""
    time_s = context.get_remaining_time_in_millis() / 1000 - _RESERVE_S
    failed = _loop().run_until_complete(dispatch_batch(event["Records"], container().dispatcher, time_s))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
