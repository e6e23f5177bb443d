"""S3's event notifications: each write of an object becomes a message on the subscribed queues."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from local.aws.events import s3_event
from local.aws.objects import ObjectVersion
from local.aws.queues import QueueStore


class Notifications:
    """The notification configuration of the document bucket.

    Args:
        queues: Where messages go.
        subscribed: Names of the queues that get every event.
    """

    def __init__(self, queues: QueueStore, subscribed: Sequence[str]) -> None:
        self._queues = queues
        self._subscribed = subscribed

    def record(self, connection: sqlite3.Connection, event: str, version: ObjectVersion) -> None:
        """Writes the messages about a version in the transaction that writes the version."""
        if self._subscribed:
            body = json.dumps(s3_event(event, version), separators=(",", ":"))
            for queue in self._subscribed:
                self._queues.add(connection, queue, body)

    def committed(self) -> None:
        """Sees that the messages are delivered, now that they are on disk."""
        for queue in self._subscribed:
            self._queues.wake(queue)
