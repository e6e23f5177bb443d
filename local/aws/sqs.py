"""SQS's API for the queues of the stack (JSON protocol); other queues are moto's.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from local.aws.errors import AwsError
from local.aws.http_types import Answer
from local.aws.queues import Message, QueueStore
from local.stack import ACCOUNT_ID

_PREFIX = "AmazonSQS."
_MAX_WAIT_S = 20.0
_MAX_MESSAGES = 10
MESSAGE_LIMIT_BYTES = 1024 * 1024

Parameters = dict[str, Any]


class SqsService:
    """Answers operations on the stack's queues.

    Args:
        queues: The queues.
        base_url: What queue addresses begin with.
    """

    def __init__(self, queues: QueueStore, base_url: str) -> None:
        self._queues = queues
        self._base_url = base_url
        self._operations: dict[str, Callable[[str, Parameters], Awaitable[Parameters]]] = {
            "CreateQueue": self._get_queue_url,  # it is there already
            "GetQueueUrl": self._get_queue_url,
            "GetQueueAttributes": self._get_queue_attributes,
            "SendMessage": self._send_message,
            "SendMessageBatch": self._send_message_batch,
            "ReceiveMessage": self._receive_message,
            "DeleteMessage": self._delete_message,
            "DeleteMessageBatch": self._delete_message_batch,
            "ChangeMessageVisibility": self._change_message_visibility,
            "PurgeQueue": self._purge_queue,
        }

    def queue_of(self, target: str, parameters: Parameters) -> str | None:
        """The stack's queue that a request is about; None where it is about another one, or none.

        Args:
            target: `X-Amz-Target`.
            parameters: The operation's.
        """
        if not target.startswith(_PREFIX):
            return None
        url = str(parameters.get("QueueUrl") or "")
        name = parameters.get("QueueName") or url.rsplit("/", 1)[-1]
        return name if name in self._queues.definitions else None

    async def serve(self, target: str, queue: str, parameters: Parameters) -> Answer:
        """Does what is asked.

        Raises:
            AwsError: It cannot be done.
        """
        operation = self._operations.get(target.removeprefix(_PREFIX))
        if operation is None:
            name = target.removeprefix(_PREFIX)
            raise AwsError("UnsupportedOperation", f"The local stack's queues have no operation {name}.")
        return _json(await operation(queue, parameters))

    def list_queues(self, parameters: Parameters) -> Answer:
        """The stack's queues, by name."""
        prefix = str(parameters.get("QueueNamePrefix") or "")
        names = [name for name in sorted(self._queues.definitions) if name.startswith(prefix)]
        return _json({"QueueUrls": [self.url(name) for name in names]})

    def url(self, queue: str) -> str:
        """A queue's address."""
        return f"{self._base_url}/{ACCOUNT_ID}/{queue}"

    async def _get_queue_url(self, queue: str, _: Parameters) -> Parameters:
        return {"QueueUrl": self.url(queue)}

    async def _get_queue_attributes(self, queue: str, _: Parameters) -> Parameters:
        definition = self._queues.definitions[queue]
        visible, hidden = self._queues.counts(queue)
        attributes = {
            "QueueArn": definition.arn,
            "ApproximateNumberOfMessages": str(visible),
            "ApproximateNumberOfMessagesNotVisible": str(hidden),
            "VisibilityTimeout": str(int(definition.visibility_s)),
        }
        if definition.dead_letters is not None:
            target = self._queues.definitions[definition.dead_letters].arn
            policy = {"deadLetterTargetArn": target, "maxReceiveCount": definition.max_receive_count}
            attributes["RedrivePolicy"] = json.dumps(policy)
        return {"Attributes": attributes}

    async def _send_message(self, queue: str, parameters: Parameters) -> Parameters:
        [sent] = await self._send(queue, [parameters])
        return sent

    async def _send_message_batch(self, queue: str, parameters: Parameters) -> Parameters:
        entries = _entries(parameters)
        sent = await self._send(queue, entries)
        return {
            "Successful": [{"Id": entry["Id"], **each} for entry, each in zip(entries, sent, strict=True)]
        }

    async def _send(self, queue: str, entries: list[Parameters]) -> list[Parameters]:
        for entry in entries:
            size = len(str(entry.get("MessageBody", "")).encode())
            if not 0 < size <= MESSAGE_LIMIT_BYTES:
                raise AwsError("InvalidParameterValue", "A message has 1 to 1048576 bytes.")
        delay = max(float(entry.get("DelaySeconds") or 0) for entry in entries)
        messages = [(entry["MessageBody"], entry.get("MessageAttributes") or {}) for entry in entries]
        ids = await self._queues.send(queue, messages, delay_s=delay)
        return [
            {"MessageId": each, "MD5OfMessageBody": _md5(entry["MessageBody"])}
            for each, entry in zip(ids, entries, strict=True)
        ]

    async def _receive_message(self, queue: str, parameters: Parameters) -> Parameters:
        limit = min(int(parameters.get("MaxNumberOfMessages") or 1), _MAX_MESSAGES)
        visibility = parameters.get("VisibilityTimeout")
        wait_s = min(float(parameters.get("WaitTimeSeconds") or 0), _MAX_WAIT_S)
        messages = await self._wait_and_receive(
            queue, limit, None if visibility is None else float(visibility), time.monotonic() + wait_s
        )
        return {"Messages": [_described(message) for message in messages]} if messages else {}

    async def _wait_and_receive(
        self, queue: str, limit: int, visibility_s: float | None, deadline: float
    ) -> list[Message]:
        changed = self._queues.subscribe(queue)
        try:
            while True:
                changed.clear()
                messages = await self._queues.receive(queue, limit, visibility_s)
                remaining = deadline - time.monotonic()
                if messages or remaining <= 0:
                    return messages
                moment = self._queues.next_visible(queue)
                pause = remaining if moment is None else min(remaining, max(moment - time.time(), 0.01))
                await _wait(changed, pause)
        finally:
            self._queues.unsubscribe(queue, changed)

    async def _delete_message(self, queue: str, parameters: Parameters) -> Parameters:
        await self._queues.delete(queue, [parameters["ReceiptHandle"]])
        return {}

    async def _delete_message_batch(self, queue: str, parameters: Parameters) -> Parameters:
        entries = _entries(parameters)
        await self._queues.delete(queue, [entry["ReceiptHandle"] for entry in entries])
        return {"Successful": [{"Id": entry["Id"]} for entry in entries], "Failed": []}

    async def _change_message_visibility(self, queue: str, parameters: Parameters) -> Parameters:
        delay = float(parameters.get("VisibilityTimeout") or 0)
        await self._queues.hide(queue, parameters["ReceiptHandle"], delay)
        return {}

    async def _purge_queue(self, queue: str, _: Parameters) -> Parameters:
        await self._queues.purge(queue)
        return {}


def _json(document: Parameters) -> Answer:
    return Answer(200, [(b"content-type", b"application/x-amz-json-1.0")], json.dumps(document).encode())


async def _wait(changed: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await changed.wait()
    except TimeoutError:
        return


def _entries(parameters: Parameters) -> list[Parameters]:
    entries = parameters.get("Entries") or []
    if not 1 <= len(entries) <= _MAX_MESSAGES:
        raise AwsError("TooManyEntriesInBatchRequest", "A batch has 1 to 10 entries.")
    return list(entries)


def _described(message: Message) -> Parameters:
    return {
        "MessageId": message.message_id,
        "ReceiptHandle": message.receipt,
        "Body": message.body,
        "MD5OfBody": message.md5,
        "Attributes": {
            "ApproximateReceiveCount": str(message.received),
            "SentTimestamp": str(int(message.sent * 1000)),
        },
        "MessageAttributes": dict(message.attributes),
    }


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
