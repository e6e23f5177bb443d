"""The local stack's AWS edge with the queues of the real functions; no moto and no functions behind it."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from footnote.platform.manifest import load_manifests
from footnote.platform.settings import EventSettings
from local.aws.credentials import Keyring
from local.aws.edge import AwsEdge
from local.aws.journal import Journal
from local.aws.moto import Moto
from local.aws.notifications import Notifications
from local.aws.objects import ObjectStore
from local.aws.queues import QueueStore, queue_definitions
from local.aws.s3 import S3Service
from local.aws.sagemaker import SageMakerRuntime
from local.aws.ses import SesService
from local.aws.sqs import SqsService
from local.http import HttpClient
from local.http.asgi import HttpServer
from local.paths import REPOSITORY
from local.ports import LOOPBACK
from local.stack import REGION, StackConfig, function_credentials
from tests.support.stack import stack_config


@dataclass(frozen=True)
class RunningEdge:
    """A serving edge.

    Attributes:
        mail: The folder of what was mailed.
    """

    config: StackConfig
    queues: QueueStore
    mail: Path

    def credentials(self, function: str) -> dict[str, str]:
        """The environment variables that a function signs with; of `operator`, who may do everything."""
        known = function_credentials(self.config, function)
        return {
            "AWS_ACCESS_KEY_ID": known.access_key_id,
            "AWS_SECRET_ACCESS_KEY": known.secret_access_key,
            "AWS_SESSION_TOKEN": known.session_token,
        }

    def events(self, **changes: object) -> EventSettings:
        """Settings that lead here."""
        return EventSettings(endpoint_url=self.config.edge_url, region=REGION, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def running_edge() -> AsyncIterator[RunningEdge]:
    """Serves until the block ends."""
    with tempfile.TemporaryDirectory(prefix="footnote-edge-") as directory:
        config = stack_config(Path(directory))
        manifests = load_manifests(REPOSITORY / "functions")
        journal = Journal(config.data.objects)
        queues = QueueStore(journal, queue_definitions(manifests))
        edge = AwsEdge(
            Keyring(config, manifests),
            frozenset(),
            s3=S3Service(journal, ObjectStore(journal, Notifications(queues, []))),
            sqs=SqsService(queues, config.edge_url),
            sagemaker=SageMakerRuntime({}),
            ses=SesService(config.data.mail),
            moto=Moto(HttpClient(LOOPBACK, config.ports.moto)),
        )
        journal.open()
        server = HttpServer(edge, config.ports.edge)
        await server.start()
        try:
            yield RunningEdge(config, queues, config.data.mail)
        finally:
            await server.stop()
            journal.close()
