"""Durable queues with the semantics of SQS: visibility, receive counts, dead-letter queues.

They lie in the journal beside the objects, so that a message about an object is written with the object.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from footnote.platform.manifest import FunctionManifest
from local.aws.journal import Journal
from local.stack import ACCOUNT_ID, REGION, dead_letter_queue

# As AWS advises; a message comes back earlier when its function reports failure.
_VISIBILITY_PER_TIMEOUT = 6


@dataclass(frozen=True)
class QueueDefinition:
    """One queue.

    Attributes:
        visibility_s: How long a received message stays hidden.
        max_receive_count: After so many deliveries it goes to the dead-letter queue.
        dead_letters: The dead-letter queue's name; none for a dead-letter queue itself.
    """

    name: str
    visibility_s: float = 30.0
    max_receive_count: int = 0
    dead_letters: str | None = None

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT_ID}:{self.name}"


def queue_definitions(manifests: Iterable[FunctionManifest]) -> dict[str, QueueDefinition]:
    """The queues of all functions with their dead-letter queues, by name."""
    definitions: dict[str, QueueDefinition] = {}
    for manifest in manifests:
        if manifest.queue is None:
            continue
        name, dead = manifest.queue.name, dead_letter_queue(manifest.queue.name)
        visibility = float(_VISIBILITY_PER_TIMEOUT * manifest.timeout_s)
        definitions[name] = QueueDefinition(name, visibility, manifest.queue.max_receive_count, dead)
        definitions[dead] = QueueDefinition(dead)
    return definitions


@dataclass(frozen=True)
class Message:
    """A received message.

    Attributes:
        receipt: Names this delivery; needed to delete or release the message.
        received: How often it was delivered, this time included.
        sent: Seconds since the epoch.
    """

    queue: str
    message_id: str
    body: str
    attributes: Mapping[str, Any]
    receipt: str
    received: int
    sent: float
    first_received: float

    @property
    def md5(self) -> str:
        return hashlib.md5(self.body.encode(), usedforsecurity=False).hexdigest()


class QueueStore:
    """All queues of a stack.

    Args:
        journal: Where messages are kept.
        definitions: The queues.
    """

    def __init__(self, journal: Journal, definitions: Mapping[str, QueueDefinition]) -> None:
        self._journal = journal
        self.definitions = definitions
        self._wakers: dict[str, set[asyncio.Event]] = {name: set() for name in definitions}

    async def recover(self) -> None:
        """Makes messages visible whose delivery was cut short by the end of the stack.

        That delivery is not counted: the stack failed, not the function.
        """
        await self._journal.write(
            lambda connection: connection.execute(
                "UPDATE messages SET visible = 0, receipt = NULL, received = max(received - 1, 0) "
                "WHERE receipt IS NOT NULL"
            )
        )

    def add(self, connection: sqlite3.Connection, queue: str, body: str, *, delay_s: float = 0.0) -> str:
        """Sends a message inside a transaction of the journal; returns its id."""
        return self._insert(connection, queue, body, {}, delay_s)

    async def send(
        self, queue: str, messages: Sequence[tuple[str, Mapping[str, Any]]], *, delay_s: float = 0.0
    ) -> list[str]:
        """Sends messages (body and attributes); returns their ids."""
        ids = await self._journal.write(
            lambda connection: [self._insert(connection, queue, *message, delay_s) for message in messages]
        )
        self.wake(queue)
        return ids

    async def receive(self, queue: str, limit: int, visibility_s: float | None = None) -> list[Message]:
        """Takes up to `limit` visible messages, oldest first, and hides them."""
        now = time.time()
        visibility = self.definitions[queue].visibility_s if visibility_s is None else visibility_s

        def work(connection: sqlite3.Connection) -> list[Message]:
            rows = connection.execute(
                "SELECT * FROM messages WHERE queue = ? AND visible <= ? ORDER BY position LIMIT ?",
                (queue, now, limit),
            ).fetchall()
            messages = [_received(row, now) for row in rows]
            connection.executemany(
                "UPDATE messages SET visible = ?, receipt = ?, received = ?, first_received = ? "
                "WHERE message_id = ?",
                [
                    (
                        now + visibility,
                        message.receipt,
                        message.received,
                        message.first_received,
                        message.message_id,
                    )
                    for message in messages
                ],
            )
            return messages

        return await self._journal.write(work)

    async def delete(self, queue: str, receipts: Sequence[str]) -> None:
        """Deletes delivered messages."""
        await self._journal.write(
            lambda connection: connection.executemany(
                "DELETE FROM messages WHERE queue = ? AND receipt = ?",
                [(queue, receipt) for receipt in receipts],
            )
        )

    async def hide(self, queue: str, receipt: str, delay_s: float) -> None:
        """Changes how long a delivered message stays hidden; the delivery goes on."""
        visible = time.time() + delay_s
        await self._journal.write(
            lambda connection: connection.execute(
                "UPDATE messages SET visible = ? WHERE queue = ? AND receipt = ?", (visible, queue, receipt)
            )
        )
        self.wake(queue)

    async def fail(self, messages: Sequence[Message], delay_s: Callable[[int], float]) -> list[Message]:
        """Takes failed deliveries back; returns those that went to the dead-letter queue.

        Args:
            messages: Of one queue.
            delay_s: How long a message waits, by the number of its deliveries.
        """
        now = time.time()
        dead = [message for message in messages if self._exhausted(message)]
        waiting = [message for message in messages if not self._exhausted(message)]

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "UPDATE messages SET queue = ?, visible = ?, receipt = NULL, received = 0 WHERE receipt = ?",
                [(self.definitions[message.queue].dead_letters, now, message.receipt) for message in dead],
            )
            connection.executemany(
                "UPDATE messages SET visible = ?, receipt = NULL WHERE receipt = ?",
                [(now + delay_s(message.received), message.receipt) for message in waiting],
            )

        await self._journal.write(work)
        for name in {message.queue for message in messages}:
            self.wake(name)
        return dead

    async def redrive(self, dead_letters: str) -> int:
        """Moves all messages of a dead-letter queue back to its queue; returns how many."""
        source = next(each.name for each in self.definitions.values() if each.dead_letters == dead_letters)
        count = await self._journal.write(
            lambda connection: (
                connection.execute(
                    "UPDATE messages SET queue = ?, visible = 0, receipt = NULL, received = 0 "
                    "WHERE queue = ?",
                    (source, dead_letters),
                ).rowcount
            )
        )
        self.wake(source)
        return count

    async def purge(self, queue: str) -> None:
        """Deletes all messages of a queue."""
        await self._journal.write(
            lambda connection: connection.execute("DELETE FROM messages WHERE queue = ?", (queue,))
        )

    def peek(self, queue: str, limit: int = 100) -> list[dict[str, Any]]:
        """Messages of a queue, without receiving them."""
        rows = self._journal.read(
            "SELECT message_id, body, sent, received FROM messages WHERE queue = ? ORDER BY position LIMIT ?",
            (queue, limit),
        )
        return [dict(row) for row in rows]

    def counts(self, queue: str) -> tuple[int, int]:
        """How many messages are visible, and how many hidden."""
        row = self._journal.read(
            "SELECT count(*) FILTER (WHERE visible <= ?), count(*) FROM messages WHERE queue = ?",
            (time.time(), queue),
        )[0]
        return row[0], row[1] - row[0]

    def next_visible(self, queue: str) -> float | None:
        """When the next message can be received (seconds since the epoch); None if there is none."""
        moment: float | None = self._journal.read(
            "SELECT min(visible) FROM messages WHERE queue = ?", (queue,)
        )[0][0]
        return moment

    def subscribe(self, queue: str) -> asyncio.Event:
        """An event that is set whenever something in the queue may have become receivable."""
        event = asyncio.Event()
        self._wakers[queue].add(event)
        return event

    def unsubscribe(self, queue: str, event: asyncio.Event) -> None:
        """Ends a subscription."""
        self._wakers[queue].discard(event)

    def wake(self, queue: str) -> None:
        """Tells whoever waits for messages of the queue."""
        for event in self._wakers[queue]:
            event.set()

    def _exhausted(self, message: Message) -> bool:
        definition = self.definitions[message.queue]
        return definition.dead_letters is not None and message.received >= definition.max_receive_count

    @staticmethod
    def _insert(
        connection: sqlite3.Connection, queue: str, body: str, attributes: Mapping[str, Any], delay_s: float
    ) -> str:
        now = time.time()
        message_id = str(uuid.uuid4())
        connection.execute(
            "INSERT INTO messages (queue, message_id, body, attributes, sent, visible) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (queue, message_id, body, json.dumps(attributes), now, now + delay_s),
        )
        return message_id


def _received(row: sqlite3.Row, now: float) -> Message:
    return Message(
        queue=row["queue"],
        message_id=row["message_id"],
        body=row["body"],
        attributes=json.loads(row["attributes"]),
        receipt=secrets.token_urlsafe(96),
        received=row["received"] + 1,
        sent=row["sent"],
        first_received=row["first_received"] or now,
    )
