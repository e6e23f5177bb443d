"""Prices the templates of a stage: the month without traffic, and the month at a given load."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra.cdk.config import InstanceModel, StageConfig

PRICES = Path(__file__).with_name("prices.yaml")


@dataclass(frozen=True, slots=True)
class Line:
    """One position: what, how many of which unit, and USD a month."""

    service: str
    what: str
    quantity: float
    unit: str
    usd: float


@dataclass(frozen=True, slots=True)
class Load:
    """A month's traffic.

    Attributes:
        messages: Questions that are answered.
        searches: Searches besides.
        documents: Documents that are read.
        megabytes: Of one document.
        seconds: Of the function that answers, for one message.
        model_seconds: Of the embedding endpoint, for one message or document.
    """

    messages: int = 0
    searches: int = 0
    documents: int = 0
    megabytes: float = 0.5
    seconds: float = 1.0
    model_seconds: float = 0.3


class UnknownPrice(KeyError):
    """A resource is of a kind that the table has no price for; the message names both."""


class Estimate:
    """Prices one stage.

    Args:
        config: The stage.
        templates: Its synthesised templates.
        prices: The table.
    """

    def __init__(
        self, config: StageConfig, templates: list[Mapping[str, Any]], prices: Mapping[str, Any] | None = None
    ) -> None:
        self._config = config
        self._resources = [resource for template in templates for resource in template["Resources"].values()]
        self._prices = prices or yaml.safe_load(PRICES.read_text())
        self._hours = self._prices["hours_per_month"]

    @property
    def as_of(self) -> str:
        """When the prices were written down."""
        return str(self._prices["as_of"])

    def idle(self) -> list[Line]:
        """What is paid though nobody calls. Raises `UnknownPrice`."""
        return [
            *self._database(),
            *self._cache(),
            *self._models(),
            *self._network(),
            *self._flat(),
            *self._jobs(),
        ]

    def load(self, load: Load) -> list[Line]:
        """What the traffic adds."""
        prices = self._prices
        requests = load.messages + load.searches + 3 * load.documents
        memory_gb = self._memory("chat") / 1024
        ingest_gb_s = load.documents * 10 * self._memory("ingestion") / 1024
        lines = [
            Line(
                "API Gateway",
                "requests",
                requests / 1e6,
                "million",
                requests / 1e6 * prices["api_million_requests"],
            ),
            Line(
                "Lambda",
                "answers and searches",
                load.messages * load.seconds * memory_gb,
                "GB-s",
                (load.messages * load.seconds + load.searches * 0.1) * memory_gb * prices["lambda_gb_second"]
                + 2 * requests / 1e6 * prices["lambda_million_requests"],
            ),
            Line(
                "Lambda", "reading documents", ingest_gb_s, "GB-s", ingest_gb_s * prices["lambda_gb_second"]
            ),
            Line(
                "S3",
                "documents",
                load.documents * load.megabytes / 1024,
                "GB",
                load.documents
                * (load.megabytes / 1024 * prices["s3_gb_month"] + prices["s3_thousand_puts"] / 1000),
            ),
            Line(
                "SQS",
                "messages",
                3 * requests / 1e6,
                "million",
                3 * requests / 1e6 * prices["sqs_million_requests"],
            ),
            Line("CloudWatch", "logs", requests * 2 / 1e6, "GB", requests * 2 / 1e6 * prices["log_gb"]),
        ]
        embedding = self._config.models.embedding
        if embedding.kind == "serverless":
            seconds = (load.messages + load.searches + 20 * load.documents) * load.model_seconds
            gigabytes = seconds * embedding.memory_mb / 1024
            lines.append(
                Line(
                    "SageMaker",
                    "embedding",
                    gigabytes,
                    "GB-s",
                    gigabytes * prices["sagemaker_serverless_gb_second"],
                )
            )
        return lines

    def _of(self, kind: str) -> Iterator[Mapping[str, Any]]:
        return (each.get("Properties", {}) for each in self._resources if each["Type"] == kind)

    def _count(self, kind: str) -> int:
        return sum(1 for _ in self._of(kind))

    def _price(self, table: str, key: str) -> float:
        try:
            return float(self._prices[table][key])
        except KeyError:
            raise UnknownPrice(f"prices.yaml has no {table} of {key}; add it") from None

    def _memory(self, function: str) -> int:
        return next(
            int(each["MemorySize"])
            for each in self._of("AWS::Lambda::Function")
            if str(each.get("FunctionName", "")).endswith(f"-{function}")
        )

    def _database(self) -> Iterator[Line]:
        for each in self._of("AWS::RDS::DBInstance"):
            kind, copies = each["DBInstanceClass"], 2 if each.get("MultiAZ") else 1
            hourly = self._price("rds_instance_hour", kind)
            yield Line(
                "RDS", f"{kind} x {copies}", self._hours * copies, "hours", self._hours * copies * hourly
            )
            storage = float(each["AllocatedStorage"]) * copies
            yield Line("RDS", "storage", storage, "GB", storage * self._prices["rds_storage_gb_month"])
            for _ in self._of("AWS::RDS::DBProxy"):
                hours = self._hours * self._price("rds_vcpus", kind)
                yield Line("RDS Proxy", "vCPU", hours, "hours", hours * self._prices["rds_proxy_vcpu_hour"])
        if self._count("AWS::Backup::BackupPlan"):
            stored = 2.0 * self._config.database.storage_gb
            yield Line("AWS Backup", "snapshots", stored, "GB", stored * self._prices["backup_gb_month"])

    def _cache(self) -> Iterator[Line]:
        for each in self._of("AWS::ElastiCache::ReplicationGroup"):
            nodes = int(each["NumCacheClusters"])
            hourly = self._price("cache_node_hour", each["CacheNodeType"])
            hours = self._hours * nodes
            yield Line("ElastiCache", f"{each['CacheNodeType']} x {nodes}", hours, "hours", hours * hourly)

    def _models(self) -> Iterator[Line]:
        models = self._config.models
        kept = {
            "embedding": models.embedding,
            "reranking": models.reranking,
            "generation": models.generation.endpoint,
        }
        for each in self._of("AWS::SageMaker::EndpointConfig"):
            for variant in each["ProductionVariants"]:
                kind = variant.get("InstanceType")
                if kind is None:
                    continue
                least = min(
                    model.minimum
                    for model in kept.values()
                    if isinstance(model, InstanceModel) and model.instance == kind
                )
                hours = self._hours * least
                yield Line(
                    "SageMaker", kind, hours, "hours", hours * self._price("sagemaker_instance_hour", kind)
                )

    def _network(self) -> Iterator[Line]:
        for each in self._of("AWS::EC2::VPCEndpoint"):
            if each.get("VpcEndpointType") == "Interface":
                hours = self._hours * len(each["SubnetIds"])
                yield Line(
                    "VPC",
                    "interface endpoint",
                    hours,
                    "hours",
                    hours * self._prices["interface_endpoint_hour"],
                )
        gateways = self._count("AWS::EC2::NatGateway")
        if gateways:
            hours = self._hours * gateways
            yield Line("VPC", "NAT gateway", hours, "hours", hours * self._prices["nat_gateway_hour"])

    def _flat(self) -> Iterator[Line]:
        for service, what, kind, price in (
            ("KMS", "keys", "AWS::KMS::Key", "kms_key_month"),
            ("Secrets Manager", "secrets", "AWS::SecretsManager::Secret", "secret_month"),
            ("CloudWatch", "alarms", "AWS::CloudWatch::Alarm", "alarm_month"),
            ("CloudWatch", "composite alarms", "AWS::CloudWatch::CompositeAlarm", "composite_alarm_month"),
            ("CloudWatch", "dashboards", "AWS::CloudWatch::Dashboard", "dashboard_month"),
            ("WAF", "web ACLs", "AWS::WAFv2::WebACL", "waf_acl_month"),
        ):
            number = self._count(kind)
            if number:
                yield Line(service, what, number, "a month", number * self._prices[price])
        rules = sum(len(each["Rules"]) for each in self._of("AWS::WAFv2::WebACL"))
        if rules:
            yield Line("WAF", "rules", rules, "a month", rules * self._prices["waf_rule_month"])

    def _jobs(self) -> Iterator[Line]:
        """Schedules run though nobody calls."""
        for each in self._of("AWS::Scheduler::Schedule"):
            minutes = int(each["ScheduleExpression"].split("(")[1].split()[0])
            unit = 60 if "hour" in each["ScheduleExpression"] else 1
            runs = self._hours * 60 / (minutes * unit)
            seconds = runs * 0.2 * 0.25  # a fifth of a second of 256 MB when there is nothing to do
            usd = seconds * self._prices["lambda_gb_second"] + runs / 1e6 * (
                self._prices["lambda_million_requests"] + self._prices["scheduler_million_invocations"]
            )
            yield Line("Lambda", f"{each['Name']}", runs, "runs", usd)


def total(lines: list[Line]) -> float:
    """USD a month, in cents."""
    return round(sum(line.usd for line in lines), 2)
