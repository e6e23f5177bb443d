"""The AWS side of one stack: journal, queues, edge, extension, deliveries and schedules together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from footnote.platform.manifest import FunctionManifest
from local.aws.credentials import Keyring
from local.aws.delivery import Delivery
from local.aws.edge import AwsEdge
from local.aws.errors import AwsError
from local.aws.extension import SecretsExtension
from local.aws.journal import Journal
from local.aws.moto import Moto
from local.aws.notifications import Notifications
from local.aws.objects import ObjectStore
from local.aws.queues import QueueStore, queue_definitions
from local.aws.s3 import S3Service
from local.aws.sagemaker import SageMakerRuntime
from local.aws.schedules import Schedule
from local.aws.secrets_manager import SecretsManager
from local.aws.ses import SesService
from local.aws.sqs import SqsService
from local.http import HttpClient
from local.http.asgi import HttpServer
from local.ports import LOOPBACK
from local.runtime.invocation import Invoker
from local.stack import BUCKET, EMBEDDING_ENDPOINT, REGION, RERANKING_ENDPOINT, StackConfig

_VERSIONING = (
    b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Status>Enabled</Status></VersioningConfiguration>"
)


class Cloud:
    """What the functions have of AWS.

    Args:
        config: The stack.
        manifests: Its functions.
        runtime: Runs them when messages arrive or a schedule is due.
    """

    def __init__(self, config: StackConfig, manifests: Iterable[FunctionManifest], runtime: Invoker) -> None:
        manifests = list(manifests)
        self._config = config
        self.journal = Journal(config.data.objects)
        self.queues = QueueStore(self.journal, queue_definitions(manifests))
        subscribed = [each.queue.name for each in manifests if each.queue and each.queue.s3_events]
        self.objects = ObjectStore(self.journal, Notifications(self.queues, subscribed))
        self._moto_client = HttpClient(LOOPBACK, config.ports.moto)
        self._endpoints = {EMBEDDING_ENDPOINT: HttpClient(LOOPBACK, config.ports.models)}
        if config.reranker is not None:
            self._endpoints[RERANKING_ENDPOINT] = HttpClient(LOOPBACK, config.ports.reranker)
        self._moto = Moto(self._moto_client)
        self._secrets = SecretsManager(self._moto)
        keyring = Keyring(config, manifests)
        self._edge = AwsEdge(
            keyring,
            frozenset({BUCKET}),
            s3=S3Service(self.journal, self.objects),
            sqs=SqsService(self.queues, config.edge_url),
            sagemaker=SageMakerRuntime(self._endpoints),
            ses=SesService(config.data.mail),
            moto=self._moto,
        )
        self._servers = [
            HttpServer(self._edge, config.ports.edge),
            HttpServer(SecretsExtension(keyring, self._secrets), config.ports.extension),
        ]
        self._deliveries = [Delivery(self.queues, each, runtime) for each in manifests if each.queue]
        self._schedules = [Schedule(self.journal, each, runtime) for each in manifests if each.schedule]

    async def start(self) -> None:
        """Opens the journal, fills moto and serves; deliveries begin with `deliver()`."""
        await asyncio.to_thread(self.journal.open)
        await self.queues.recover()
        await self.replay()
        for server in self._servers:
            await server.start()

    def deliver(self) -> None:
        """Begins to deliver messages and to keep schedules; the functions can run now."""
        for delivery in self._deliveries:
            delivery.start()
        for schedule in self._schedules:
            schedule.start()

    async def drain(self, timeout_s: float) -> None:
        """Takes no new work up and waits for what runs, at most `timeout_s`."""
        await asyncio.gather(*(schedule.stop() for schedule in self._schedules))
        await asyncio.gather(*(delivery.drain(timeout_s) for delivery in self._deliveries))

    async def stop_delivering(self) -> None:
        """Delivers no more, at once; call it before the functions end, which is no failure of theirs."""
        await asyncio.gather(*(schedule.stop() for schedule in self._schedules))
        await asyncio.gather(*(delivery.stop() for delivery in self._deliveries))

    async def stop(self) -> None:
        """Stops serving; all that was accepted is on disk."""
        await self.stop_delivering()
        await asyncio.gather(*(server.stop() for server in self._servers))
        self._moto_client.close()
        for endpoint in self._endpoints.values():
            endpoint.close()
        await asyncio.to_thread(self.journal.close)

    async def replay(self) -> None:
        """Gives moto what it forgets when it ends: the bucket and the secrets.

        Objects and messages need no replay; they are served from the journal.

        Raises:
            AwsError: moto refuses.
        """
        status = await self._moto.call_s3("PUT", f"/{BUCKET}")
        if status >= 300 and status != 409:
            raise AwsError("InternalError", f"moto cannot create the bucket (HTTP {status} in {REGION})", 500)
        await self._moto.call_s3("PUT", f"/{BUCKET}?versioning", _VERSIONING)
        await self._secrets.put(self._config.secrets)

    def dead_letters(self) -> list[dict[str, Any]]:
        """The messages that were given up, with the queue they came from."""
        return [
            {"queue": definition.name, "dead_letters": definition.dead_letters, **message}
            for definition in self.queues.definitions.values()
            if definition.dead_letters is not None
            for message in self.queues.peek(definition.dead_letters)
        ]

    async def redrive(self, queue: str | None = None) -> int:
        """Puts dead letters back into their queue; returns how many.

        Args:
            queue: Of this queue only; by default of all.

        Raises:
            ValueError: There is no such queue.
        """
        names = {
            each.name: each.dead_letters for each in self.queues.definitions.values() if each.dead_letters
        }
        if queue is not None and queue not in names:
            raise ValueError(f"no queue is called {queue}; there are: {', '.join(sorted(names))}")
        chosen = [dead for name, dead in names.items() if queue in (None, name)]
        return sum([await self.queues.redrive(dead) for dead in chosen if dead is not None])

    def status(self) -> dict[str, dict[str, int]]:
        """Messages waiting and under way, by queue."""
        counts = {name: self.queues.counts(name) for name in self.queues.definitions}
        return {name: {"waiting": waiting, "hidden": hidden} for name, (waiting, hidden) in counts.items()}
