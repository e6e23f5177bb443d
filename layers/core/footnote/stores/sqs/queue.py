"""A queue in SQS (JSON protocol)."""

from __future__ import annotations

from collections.abc import Sequence

from footnote.platform.settings import EventSettings
from footnote.stores.aws.client import AwsClient

SERVICE = "sqs"


class SqsQueue:
    """`footnote.quota.relay.EventQueue` on SQS.

    Args:
        settings: The queue's name, its region, and the endpoint where it is not AWS's own.
    """

    def __init__(self, settings: EventSettings) -> None:
        url = settings.endpoint_url or f"https://sqs.{settings.region}.amazonaws.com"
        self._name = settings.queue
        self._client = AwsClient(SERVICE, settings.region, url, settings.timeout_s)
        self._queue_url: str | None = None

    async def send(self, bodies: Sequence[str]) -> list[int]:
        """See `EventQueue.send`."""
        entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
        request = {"QueueUrl": await self._address(), "Entries": entries}
        answer = await self._client.post("/", request, _headers("SendMessageBatch"))
        return sorted(int(entry["Id"]) for entry in answer.get("Successful") or [])

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.close()

    async def _address(self) -> str:
        """The queue's address, asked for once."""
        if self._queue_url is None:
            answer = await self._client.post("/", {"QueueName": self._name}, _headers("GetQueueUrl"))
            self._queue_url = str(answer["QueueUrl"])
        return self._queue_url


def _headers(operation: str) -> dict[str, str]:
    return {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{operation}"}
