"""Synthesised stages, and what must be true of their templates.

Each check returns the problems it finds, so that a test can ask it about templates with a deliberate defect
as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.cdk.bundling import REPOSITORY, Assets
from infra.cdk.config import StageConfig, load_config
from infra.cdk.manifests import Manifests

Templates = dict[str, dict[str, Any]]
STAGES = ("development", "staging", "production")


@dataclass(frozen=True)
class Synthesised:
    """One stage.

    Attributes:
        templates: By the stack's last name (`data`, `api`, ...).
        findings: cdk-nag's, with the paths of the constructs.
    """

    config: StageConfig
    templates: Templates
    findings: list[tuple[str, str]]


def synthesise(config: StageConfig, directory: Path, manifests: Manifests | None = None) -> Synthesised:
    """Synthesises a stage with cdk-nag, without third-party packages in its layers."""
    import cdk_nag
    from aws_cdk import App, Validations

    from infra.cdk.application import build

    context = json.loads((REPOSITORY / "cdk.json").read_text())["context"]
    app = App(outdir=str(directory / "out"), context=context)
    build(app, config, Assets(directory / "cache", third_party=False), manifests or Manifests.of())
    Validations.of(app).add_plugins(cdk_nag.AwsSolutionsChecks(app))
    try:
        app.synth()
    except RuntimeError as error:
        if "ValidationFailed" not in str(error):
            raise
    prefix = f"footnote-{config.stage}-"
    templates = {
        path.name.removeprefix(prefix).removesuffix(".template.json"): json.loads(path.read_text())
        for path in sorted((directory / "out").glob("*.template.json"))
    }
    return Synthesised(config, templates, _findings(directory / "out" / "validation-report.json"))


def stage(name: str, directory: Path) -> Synthesised:
    """A stage as it is configured."""
    return synthesise(load_config(name), directory)


def _findings(report: Path) -> list[tuple[str, str]]:
    if not report.exists():
        return []
    found = []
    for plugin in json.loads(report.read_text())["pluginReports"]:
        for violation in plugin.get("violations", []):
            if violation.get("severity") != "error":
                continue
            found += [
                (violation["ruleName"], construct.get("constructPath", "?"))
                for construct in violation.get("violatingConstructs", [])
            ]
    return found


def resources(templates: Templates, kind: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Resources of one type: `stack/logical id` and properties."""
    for stack, template in templates.items():
        for name, resource in template["Resources"].items():
            if resource["Type"] == kind:
                yield f"{stack}/{name}", resource.get("Properties", {})


def unencrypted(templates: Templates) -> list[str]:
    """Stores without encryption at rest."""
    needed = {
        "AWS::S3::Bucket": lambda p: "BucketEncryption" in p,
        "AWS::SQS::Queue": lambda p: "KmsMasterKeyId" in p,
        "AWS::SNS::Topic": lambda p: "KmsMasterKeyId" in p,
        "AWS::SecretsManager::Secret": lambda p: "KmsKeyId" in p,
        "AWS::RDS::DBInstance": lambda p: p.get("StorageEncrypted") is True and "KmsKeyId" in p,
        "AWS::ElastiCache::ReplicationGroup": lambda p: (
            p.get("AtRestEncryptionEnabled") and p.get("TransitEncryptionEnabled")
        ),
        "AWS::Backup::BackupVault": lambda p: "EncryptionKeyArn" in p,
    }
    return [
        name
        for kind, holds in needed.items()
        for name, properties in resources(templates, kind)
        if not holds(properties)
    ]


def public(templates: Templates) -> list[str]:
    """What can be reached, or read, from outside."""
    blocked = {"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"}
    found = [
        name
        for name, p in resources(templates, "AWS::S3::Bucket")
        if {key for key, value in p.get("PublicAccessBlockConfiguration", {}).items() if value} != blocked
    ]
    found += [
        name
        for name, p in resources(templates, "AWS::RDS::DBInstance")
        if p.get("PubliclyAccessible") is not False
    ]
    for name, p in resources(templates, "AWS::EC2::SecurityGroup"):
        found += [name for rule in p.get("SecurityGroupIngress", []) if _is_world(rule)]
    found += [name for name, p in resources(templates, "AWS::EC2::SecurityGroupIngress") if _is_world(p)]
    for name, p in resources(templates, "AWS::EC2::Subnet"):
        if p.get("MapPublicIpOnLaunch") and "ublic" not in name:
            found.append(name)
    return found


def _is_world(rule: Mapping[str, Any]) -> bool:
    return rule.get("CidrIp") == "0.0.0.0/0" or rule.get("CidrIpv6") == "::/0"


def without_tls(templates: Templates) -> list[str]:
    """Buckets, queues and topics that would talk in the clear, and databases that do not insist."""
    guarded: set[str] = set()
    for kind, key in (
        ("AWS::S3::BucketPolicy", "Bucket"),
        ("AWS::SQS::QueuePolicy", "Queues"),
        ("AWS::SNS::TopicPolicy", "Topics"),
    ):
        for name, p in resources(templates, kind):
            text = json.dumps(p["PolicyDocument"])
            if '"aws:SecureTransport": "false"' in text and '"Deny"' in text:
                stack = name.split("/")[0]
                guarded |= {f"{stack}/{target}" for target in _targets(p[key])}
    found = [
        name
        for kind in ("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic")
        for name, _ in resources(templates, kind)
        if name not in guarded
    ]
    found += [
        name
        for name, p in resources(templates, "AWS::RDS::DBParameterGroup")
        if p["Parameters"].get("rds.force_ssl") != "1"
    ]
    return found


def _targets(value: Any) -> Iterator[str]:
    for each in value if isinstance(value, list) else [value]:
        if isinstance(each, dict) and "Ref" in each:
            yield each["Ref"]


def unwatched(templates: Templates) -> list[str]:
    """Functions without alarms on errors, throttles and duration; queues without on age or dead letters."""
    text = json.dumps([properties for _, properties in resources(templates, "AWS::CloudWatch::Alarm")])
    names = [
        properties.get("AlarmName", "") for _, properties in resources(templates, "AWS::CloudWatch::Alarm")
    ]
    found = []
    for name, properties in resources(templates, "AWS::Lambda::Function"):
        function = properties.get("FunctionName")
        if function is None:
            continue
        short = function.split("-", 2)[2]
        found += [
            f"{name}: {what}"
            for what in ("errors", "throttles", "duration")
            if not any(alarm.endswith(f"function-{short}-{what}") for alarm in names)
        ]
    for name, properties in resources(templates, "AWS::SQS::Queue"):
        queue = properties.get("QueueName")
        if queue is None:
            continue
        metric = (
            "ApproximateNumberOfMessagesVisible"
            if queue.endswith("dead-letters")
            else "ApproximateAgeOfOldestMessage"
        )
        if metric not in text or not any("queue-" in alarm for alarm in names):
            found.append(name)
    return found


def alarms_without_runbook(templates: Templates) -> list[str]:
    """Alarms that do not name a runbook which exists."""
    found = []
    for kind in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm"):
        for name, p in resources(templates, kind):
            text = str(p.get("AlarmDescription", ""))
            if p.get("AlarmName", "").endswith("-canary") or text.endswith("scaling alarm"):
                continue  # they call a machine, nobody else
            _, _, runbook = text.partition("Runbook: ")
            if not runbook or not (REPOSITORY / "docs/operations/runbooks" / Path(runbook).name).exists():
                found.append(f"{name}: {text}")
    return found


def wildcards(templates: Templates) -> list[str]:
    """Statements that allow every action of a service, or everything on everything."""
    found = []
    for name, p in resources(templates, "AWS::IAM::Policy"):
        for statement in p["PolicyDocument"]["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            found += [f"{name}: {action}" for action in actions if action == "*" or action.endswith(":*")]
    return found


def unretained_logs(templates: Templates) -> list[str]:
    """Log groups that would be kept for ever."""
    return [name for name, p in resources(templates, "AWS::Logs::LogGroup") if "RetentionInDays" not in p]
