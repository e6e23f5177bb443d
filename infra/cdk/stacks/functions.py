"""All functions: code, layers, queues, schedules, aliases.

One stack for all of them: they share layers, and what calls them (the API, queues, schedules) changes with
them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aws_cdk import Aws, Duration, Stack, triggers
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.cdk.bundling import Assets
from infra.cdk.config import StageConfig
from infra.cdk.constructs.acknowledge import acknowledge, acknowledge_managed
from infra.cdk.constructs.function import FootnoteFunction, Platform
from infra.cdk.environment import Places
from infra.cdk.manifests import Manifests
from infra.cdk.names import bucket_name, function_name, prefix
from infra.cdk.stacks.data import DataStack
from infra.cdk.stacks.network import NetworkStack

_RUNS_ON_LAMBDA = ("api", "stream", "authorizer", "queue", "schedule", "deployment", "rotation")


class FunctionsStack(Stack):
    """Every folder of `functions/` that runs on Lambda.

    Args:
        config: The stage.
        network, data: What functions stand on.
        manifests: The functions.
        assets: Builds code and layers.

    Attributes:
        functions: By name.
        queues: By the name of the function that reads them.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: StageConfig,
        network: NetworkStack,
        data: DataStack,
        manifests: Manifests,
        assets: Assets,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        self._config = config
        self._data = data
        self.queues = data.queues
        platform = Platform(
            config=config,
            network=network,
            data=data,
            places=self._places(manifests),
            assets=assets,
            product=self._layer("product", assets.product()),
            packages={
                names: self._layer("-".join(names), assets.packages(names)) for names in manifests.layer_sets
            },
        )
        self.functions = {
            manifest.name: FootnoteFunction(self, _title(manifest.name), platform=platform, manifest=manifest)
            for manifest in manifests.of_kind(*_RUNS_ON_LAMBDA)
        }
        if config.functions.canary:
            self._deploy_gradually()
        self._migrate_first(manifests)
        self._rotate(manifests)
        for manifest in manifests.of_kind("queue"):
            self._read_queue(manifest.name)
        for manifest in manifests.of_kind("schedule"):
            self._schedule(manifest.name)

    def _deploy_gradually(self) -> None:
        """By CodeDeploy; one role for all groups."""
        application = codedeploy.LambdaApplication(self, "Deployments", application_name=prefix(self._config))
        role = iam.Role(
            self,
            "DeploymentRole",
            assumed_by=iam.ServicePrincipal("codedeploy.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name(
                    "service-role/AWSCodeDeployRoleForLambdaLimited"
                )
            ],
        )
        acknowledge_managed(
            role, "service-role/AWSCodeDeployRoleForLambdaLimited", "CodeDeploy asks for exactly this policy."
        )
        for function in self.functions.values():
            function.canary(application, role)

    def _migrate_first(self, manifests: Manifests) -> None:
        """The schema is brought up before any function of the new version is called."""
        migrator = self.functions[manifests.one_of_kind("deployment").name]
        triggers.Trigger(
            self,
            "Migrate",
            handler=migrator.function,
            timeout=Duration.minutes(15),
            execute_before=[each.alias for name, each in self.functions.items() if each is not migrator],
        )
        for child in self.node.children:
            if child.node.id.startswith("AWSCDK.TriggerCustomResourceProvider"):
                role = child.node.find_child("Role")
                acknowledge_managed(
                    role,
                    "service-role/AWSLambdaBasicExecutionRole",
                    "CDK's own provider of triggers; it only writes logs.",
                )
                acknowledge(child, "AwsSolutions-L1", "CDK's own provider of triggers.")

    def _rotate(self, manifests: Manifests) -> None:
        """Schedules of the secrets that can be replaced without anybody being shut out."""
        rotator = self.functions[manifests.one_of_kind("rotation").name]
        rotator.alias.add_permission(
            "SecretsManager",
            principal=iam.ServicePrincipal("secretsmanager.amazonaws.com"),
            source_account=Aws.ACCOUNT_ID,
        )
        config = self._config
        for name in rotator.manifest.grants.rotates:
            if name.startswith("footnote/postgres/") and not config.database.proxy:
                continue  # without a proxy, functions would be shut out until their caches are over
            if name == "footnote/redis" and not config.network.egress:
                continue  # ElastiCache's own API is not to be reached from here
            if name == "footnote/identity/verification":
                continue  # goes with the signing secret
            secretsmanager.CfnRotationSchedule(
                self,
                "Rotate" + "".join(part.capitalize() for part in name.replace("_", "/").split("/")[1:]),
                secret_id=self._data.secrets[name].secret_arn,
                rotation_lambda_arn=rotator.alias.function_arn,
                rotate_immediately_on_update=False,
                rotation_rules=secretsmanager.CfnRotationSchedule.RotationRulesProperty(
                    schedule_expression="rate(30 days)"
                ),
            )

    def _places(self, manifests: Manifests) -> Places:
        urls = {
            manifest.queue.name: self.queues[manifest.name].queue.queue_url
            for manifest in manifests.of_kind("queue")
            if manifest.queue is not None
        }
        return Places(
            database_host=self._data.database_host,
            instance_host=self._data.instance.db_instance_endpoint_address,
            cache_id=self._data.cache.ref,
            cache_host=self._data.cache_host,
            bucket=bucket_name(self._config, "documents"),
            queue_urls=urls,
        )

    def _layer(self, name: str, folder: Path) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            f"{_title(name)}Layer",
            layer_version_name=f"{prefix(self._config)}-{name}",
            code=lambda_.Code.from_asset(str(folder)),
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
            compatible_architectures=[lambda_.Architecture.ARM_64],
        )

    def _read_queue(self, name: str) -> None:
        function, queue = self.functions[name], self.queues[name].queue
        part = function.manifest.queue
        assert part is not None
        function.alias.add_event_source(
            sources.SqsEventSource(
                queue,
                batch_size=part.batch_size,
                report_batch_item_failures=True,
                max_concurrency=max(2, part.max_concurrency),
            )
        )

    def _schedule(self, name: str) -> None:
        function = self.functions[name]
        part = function.manifest.schedule
        assert part is not None
        missed = sqs.Queue(
            self,
            f"{_title(name)}Missed",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=self._data.queue_key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        acknowledge(missed, "AwsSolutions-SQS3", "It is the dead-letter queue of a schedule.")
        scheduler.Schedule(
            self,
            f"{_title(name)}Schedule",
            schedule_name=function_name(self._config, name),
            description=f"Every {part.rate_minutes} minutes: {function.manifest.description}"[:512],
            schedule=scheduler.ScheduleExpression.rate(Duration.minutes(part.rate_minutes)),
            target=targets.LambdaInvoke(
                function.alias,
                dead_letter_queue=missed,
                retry_attempts=1,
                max_event_age=Duration.minutes(15),
                role=self._scheduling_role(name),
            ),
        )

    def _scheduling_role(self, name: str) -> iam.Role:
        """May call the function and write what was missed, which is encrypted."""
        role = iam.Role(
            self,
            f"{_title(name)}ScheduleRole",
            assumed_by=iam.ServicePrincipal("scheduler.amazonaws.com"),
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[self._data.queue_key.key_arn]
            )
        )
        return role


def _title(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))
