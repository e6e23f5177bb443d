"""A queue with its dead letters, as the `[queue]` part of a `function.toml` asks for it."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from footnote.platform.manifest import FunctionManifest
from infra.cdk.config import StageConfig
from infra.cdk.names import queue_name


class FunctionQueue(Construct):
    """The queue of one function.

    Attributes:
        queue: Messages are hidden for six times the function's time limit, as Lambda asks for.
        dead_letters: What failed as often as the manifest allows, kept for two weeks.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: StageConfig,
        manifest: FunctionManifest,
        encryption: kms.IKey,
    ) -> None:
        super().__init__(scope, construct_id)
        assert manifest.queue is not None
        name = queue_name(config, manifest.queue.name)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            queue_name=f"{name}-dead-letters",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=encryption,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        self.queue = sqs.Queue(
            self,
            "Queue",
            queue_name=name,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=encryption,
            enforce_ssl=True,
            retention_period=Duration.days(4),
            visibility_timeout=Duration.seconds(6 * manifest.timeout_s),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=manifest.queue.max_receive_count
            ),
        )
