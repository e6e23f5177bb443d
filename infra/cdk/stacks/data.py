"""What must not be lost: PostgreSQL, documents, secrets, keys; and the cache beside them."""

from __future__ import annotations

import json
from typing import Any, cast

from aws_cdk import Aws, CfnOutput, Duration, Fn, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_iam as iam
from aws_cdk import aws_rds as rds
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.cdk.config import StageConfig
from infra.cdk.constructs.acknowledge import acknowledge, acknowledge_managed
from infra.cdk.constructs.buckets import log_bucket, private_bucket
from infra.cdk.constructs.keys import key
from infra.cdk.constructs.queues import FunctionQueue
from infra.cdk.constructs.removal import kept_in_production
from infra.cdk.manifests import Manifests
from infra.cdk.names import DATABASE, bucket_name, prefix, secret_name
from infra.cdk.stacks.network import NetworkStack

ADMINISTRATOR = "footnote_admin"
_REDIS = "footnote/redis"
_POSTGRES = "footnote/postgres/"
_ADMINISTRATOR = "footnote/postgres/administrator"


class DataStack(Stack):
    """Stores. Other stacks are taken down and put up again without it.

    Args:
        config: The stage.
        network: Where databases stand.
        manifests: Say which secrets there are.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: StageConfig,
        network: NetworkStack,
        manifests: Manifests,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        self._config = config
        self.key = key(self, "data", config, "Databases and the cache")
        self.document_key = key(self, "documents", config, "Documents of organizations")
        self.secret_key = key(self, "secrets", config, "Secrets of functions")
        self.audit_key = key(self, "audit", config, "The audit log's copies")
        self.secrets = self._secrets(manifests)
        self._buckets()
        self._object_events(manifests)
        # Their rules are the network's; what is made here must not add to them.
        self._groups = {
            name: ec2.SecurityGroup.from_security_group_id(
                self, f"{name.capitalize()}Group", group.security_group_id, mutable=False
            )
            for name, group in (("database", network.database), ("functions", network.functions))
        }
        self._database(network)
        self._cache(network)

    def _secrets(self, manifests: Manifests) -> dict[str, secretsmanager.Secret]:
        """One for each id that a `function.toml` names; the migrator fills what it can generate."""
        return {name: self._secret(name) for name in manifests.secret_ids if name != _ADMINISTRATOR}

    def _secret(self, name: str) -> secretsmanager.Secret:
        role = name.removeprefix(_POSTGRES) if name.startswith(_POSTGRES) else None
        generated = secretsmanager.SecretStringGenerator(
            password_length=40,
            exclude_punctuation=True,
            # The form that RDS Proxy reads.
            secret_string_template=json.dumps({"username": role}) if role else None,
            generate_string_key="password" if role else None,
        )
        secret = secretsmanager.Secret(
            self,
            "Secret" + "".join(part.capitalize() for part in name.replace("_", "/").split("/")[1:]),
            secret_name=secret_name(self._config, name),
            description=f"{name} of {prefix(self._config)}",
            encryption_key=self.secret_key,
            generate_secret_string=generated,
            removal_policy=kept_in_production(self._config),
        )
        acknowledge(secret, "AwsSolutions-SMG4", _rotation_of(name))
        return secret

    def _buckets(self) -> None:
        config = self._config
        self.access_logs = log_bucket(self, "AccessLogs", config)
        uploads = s3.CorsRule(
            allowed_methods=[s3.HttpMethods.PUT],
            allowed_origins=list(config.edge.origins) or ["https://localhost"],
            allowed_headers=["*"],
            max_age=3000,
        )
        self.documents = private_bucket(
            self,
            "Documents",
            config,
            encryption_key=self.document_key,
            logs=self.access_logs,
            name=bucket_name(config, "documents"),
            cors=[uploads],
            lifecycle=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=Duration.days(30),
                    transitions=[
                        s3.Transition(
                            storage_class=s3.StorageClass.INTELLIGENT_TIERING,
                            transition_after=Duration.days(0),
                        )
                    ],
                )
            ],
        )
        self.audit = private_bucket(
            self,
            "Audit",
            config,
            encryption_key=self.audit_key,
            logs=self.access_logs,
            name=bucket_name(config, "audit"),
            object_lock_years=config.recovery.audit_years if config.is_production else 0,
        )

    def _object_events(self, manifests: Manifests) -> None:
        """The queue of the documents' events: messages are data.

        The bucket's own property names it, so that no custom resource has to be run at deployment.
        """
        self.queue_key = key(self, "queues", self._config, "Messages about documents and events")
        self.queue_key.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        self.queues = {
            manifest.name: FunctionQueue(
                self,
                f"{manifest.name.capitalize()}Queue",
                config=self._config,
                manifest=manifest,
                encryption=self.queue_key,
            )
            for manifest in manifests.of_kind("queue")
        }
        arn = f"arn:{Aws.PARTITION}:s3:::{bucket_name(self._config, 'documents')}"
        told = [
            self.queues[each.name].queue
            for each in manifests.of_kind("queue")
            if each.queue and each.queue.s3_events
        ]
        bucket = cast("s3.CfnBucket", self.documents.node.default_child)
        bucket.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            queue_configurations=[
                s3.CfnBucket.QueueConfigurationProperty(event=event, queue=queue.queue_arn)
                for queue in told
                for event in ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")
            ]
        )
        for queue in told:
            queue.add_to_resource_policy(
                iam.PolicyStatement(
                    actions=["sqs:SendMessage"],
                    principals=[iam.ServicePrincipal("s3.amazonaws.com")],
                    resources=[queue.queue_arn],
                    conditions={
                        "ArnEquals": {"aws:SourceArn": arn},
                        "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
                    },
                )
            )
            # S3 asks the queue when the bucket is made, and is refused without the policy.
            bucket.node.add_dependency(queue.node.find_child("Policy"))

    def _database(self, network: NetworkStack) -> None:
        config, database = self._config, self._config.database
        engine = rds.DatabaseInstanceEngine.postgres(
            version=rds.PostgresEngineVersion.of(
                database.engine_version, database.engine_version.split(".")[0]
            )
        )
        self.administrator = rds.DatabaseSecret(
            self,
            "Administrator",
            username=ADMINISTRATOR,
            encryption_key=self.secret_key,
            secret_name=secret_name(config, "footnote/postgres/administrator"),
        )
        # Named, so that restored instances lie here too.
        self.database_group = self._groups["database"]
        self.database_subnets = rds.SubnetGroup(
            self,
            "PostgresSubnets",
            description="PostgreSQL",
            vpc=network.vpc,
            vpc_subnets=network.data_subnets,
        )
        self.instance = rds.DatabaseInstance(
            self,
            "Postgres",
            engine=engine,
            instance_type=ec2.InstanceType(database.instance),
            vpc=network.vpc,
            subnet_group=self.database_subnets,
            security_groups=[self.database_group],
            database_name=DATABASE,
            credentials=rds.Credentials.from_secret(self.administrator),
            allocated_storage=database.storage_gb,
            max_allocated_storage=database.max_storage_gb,
            storage_type=rds.StorageType.GP3,
            storage_encrypted=True,
            storage_encryption_key=self.key,
            multi_az=database.multi_az,
            iam_authentication=True,
            backup_retention=Duration.days(database.backup_days),
            deletion_protection=database.deletion_protection,
            removal_policy=RemovalPolicy.SNAPSHOT,
            auto_minor_version_upgrade=True,
            publicly_accessible=False,
            cloudwatch_logs_exports=["postgresql", "upgrade"],
            monitoring_interval=Duration.seconds(60) if config.is_production else None,
            enable_performance_insights=config.is_production,
            performance_insight_encryption_key=self.key if config.is_production else None,
            parameter_group=rds.ParameterGroup(
                self,
                "PostgresParameters",
                engine=engine,
                parameters={
                    "rds.force_ssl": "1",
                    "log_min_duration_statement": "500",
                    "log_lock_waits": "1",
                    "idle_in_transaction_session_timeout": "60000",
                },
            ),
        )
        if config.is_production:
            self._rotate(network)
        else:
            acknowledge(
                self.administrator, "AwsSolutions-SMG4", f"{config.stage}: changed by hand, see rotate.md."
            )
        self.secrets[_ADMINISTRATOR] = self.administrator
        self.proxy = self._proxy(network) if database.proxy else None
        acknowledge(
            self.instance,
            "AwsSolutions-RDS11",
            "Its port is no secret; only functions and the proxy reach it at all.",
        )
        if not database.multi_az:
            acknowledge(self.instance, "AwsSolutions-RDS3", f"{config.stage} may be away while a zone is.")
        if not database.deletion_protection:
            acknowledge(self.instance, "AwsSolutions-RDS10", f"{config.stage} is taken down at will.")
        acknowledge_managed(
            self.instance, "service-role/AmazonRDSEnhancedMonitoringRole", "RDS asks for exactly this policy."
        )
        self.database_host = self.proxy.endpoint if self.proxy else self.instance.db_instance_endpoint_address
        CfnOutput(self, "DatabaseHost", value=self.database_host)

    def allow_sign_in(self, role: iam.Role, user: str) -> None:
        """Lets a function sign in to the proxy as a database role."""
        assert self.proxy is not None
        account = f"arn:{Aws.PARTITION}:rds-db:{self._config.region}:{Aws.ACCOUNT_ID}"
        proxy_id = Fn.select(6, Fn.split(":", self.proxy.db_proxy_arn))
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["rds-db:connect"],
                resources=[f"{account}:dbuser:{proxy_id}/{user}"],
            )
        )

    def _rotate(self, network: NetworkStack) -> None:
        """The administrator's password changes every month; roles' passwords are the migrator's."""
        # The attached secret: the other one does not know yet where the database is.
        assert self.instance.secret is not None
        self.instance.secret.add_rotation_schedule(
            "Rotation",
            automatically_after=Duration.days(30),
            hosted_rotation=secretsmanager.HostedRotation.postgre_sql_single_user(
                vpc=network.vpc,
                vpc_subnets=network.function_subnets,
                security_groups=[self._groups["functions"]],
            ),
        )

    def _proxy(self, network: NetworkStack) -> rds.DatabaseProxy:
        """Functions sign in to it with IAM tokens; it knows the roles' passwords."""
        roles = [secret for name, secret in self.secrets.items() if name.startswith(_POSTGRES)]
        return rds.DatabaseProxy(
            self,
            "Proxy",
            proxy_target=rds.ProxyTarget.from_instance(self.instance),
            secrets=[self.administrator, *roles],
            vpc=network.vpc,
            vpc_subnets=network.data_subnets,
            security_groups=[self._groups["database"]],
            require_tls=True,
            iam_auth=True,
            idle_client_timeout=Duration.minutes(30),
            max_connections_percent=90,
            db_proxy_name=prefix(self._config),
        )

    def _cache(self, network: NetworkStack) -> None:
        config, cache = self._config, self._config.cache
        subnets = elasticache.CfnSubnetGroup(
            self,
            "CacheSubnets",
            description="Valkey",
            subnet_ids=network.vpc.select_subnets(subnet_group_name="data").subnet_ids,
        )
        replicated = cache.replicas > 0
        self.cache = elasticache.CfnReplicationGroup(
            self,
            "Cache",
            replication_group_description="Caches, rate limits, revocations; losing it loses no data",
            engine="valkey",
            engine_version="8.0",
            cache_node_type=cache.node,
            num_cache_clusters=1 + cache.replicas,
            automatic_failover_enabled=replicated,
            multi_az_enabled=replicated,
            cache_subnet_group_name=subnets.ref,
            security_group_ids=[network.cache.security_group_id],
            port=6379,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            at_rest_encryption_enabled=True,
            kms_key_id=self.key.key_arn,
            auth_token=self.secrets[_REDIS].secret_value.unsafe_unwrap(),
            snapshot_retention_limit=0,
            auto_minor_version_upgrade=True,
        )
        if not replicated:
            acknowledge(
                self.cache,
                "AwsSolutions-AEC4",
                f"{config.stage} works without its cache while a zone is away.",
            )
        self.cache_host = self.cache.attr_primary_end_point_address


def _rotation_of(name: str) -> str:
    """Why the secret's own stack has no rotation schedule."""
    if name.startswith((_POSTGRES, "footnote/identity/", _REDIS)):
        return (
            "Rotated by the function rotator, whose stack holds the schedule; see docs/operations/rotate.md."
        )
    return "Issued by someone else, who alone can replace it; see docs/operations/rotate.md."
