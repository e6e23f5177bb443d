"""Lambda entry point of `ingestion`: a batch of queue messages, each with S3 events."""

from __future__ import annotations

from typing import Any

from footnote.composition import container
from footnote.platform.invocations import run, seconds_left
from functions.ingestion.batch import ingest_batch

# What is left of the time limit when unfinished messages are given back.
_RESERVE_S = 10.0


def handler(event: dict[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Reads the batch; returns the messages that are to be delivered again."""
    time_s = seconds_left(context, _RESERVE_S)
    failed = run(ingest_batch(event["Records"], container().ingestion, time_s))
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}
