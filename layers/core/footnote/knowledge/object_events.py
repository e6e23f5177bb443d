"""S3's notifications as they arrive in queue messages."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote_plus

from footnote.knowledge.ports import ObjectEvent

_CREATED = "ObjectCreated:"
_REMOVED = ("ObjectRemoved:", "LifecycleExpiration:")


def object_events(body: str) -> list[ObjectEvent]:
    """The object events of one message; none in S3's test message.

    Source: Amazon S3 User Guide, "Event message structure". Keys are URL-encoded there.

    Raises:
        ValueError: The message is not a notification of S3.
    """
    try:
        message = json.loads(body)
        if "Records" not in message and message.get("Event") == "s3:TestEvent":
            return []
        events = [_event(record) for record in message["Records"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("the message is not an S3 notification") from error
    return [event for event in events if event is not None]


def _event(record: dict[str, Any]) -> ObjectEvent | None:
    """One event; `None` of a kind that says nothing about what the bucket holds."""
    name: str = record["eventName"].removeprefix("s3:")
    created = name.startswith(_CREATED)
    if not created and not name.startswith(_REMOVED):
        return None
    described = record["s3"]["object"]
    version_id = described.get("versionId")
    return ObjectEvent(
        bucket=record["s3"]["bucket"]["name"],
        key=unquote_plus(described["key"]),
        created=created,
        sequencer=described["sequencer"],
        # A bucket without versioning calls its only version "null".
        version_id=None if version_id in {None, "", "null"} else str(version_id),
        etag=described.get("eTag"),
        size=int(described.get("size", 0)),
        delete_marker=name.endswith(":DeleteMarkerCreated"),
    )
