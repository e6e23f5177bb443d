"""A relay or a consumer in a process of its own, to be killed: `python -m tests.support.event_worker KIND`.

Settings come from the environment, as on Lambda; `FOOTNOTE_TEST_PASSWORD` and `FOOTNOTE_TEST_WEBHOOKS` stand
for Secrets Manager. A consumer does what Lambda's event source mapping does: receives, invokes, deletes what
did not fail.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from footnote.composition import Container
from footnote.platform.settings import Settings
from footnote.stores.aws.client import AwsClient
from footnote.stores.secrets.extension import StaticSecrets
from functions.notifier.batch import dispatch_batch

_VISIBLE_AGAIN_S = 3


class Source:
    """The event source mapping's side of the queue."""

    def __init__(self, settings: Settings) -> None:
        url = settings.events.endpoint_url or ""
        self._queue = f"{url}/123456789012/{settings.events.queue}"
        self._client = AwsClient("sqs", settings.events.region, url, 30.0)

    async def receive(self) -> list[dict[str, Any]]:
        """Messages as Lambda hands them over."""
        answer = await self._call(
            "ReceiveMessage", MaxNumberOfMessages=10, VisibilityTimeout=_VISIBLE_AGAIN_S, WaitTimeSeconds=1
        )
        return [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
            }
            for message in answer.get("Messages") or []
        ]

    async def delete(self, records: list[dict[str, Any]]) -> None:
        """Deletes what was consumed."""
        entries = [
            {"Id": str(index), "ReceiptHandle": record["receiptHandle"]}
            for index, record in enumerate(records)
        ]
        if entries:
            await self._call("DeleteMessageBatch", Entries=entries)

    async def _call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"AmazonSQS.{operation}"}
        return await self._client.post("/", {"QueueUrl": self._queue, **parameters}, headers)


def event_container(settings: Settings) -> Container:
    """A container whose secrets stand in the environment."""
    container = Container(settings)
    secrets = {"password": os.environ["FOOTNOTE_TEST_PASSWORD"]}
    secrets[settings.events.webhook_secret] = os.environ.get("FOOTNOTE_TEST_WEBHOOKS", "platform secret")
    container.__dict__["secrets"] = StaticSecrets(secrets)
    return container


async def relay(container: Container) -> None:
    """Sends until it is killed."""
    while True:
        await container.metering_sweep.sweep(2.0)
        await asyncio.sleep(0.05)


async def consume(container: Container) -> None:
    """Consumes until it is killed."""
    source = Source(container.settings)
    while True:
        records = await source.receive()
        failed = set(await dispatch_batch(records, container.dispatcher, 20.0)) if records else set()
        await source.delete([record for record in records if record["messageId"] not in failed])


if __name__ == "__main__":
    asyncio.run({"relay": relay, "consume": consume}[sys.argv[1]](event_container(Settings())))
