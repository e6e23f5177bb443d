"""What an operator chooses for a stage: `infra/cdk/config/<stage>.yaml`, typed and checked.

Unknown keys are errors, and every choice that contradicts another one is refused here, before anything is
synthesised.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

CONFIG_DIRECTORY = Path(__file__).with_name("config")
SHORTEST_RETENTION_DAYS = 6
"""How long six-hourly backups are kept: 24 of them (section 12.3)."""

Stage = Literal["development", "staging", "production"]
Percent = Annotated[int, Field(ge=0, le=100)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NetworkConfig(_Part):
    """The VPC. There is no NAT: what functions call is reached through endpoints.

    Attributes:
        cidr: Its addresses.
        availability_zones: Of the isolated subnets; databases need two.
        endpoint_zones: In how many of them interface endpoints stand; each costs by the hour.
        egress: Whether functions that call the Internet (payments, webhooks, a generation server outside of
            AWS) get a NAT gateway; without one those calls fail and say so.
    """

    cidr: str = "10.40.0.0/16"
    availability_zones: int = Field(default=2, ge=2, le=3)
    endpoint_zones: int = Field(default=1, ge=1, le=3)
    egress: bool = False


class DatabaseConfig(_Part):
    """RDS for PostgreSQL.

    Attributes:
        engine_version: 17 or newer: `date_trunc` with a time zone and `RETURNING` rules that migrations use.
        instance: Instance class without `db.`.
        storage_gb, max_storage_gb: gp3 storage, and how far it grows by itself.
        proxy: RDS Proxy with IAM sign-in in front; wanted where many environments run.
        max_connections: What the instance class allows; the functions' concurrency must fit into it.
        backup_days: Of point-in-time recovery.
    """

    engine_version: str = Field(default="17.6", pattern=r"^(1[7-9]|[2-9]\d)\.\d+$")
    instance: str = "t4g.micro"
    storage_gb: int = Field(default=20, ge=20)
    max_storage_gb: int = 100
    multi_az: bool = False
    proxy: bool = False
    max_connections: int = Field(default=80, ge=10)
    backup_days: int = Field(default=7, ge=1, le=35)
    deletion_protection: bool = True


class CacheConfig(_Part):
    """ElastiCache for Valkey. `replicas` beside the primary; with one or more it fails over by itself."""

    node: str = "cache.t4g.micro"
    replicas: int = Field(default=0, ge=0, le=5)


class ServerlessModel(_Part):
    """A SageMaker endpoint that costs nothing while nobody calls it."""

    kind: Literal["serverless"] = "serverless"
    memory_mb: Literal[1024, 2048, 3072, 4096, 5120, 6144] = 3072
    max_concurrency: int = Field(default=4, ge=1, le=200)


class InstanceModel(_Part):
    """A SageMaker endpoint on instances. One always runs: what shall cost nothing when idle is `serverless`.

    Attributes:
        minimum: Instances kept.
        invocations_per_instance: A minute; the target of scaling.
        nights: Hours of UTC in which one instance is enough, as `[22, 5]`; none by default.
    """

    kind: Literal["instance"]
    instance: str
    minimum: int = Field(default=1, ge=1)
    maximum: int = Field(default=2, ge=1)
    invocations_per_instance: int = Field(default=600, ge=1)
    nights: tuple[Annotated[int, Field(ge=0, le=23)], Annotated[int, Field(ge=0, le=23)]] | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> InstanceModel:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum ({self.minimum}) is above maximum ({self.maximum})")
        return self


Model = Annotated[ServerlessModel | InstanceModel, Field(discriminator="kind")]


class GenerationConfig(_Part):
    """Who writes answers: an OpenAI-compatible server on SageMaker or elsewhere; without one, nobody does."""

    endpoint: InstanceModel | None = None
    base_url: str | None = None
    model: str = ""

    @model_validator(mode="after")
    def _is_one_place(self) -> GenerationConfig:
        if self.endpoint is not None and self.base_url is not None:
            raise ValueError("choose an endpoint or a base_url for generation, not both")
        if (self.endpoint or self.base_url) and not self.model:
            raise ValueError("generation needs the name of its model")
        return self


class ModelsConfig(_Part):
    """Model endpoints. Images with `image_tag` are in the stage's repositories before they are made."""

    embedding: Model = ServerlessModel()
    reranking: Model | None = None
    generation: GenerationConfig = GenerationConfig()
    image_tag: str = "latest"


class AtlasConfig(_Part):
    """MongoDB Atlas, reached by PrivateLink; the cluster itself is made in Atlas.

    Attributes:
        private_link_service: Name of the endpoint service that Atlas shows.
        uri_secret: Id of the secret with the connection string.
    """

    private_link_service: str
    uri_secret: str = "footnote/mongo"  # noqa: S105 - an id


class ConversationsConfig(_Part):
    """Conversation history of the profile `full`: Amazon Keyspaces, or contact points of ScyllaDB."""

    kind: Literal["keyspaces", "scylla"] = "keyspaces"
    keyspace: str = Field(default="footnote", pattern=r"^[a-z][a-z0-9_]{0,47}$")
    contact_points: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _has_places(self) -> ConversationsConfig:
        if (self.kind == "scylla") != bool(self.contact_points):
            raise ValueError("'scylla' needs contact_points, and nothing else has them")
        return self


class DomainConfig(_Part):
    """The API's own name; the certificate is of the stage's region."""

    name: str
    certificate_arn: str = Field(pattern=r"^arn:aws[a-z-]*:acm:")
    hosted_zone_id: str | None = None


class MailConfig(_Part):
    """Mail to members, by SES; without it none is sent.

    Attributes:
        sender: The address of the sender, with a name if wanted.
        identity: The verified domain or address that it belongs to.
    """

    sender: str = Field(pattern=r".+@.+")
    identity: str


class EdgeConfig(_Part):
    """What stands in front of the API.

    Attributes:
        waf: Managed and rate rules; `waf_requests_per_5_minutes` of one address.
        web_client: A bucket and a CloudFront distribution for the web client.
        origins: Web origins that may read answers.
    """

    waf: bool = True
    waf_requests_per_5_minutes: int = Field(default=3000, ge=100)
    web_client: bool = True
    origins: tuple[str, ...] = ()
    throttle_rate: int = Field(default=200, ge=1)
    throttle_burst: int = Field(default=400, ge=1)


class FunctionsConfig(_Part):
    """Lambda.

    Attributes:
        concurrency: Reserved for a function, by name: bulkheads, and the bound of database connections.
        default_concurrency: Of every function that is not named; `None` reserves nothing.
        canary: CodeDeploy shifts a tenth of the traffic, then the rest, and rolls back on an alarm.
        adapter_layer: The Lambda Web Adapter's layer, for streams; `{region}` is replaced.
    """

    concurrency: dict[str, int] = Field(default_factory=dict)
    default_concurrency: int | None = Field(default=4, ge=1)
    canary: bool = False
    adapter_layer: str = "arn:aws:lambda:{region}:753240598075:layer:LambdaAdapterLayerArm64:27"
    settings: dict[str, str] = Field(default_factory=dict)


class RecoveryConfig(_Part):
    """Backups of section 12.3: six-hourly, daily, weekly, monthly, copied to another region.

    Attributes:
        copy_region: Where copies go; `None` keeps them in the stage's region alone.
        vault_lock_days: Recovery points cannot be deleted earlier (a lock of governance: who may unlock
            vaults can); 0 for none. The rule that keeps them shortest bounds it: AWS Backup would refuse its
            recovery points.
        audit_years: Object lock (compliance) of the audit bucket.
        restore_test: A weekly restore into an empty instance.
    """

    backup: bool = True
    copy_region: str | None = None
    vault_lock_days: int = Field(default=0, ge=0, le=SHORTEST_RETENTION_DAYS)
    audit_years: int = Field(default=7, ge=0)
    restore_test: bool = False


class ObservabilityConfig(_Part):
    """Alarms, dashboards and logs.

    Attributes:
        alarm_email: Subscribed to alarms; must be confirmed once.
        log_days: A retention that CloudWatch Logs knows.
        runbooks: Where `docs/operations/runbooks` are served; part of each alarm's text.
        availability_target: Share of requests without a server error in 30 days.
    """

    alarm_email: str | None = None
    log_days: Literal[7, 14, 30, 60, 90, 180, 365] = 30
    tracing: bool = True
    dashboards: bool = True
    runbooks: str = "docs/operations/runbooks"
    availability_target: float = Field(default=0.999, gt=0.9, lt=1)


class CostConfig(_Part):
    """What the stage may cost.

    Attributes:
        idle_usd: The most that a month without any traffic may cost; a test holds the template to it.
        monthly_usd: AWS Budgets warns at 80 and 100 % of it.
    """

    idle_usd: float = Field(gt=0)
    monthly_usd: float = Field(gt=0)


class StageConfig(_Part):
    """Everything about one stage."""

    stage: Stage
    account: str | None = Field(default=None, pattern=r"^\d{12}$")
    region: str = "us-east-1"
    profile: Literal["embedded", "full"] = "embedded"
    network: NetworkConfig = NetworkConfig()
    database: DatabaseConfig = DatabaseConfig()
    cache: CacheConfig = CacheConfig()
    models: ModelsConfig = ModelsConfig()
    atlas: AtlasConfig | None = None
    conversations: ConversationsConfig | None = None
    domain: DomainConfig | None = None
    edge: EdgeConfig = EdgeConfig()
    mail: MailConfig | None = None
    payments: Literal["manual", "stripe"] = "manual"
    functions: FunctionsConfig = FunctionsConfig()
    recovery: RecoveryConfig = RecoveryConfig()
    observability: ObservabilityConfig = ObservabilityConfig()
    cost: CostConfig

    @property
    def is_production(self) -> bool:
        """Whether data must outlive the stacks."""
        return self.stage == "production"

    @model_validator(mode="after")
    def _fits_together(self) -> StageConfig:
        if self.profile == "full" and (self.atlas is None or self.conversations is None):
            raise ValueError("the profile 'full' needs the parts 'atlas' and 'conversations'")
        if self.profile == "embedded" and (self.atlas is not None or self.conversations is not None):
            raise ValueError(
                "the profile 'embedded' has no 'atlas' and no 'conversations'; choose 'full' or remove them"
            )
        if self.network.endpoint_zones > self.network.availability_zones:
            raise ValueError("endpoints cannot stand in more zones than the network has")
        if self.is_production and not (self.database.deletion_protection and self.recovery.backup):
            raise ValueError("production needs deletion_protection and backups")
        if self.models.generation.endpoint is not None:
            raise ValueError("answers cannot be asked of a SageMaker endpoint yet: name a server by base_url")
        if self.recovery.copy_region == self.region:
            raise ValueError("copies of backups belong into another region")
        if self.payments == "stripe" and not self.network.egress:
            raise ValueError("payments by stripe need network.egress")
        if self.models.generation.base_url and not self.network.egress:
            raise ValueError("a generation server outside of AWS needs network.egress")
        return self


def load_config(stage: str, directory: Path = CONFIG_DIRECTORY) -> StageConfig:
    """The configuration of a stage.

    Raises:
        ValueError: There is no such stage, or its file is not valid; the message names file and key.
    """
    path = directory / f"{stage}.yaml"
    if not path.exists():
        known = ", ".join(sorted(file.stem for file in directory.glob("*.yaml")))
        raise ValueError(f"there is no stage '{stage}'; choose from {known}")
    try:
        return StageConfig.model_validate({"stage": stage, **(yaml.safe_load(path.read_text()) or {})})
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'file'}: {each['msg']}" for each in error.errors()
        )
        raise ValueError(f"{path.name}: {problems}") from error
