"""One deployed function: code, layers, role, alias; all of it read from its `function.toml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import ArnFormat, Aws, Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codedeploy as codedeploy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from footnote.platform.manifest import DEPLOYED_ONLY, FunctionManifest
from infra.cdk.bundling import Assets
from infra.cdk.config import StageConfig
from infra.cdk.constructs.acknowledge import acknowledge, acknowledge_resource
from infra.cdk.constructs.logs import log_group
from infra.cdk.environment import Places, environment
from infra.cdk.names import bucket_name, endpoint_name, function_name, queue_name
from infra.cdk.stacks.data import DataStack
from infra.cdk.stacks.network import NetworkStack
from local.stack import readable_secrets

# One megabyte of Lambda memory is 1/1769 of a CPU; nothing here needs more than the manifest says.
_EXTENSION = lambda_.ParamsAndSecretsVersions.V1_0_103
_BUCKET_ACTIONS = {
    "read": ("s3:GetObject", "s3:GetObjectVersion"),
    "write": ("s3:PutObject",),
    "delete": ("s3:DeleteObject", "s3:DeleteObjectVersion"),
}


@dataclass(frozen=True)
class Platform:
    """What all functions of a stage stand on."""

    config: StageConfig
    network: NetworkStack
    data: DataStack
    places: Places
    assets: Assets
    product: lambda_.ILayerVersion
    packages: Mapping[tuple[str, ...], lambda_.ILayerVersion]


class FootnoteFunction(Construct):
    """A function with a role of its own, whose alias `live` is what everything calls.

    Args:
        platform: Where it runs.
        manifest: What it is.

    Attributes:
        function: The function.
        alias: Shifted to a new version at once, or by CodeDeploy where the stage has canaries.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, platform: Platform, manifest: FunctionManifest
    ) -> None:
        super().__init__(scope, construct_id)
        self.manifest = manifest
        self._platform = platform
        config = platform.config
        name = function_name(config, manifest.name)
        logs = log_group(self, "Logs", config, name=f"/aws/lambda/{name}", absolute=True)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"Execution role of {name}",
        )
        logs.grant_write(self.role)
        networked = bool(manifest.grants.postgres or manifest.grants.redis or manifest.kind in DEPLOYED_ONLY)
        if networked:
            self._allow_interfaces()
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            description=manifest.description[:256],
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            handler=manifest.handler,
            code=lambda_.Code.from_asset(str(platform.assets.function(manifest.name))),
            layers=[platform.product, platform.packages[tuple(sorted(manifest.layers))]],
            memory_size=manifest.memory_mb,
            timeout=Duration.seconds(manifest.timeout_s),
            role=self.role,
            environment=self._environment(),
            log_group=logs,
            logging_format=lambda_.LoggingFormat.JSON,
            system_log_level_v2=lambda_.SystemLogLevel.WARN,
            tracing=lambda_.Tracing.ACTIVE if config.observability.tracing else lambda_.Tracing.DISABLED,
            reserved_concurrent_executions=concurrency(config, manifest),
            params_and_secrets=(
                lambda_.ParamsAndSecretsLayerVersion.from_version(
                    _EXTENSION, cache_size=100, secrets_manager_ttl=Duration.minutes(5)
                )
                if readable_secrets(manifest)
                else None
            ),
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
            vpc=platform.network.vpc if networked else None,
            vpc_subnets=platform.network.function_subnets if networked else None,
            security_groups=[platform.network.functions] if networked else None,
        )
        if manifest.kind == "stream":
            self._adapt(config)
        self._grant()
        self.alias = lambda_.Alias(self, "Live", alias_name="live", version=self.function.current_version)
        acknowledge(self.function, "AwsSolutions-L1", "Python 3.13: the locks are made and tested for it.")
        if networked or config.observability.tracing:
            acknowledge_resource(
                self.role,
                "*",
                "Network interfaces do not exist when the role is made; X-Ray knows no narrower resource.",
            )

    def canary(self, application: codedeploy.LambdaApplication, role: iam.IRole) -> None:
        """A tenth of the traffic first; back to the old version when the new one fails."""
        failing = cloudwatch.Alarm(
            self,
            "CanaryFails",
            alarm_name=f"{function_name(self._platform.config, self.manifest.name)}-canary",
            alarm_description=f"The version of {self.manifest.name} that is being deployed fails.",
            metric=self.alias.metric_errors(period=Duration.minutes(1), statistic="Sum"),
            threshold=3,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        codedeploy.LambdaDeploymentGroup(
            self,
            "Canary",
            application=application,
            alias=self.alias,
            deployment_config=codedeploy.LambdaDeploymentConfig.CANARY_10_PERCENT_5_MINUTES,
            alarms=[failing],
            role=role,
            auto_rollback=codedeploy.AutoRollbackConfig(
                failed_deployment=True, stopped_deployment=True, deployment_in_alarm=True
            ),
        )

    def _environment(self) -> dict[str, str]:
        return environment(self._platform.config, self.manifest, self._platform.places)

    def _adapt(self, config: StageConfig) -> None:
        """A stream is a web server behind the Lambda Web Adapter."""
        arn = config.functions.adapter_layer.format(region=config.region)
        self.function.add_layers(lambda_.LayerVersion.from_layer_version_arn(self, "WebAdapter", arn))
        self.function.add_environment("AWS_LAMBDA_EXEC_WRAPPER", "/opt/bootstrap")
        self.function.add_environment("AWS_LWA_INVOKE_MODE", "response_stream")
        # The start command is no handler of Lambda's own bootstrap, which alone would put layers on the path.
        self.function.add_environment("PYTHONPATH", "/opt/python:/var/runtime")

    def _allow_interfaces(self) -> None:
        """Network interfaces in the VPC (AWS Lambda Developer Guide, "Giving functions access to a VPC")."""
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "ec2:CreateNetworkInterface",
                    "ec2:DescribeNetworkInterfaces",
                    "ec2:DescribeSubnets",
                    "ec2:DeleteNetworkInterface",
                    "ec2:AssignPrivateIpAddresses",
                    "ec2:UnassignPrivateIpAddresses",
                ],
                resources=["*"],
            )
        )

    def _grant(self) -> None:
        platform, grants = self._platform, self.manifest.grants
        self._allow_secrets()
        self._allow_rotation()
        self._allow_queues()
        if grants.mail and platform.config.mail is not None:
            self._allow_mail(platform.config.mail.identity)
        if grants.postgres and platform.data.proxy is not None:
            platform.data.allow_sign_in(self.role, grants.postgres)
        actions = [action for operation in grants.bucket for action in _BUCKET_ACTIONS[operation]]
        if self.manifest.queue and self.manifest.queue.s3_events:
            actions += _BUCKET_ACTIONS["read"]
        if actions:
            self._allow_objects(sorted(set(actions)))
        stack = Stack.of(self)
        models = [model for model in grants.endpoints if self._is_deployed(model)]
        if models:
            self.role.add_to_policy(
                iam.PolicyStatement(
                    actions=["sagemaker:InvokeEndpoint", "sagemaker:InvokeEndpointWithResponseStream"],
                    resources=[
                        stack.format_arn(
                            service="sagemaker",
                            resource="endpoint",
                            resource_name=endpoint_name(platform.config, model),
                        )
                        for model in models
                    ],
                )
            )

    def _allow_secrets(self) -> None:
        """By the role's own policy: a key's or secret's would tie the stores to the functions."""
        data = self._platform.data
        secrets = [data.secrets[name].secret_arn for name in sorted(readable_secrets(self.manifest))]
        if not secrets:
            return
        self.role.add_to_policy(
            iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=secrets)
        )
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt"],
                resources=[data.secret_key.key_arn],
                conditions={
                    "StringEquals": {
                        "kms:ViaService": f"secretsmanager.{self._platform.config.region}.amazonaws.com"
                    }
                },
            )
        )

    def _allow_queues(self) -> None:
        data, stack = self._platform.data, Stack.of(self)
        names = self.manifest.grants.queues
        if not names:
            return
        arns = [
            stack.format_arn(service="sqs", resource=queue_name(self._platform.config, name))
            for name in names
        ]
        self.role.add_to_policy(
            iam.PolicyStatement(actions=["sqs:GetQueueUrl", "sqs:SendMessage"], resources=arns)
        )
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[data.queue_key.key_arn]
            )
        )

    def _allow_mail(self, identity: str) -> None:
        arn = Stack.of(self).format_arn(service="ses", resource="identity", resource_name=identity)
        self.role.add_to_policy(iam.PolicyStatement(actions=["ses:SendEmail"], resources=[arn]))

    def _allow_rotation(self) -> None:
        data, rotated = self._platform.data, self.manifest.grants.rotates
        if not rotated:
            return
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "secretsmanager:DescribeSecret",
                    "secretsmanager:GetSecretValue",
                    "secretsmanager:PutSecretValue",
                    "secretsmanager:UpdateSecretVersionStage",
                ],
                resources=[data.secrets[name].secret_arn for name in rotated],
            )
        )
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"], resources=[data.secret_key.key_arn]
            )
        )
        if "footnote/redis" in rotated:
            stack = Stack.of(self)
            self.role.add_to_policy(
                iam.PolicyStatement(
                    actions=["elasticache:ModifyReplicationGroup", "elasticache:DescribeReplicationGroups"],
                    resources=[
                        stack.format_arn(
                            service="elasticache",
                            resource="replicationgroup",
                            resource_name=data.cache.ref,
                            arn_format=ArnFormat.COLON_RESOURCE_NAME,
                        )
                    ],
                )
            )

    def _allow_objects(self, actions: list[str]) -> None:
        data, bucket = self._platform.data, bucket_name(self._platform.config, "documents")
        self.role.add_to_policy(
            iam.PolicyStatement(actions=actions, resources=[f"arn:{Aws.PARTITION}:s3:::{bucket}/*"])
        )
        writes = any(action.startswith("s3:Put") for action in actions)
        needed = ["kms:Decrypt", *(["kms:GenerateDataKey"] if writes else [])]
        self.role.add_to_policy(iam.PolicyStatement(actions=needed, resources=[data.document_key.key_arn]))
        named = bucket.replace(Aws.ACCOUNT_ID, "<AWS::AccountId>")
        acknowledge_resource(
            self.role,
            f"arn:<AWS::Partition>:s3:::{named}/*",
            "Objects of organizations are not known beforehand; of this one bucket only.",
        )

    def _is_deployed(self, model: str) -> bool:
        models = self._platform.config.models
        return {
            "embedding": True,
            "reranking": models.reranking is not None,
            "generation": models.generation.endpoint is not None,
        }[model]


def concurrency(config: StageConfig, manifest: FunctionManifest) -> int | None:
    """Environments that a function may have at the same time; `None`: as many as the account has left."""
    return config.functions.concurrency.get(manifest.name, config.functions.default_concurrency)
