"""What is deployed: as least as it must be, encrypted, closed, watched, backed up."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from footnote.platform.manifest import DEPLOYED_ONLY, load_manifests
from footnote.platform.settings import Settings
from infra.cdk.bundling import REPOSITORY
from infra.cdk.constructs.function import concurrency
from infra.cdk.cost.estimate import Estimate, Load, total
from infra.cdk.environment import SECRET_SETTINGS
from infra.cdk.manifests import Manifests
from local.gateway.routes import RouteTable
from tests.support import infra
from tests.support.infra import resources


def test_cdk_nag_finds_nothing_that_is_not_acknowledged(synthesised):
    assert synthesised.findings == []


CHECKS = [
    infra.unencrypted,
    infra.public,
    infra.without_tls,
    infra.unwatched,
    infra.alarms_without_runbook,
    infra.wildcards,
    infra.unretained_logs,
]


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_nothing_is_left_open(synthesised, check):
    assert check(synthesised.templates) == []


def _drop(kind, key):
    def defect(templates):
        for _, properties in resources(templates, kind):
            properties.pop(key, None)

    return defect


def _set(kind, key, value):
    def defect(templates):
        for _, properties in resources(templates, kind):
            properties[key] = value

    return defect


def _open_policy(templates):
    for _, properties in resources(templates, "AWS::IAM::Policy"):
        properties["PolicyDocument"]["Statement"][0]["Action"] = "s3:*"


def _forget_alarms(templates):
    for template in templates.values():
        template["Resources"] = {
            name: each
            for name, each in template["Resources"].items()
            if each["Type"] != "AWS::CloudWatch::Alarm"
        }


DEFECTS = [
    (infra.unencrypted, _drop("AWS::S3::Bucket", "BucketEncryption")),
    (infra.unencrypted, _drop("AWS::SQS::Queue", "KmsMasterKeyId")),
    (infra.unencrypted, _set("AWS::RDS::DBInstance", "StorageEncrypted", False)),
    (infra.unencrypted, _set("AWS::ElastiCache::ReplicationGroup", "TransitEncryptionEnabled", False)),
    (infra.public, _set("AWS::RDS::DBInstance", "PubliclyAccessible", True)),
    (infra.public, _drop("AWS::S3::Bucket", "PublicAccessBlockConfiguration")),
    (infra.public, _set("AWS::EC2::SecurityGroupIngress", "CidrIp", "0.0.0.0/0")),
    (infra.without_tls, _set("AWS::S3::BucketPolicy", "PolicyDocument", {"Statement": []})),
    (infra.without_tls, _set("AWS::RDS::DBParameterGroup", "Parameters", {})),
    (infra.unwatched, _forget_alarms),
    (infra.alarms_without_runbook, _set("AWS::CloudWatch::Alarm", "AlarmDescription", "something is wrong")),
    (infra.wildcards, _open_policy),
    (infra.unretained_logs, _drop("AWS::Logs::LogGroup", "RetentionInDays")),
]


@pytest.mark.parametrize(("check", "defect"), DEFECTS)
def test_a_deliberate_defect_is_found(stages, check, defect):
    templates = copy.deepcopy(stages["production"].templates)
    defect(templates)
    assert check(templates) != []


def test_every_function_and_route_is_deployed(synthesised):
    manifests = load_manifests(REPOSITORY / "functions")
    deployed = {
        properties["FunctionName"]
        for _, properties in resources(synthesised.templates, "AWS::Lambda::Function")
        if "FunctionName" in properties
    }
    prefix = f"footnote-{synthesised.config.stage}-"
    assert deployed == {f"{prefix}{each.name}" for each in manifests if each.kind != "container"}
    wanted = {
        (method, target.resource, target.authorized) for method, target in RouteTable(manifests).targets
    }
    assert set(_routes(synthesised.templates["api"])) == wanted


def _routes(template):
    """(method, path, authorized) of every method but those of cross-origin checks."""
    table = template["Resources"]
    parents = {
        name: (each["Properties"]["PathPart"], each["Properties"]["ParentId"].get("Ref"))
        for name, each in table.items()
        if each["Type"] == "AWS::ApiGateway::Resource"
    }

    def path(name):
        if name not in parents:
            return ""
        part, parent = parents[name]
        return f"{path(parent)}/{part}"

    for each in table.values():
        if each["Type"] == "AWS::ApiGateway::Method" and each["Properties"]["HttpMethod"] != "OPTIONS":
            properties = each["Properties"]
            where = path(properties["ResourceId"].get("Ref")) or "/"
            yield properties["HttpMethod"], where, properties["AuthorizationType"] == "CUSTOM"


def test_streams_are_streamed(synthesised):
    modes = {}
    for _, properties in resources(synthesised.templates, "AWS::ApiGateway::Method"):
        integration = properties["Integration"]
        if integration["Type"] != "MOCK":
            modes.setdefault(integration.get("ResponseTransferMode"), []).append(
                integration["TimeoutInMillis"]
            )
    assert set(modes["STREAM"]) == {300_000}
    assert set(modes["BUFFERED"]) == {29_000}


def test_functions_run_on_arm_with_python_3_13_and_at_most_five_layers(synthesised):
    for name, properties in resources(synthesised.templates, "AWS::Lambda::Function"):
        if "FunctionName" not in properties:
            continue  # CDK's own providers
        assert properties["Architectures"] == ["arm64"], name
        assert properties["Runtime"] == "python3.13", name
        assert len(properties["Layers"]) <= 5, name
        assert properties["LoggingConfig"]["LogFormat"] == "JSON", name


def test_database_connections_suffice_for_all_environments_at_once(synthesised):
    config = synthesised.config
    needed = sum(
        concurrency(config, each) or 0
        for each in Manifests.of().functions
        if each.grants.postgres and each.kind != "container"
    )
    assert needed <= config.database.max_connections


def test_each_role_reads_only_the_secrets_that_its_function_names(synthesised):
    manifests = {each.name.replace("-", ""): each for each in load_manifests(REPOSITORY / "functions")}
    for name, properties in resources(synthesised.templates, "AWS::IAM::Policy"):
        short = name.split("/")[1].split("RoleDefaultPolicy")[0].lower()
        if short not in manifests:
            continue
        text = json.dumps(properties)
        manifest = manifests[short]
        grants = manifest.grants
        reads = bool(grants.secrets or grants.postgres or grants.redis or grants.rotates)
        assert ("secretsmanager:GetSecretValue" in text) == reads, name
        if "footnote/identity/signing" not in (*grants.secrets, *grants.rotates):
            assert "SecretIdentitySigning" not in text, name


def test_data_outlives_its_stack_in_production(stages):
    for stack, template in stages["production"].templates.items():
        for name, each in template["Resources"].items():
            if each["Type"] in {"AWS::RDS::DBInstance", "AWS::S3::Bucket", "AWS::KMS::Key"}:
                # What a failed first deployment leaves would take the names of the next one.
                assert each["DeletionPolicy"] in {"RetainExceptOnCreate", "Snapshot"}, f"{stack}/{name}"
                assert each["UpdateReplacePolicy"] in {"Retain", "Snapshot"}, f"{stack}/{name}"


def test_production_is_backed_up_elsewhere_and_restored_every_week(stages):
    templates = stages["production"].templates
    ((_, plan),) = resources(templates, "AWS::Backup::BackupPlan")
    rules = {each["RuleName"]: each for each in plan["BackupPlan"]["BackupPlanRule"]}
    assert set(rules) == {"six-hourly", "daily", "weekly", "monthly"}
    assert all("CopyActions" in rules[name] for name in ("daily", "weekly", "monthly"))
    assert list(resources(templates, "AWS::Backup::RestoreTestingPlan"))
    kept = [each["Lifecycle"]["DeleteAfterDays"] for each in rules.values()]
    for _, vault in resources(templates, "AWS::Backup::BackupVault"):
        assert vault["LockConfiguration"]["MinRetentionDays"] == min(kept)
    ((_, instance),) = resources(templates, "AWS::RDS::DBInstance")
    assert instance["BackupRetentionPeriod"] == 35
    assert instance["MultiAZ"] is True
    ((_, audit),) = [
        each for each in resources(templates, "AWS::S3::Bucket") if each[1].get("ObjectLockEnabled")
    ]
    assert audit["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == {
        "Days": 2555,
        "Mode": "COMPLIANCE",
    }


def test_the_restored_database_lies_where_the_other_one_does(stages):
    """An account need not have a default VPC."""
    for name in ("staging", "production"):
        ((_, selection),) = resources(stages[name].templates, "AWS::Backup::RestoreTestingSelection")
        told = selection["RestoreMetadataOverrides"]
        assert "PostgresSubnets" in json.dumps(told["dbSubnetGroupName"])
        assert "Database" in json.dumps(told["vpcSecurityGroupIds"])
        assert told["publiclyAccessible"] == "false"


def test_the_idle_month_costs_no_more_than_the_stage_allows(synthesised):
    estimate = Estimate(synthesised.config, list(synthesised.templates.values()))
    idle = total(estimate.idle())
    assert 0 < idle <= synthesised.config.cost.idle_usd
    busy = total(estimate.load(Load(messages=100_000, searches=50_000, documents=2_000)))
    assert busy > 0


def _environments(synthesised):
    """(short name, variables) of every function; references have become words."""
    prefix = f"footnote-{synthesised.config.stage}-"
    for _, properties in resources(synthesised.templates, "AWS::Lambda::Function"):
        if "FunctionName" in properties:
            variables = properties["Environment"]["Variables"]
            told = {key: value if isinstance(value, str) else "reference" for key, value in variables.items()}
            yield properties["FunctionName"].removeprefix(prefix), told


def test_each_environment_is_valid_and_holds_no_secret(synthesised, monkeypatch):
    for variable in [name for name in os.environ if name.startswith("APP_")]:
        monkeypatch.delenv(variable)
    for name, variables in _environments(synthesised):
        with monkeypatch.context() as function:
            for key, value in variables.items():
                function.setenv(key, value)
            settings = Settings()
        assert settings.environment == synthesised.config.stage
        # Secrets are named with the stage before them, never held.
        for section in (settings.postgres.password_secret, settings.redis.password_secret):
            assert section in {"", "reference"} or section.startswith(
                f"{synthesised.config.stage}/footnote/"
            ), name
        assert not any(word in key for key in variables for word in ("API_KEY=", "PASSWORD=", "TOKEN"))


@pytest.mark.parametrize(("secret", "variable"), SECRET_SETTINGS.items())
def test_a_setting_names_the_secret_that_it_is_told(secret, variable):
    section, field = variable.removeprefix("APP_").lower().split("__")
    assert getattr(getattr(Settings(), section), field) == secret


def test_no_secret_of_a_function_is_forgotten():
    """A secret whose id is not told would be looked for under the id of no stage."""
    told_with_places = ("footnote/postgres/", "footnote/redis", "footnote/generation")
    for manifest in load_manifests(REPOSITORY / "functions"):
        for name in manifest.grants.secrets:
            known = name in SECRET_SETTINGS or name.startswith(told_with_places)
            assert known, f"{manifest.name} reads {name}: add it to SECRET_SETTINGS"


def test_a_function_is_told_only_what_its_grants_allow(synthesised):
    manifests = {each.name: each for each in load_manifests(REPOSITORY / "functions")}
    for name, variables in _environments(synthesised):
        grants = manifests[name].grants
        if manifests[name].kind in DEPLOYED_ONLY:
            continue
        assert ("APP_POSTGRES__HOST" in variables) == bool(grants.postgres), name
        assert ("APP_REDIS__HOST" in variables) == grants.redis, name
        assert ("APP_EMBEDDING__ENDPOINT_NAME" in variables) == ("embedding" in grants.endpoints), name


def test_cfn_lint_finds_nothing(stages, tmp_path):
    for name, synthesised in stages.items():
        for stack, template in synthesised.templates.items():
            (tmp_path / f"{name}-{stack}.json").write_text(json.dumps(template))
    # W3005: CDK's own dependencies, which a reference implies already.
    command = [
        Path(sys.executable).parent / "cfn-lint",
        "--ignore-checks",
        "W3005",
        "--non-zero-exit-code",
        "warning",
    ]
    done = subprocess.run(
        [*command, "--regions", "us-east-1", "--", *sorted(tmp_path.glob("*.json"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def _policies(templates, kind):
    return [json.dumps(properties["PolicyDocument"]) for _, properties in resources(templates, kind)]


def test_alarms_may_tell_their_topic(synthesised):
    (policy,) = _policies(synthesised.templates, "AWS::SNS::TopicPolicy")
    assert "cloudwatch.amazonaws.com" in policy


def test_versions_stay_for_a_rollback(synthesised):
    for template in synthesised.templates.values():
        for name, each in template["Resources"].items():
            if each["Type"] == "AWS::Lambda::Version":
                assert each["DeletionPolicy"] == "Retain", name


def test_streams_find_their_packages(synthesised):
    streams = {each.name for each in load_manifests(REPOSITORY / "functions") if each.kind == "stream"}
    found = {name: variables for name, variables in _environments(synthesised) if name in streams}
    assert found
    for variables in found.values():
        assert variables["PYTHONPATH"].startswith("/opt/python")
        assert variables["AWS_LAMBDA_EXEC_WRAPPER"] == "/opt/bootstrap"


def test_routes_without_a_body_may_be_called_without_one(synthesised):
    for name, properties in resources(synthesised.templates, "AWS::ApiGateway::Method"):
        assert "RequestModels" not in properties, name


def test_the_api_may_write_its_log(synthesised):
    assert list(resources(synthesised.templates, "AWS::ApiGateway::Account"))


def test_serverless_models_are_not_isolated(synthesised):
    serverless = any(
        "ServerlessConfig" in variant
        for _, properties in resources(synthesised.templates, "AWS::SageMaker::EndpointConfig")
        for variant in properties["ProductionVariants"]
    )
    isolated = [
        each["EnableNetworkIsolation"]
        for _, each in resources(synthesised.templates, "AWS::SageMaker::Model")
    ]
    assert (False in isolated) == serverless


def test_what_a_schedule_missed_can_be_written(synthesised):
    roles = [
        json.dumps(properties)
        for name, properties in resources(synthesised.templates, "AWS::IAM::Policy")
        if "ScheduleRole" in name
    ]
    schedules = list(resources(synthesised.templates, "AWS::Scheduler::Schedule"))
    assert len(roles) == len(schedules) > 0
    assert all("kms:GenerateDataKey" in role and "sqs:SendMessage" in role for role in roles)


def test_alarms_watch_what_exists(synthesised):
    """Metrics of metering carry the name of the function that tells them; cache nodes that of their group."""
    for _, properties in resources(synthesised.templates, "AWS::CloudWatch::Alarm"):
        if properties.get("Namespace") == "Footnote/Metering":
            assert properties["Dimensions"] == [{"Name": "service", "Value": "reconciler"}]
        if properties.get("Namespace") == "AWS/ElastiCache":
            assert not isinstance(properties["Dimensions"][0]["Value"], str)


def test_one_window_of_an_objective_calls_nobody(synthesised):
    """A short burst burns a short window's budget; only both together call."""
    composites = list(resources(synthesised.templates, "AWS::CloudWatch::CompositeAlarm"))
    assert len(composites) == 2
    assert all(properties["AlarmActions"] for _, properties in composites)
    alarms = [properties for _, properties in resources(synthesised.templates, "AWS::CloudWatch::Alarm")]
    windows = [each for each in alarms if "slo-availability" in each["AlarmName"]]
    assert len(windows) == 4
    assert not any(each.get("AlarmActions") for each in windows)


def test_whoever_the_stage_throttles_is_told_when_to_come_again(synthesised):
    responses = {
        properties["ResponseType"]: properties
        for _, properties in resources(synthesised.templates, "AWS::ApiGateway::GatewayResponse")
    }
    headers = responses["THROTTLED"]["ResponseParameters"]
    assert headers["gatewayresponse.header.Retry-After"] == "'1'"
    assert all('"code"' in each["ResponseTemplates"]["application/json"] for each in responses.values())


def test_subnets_stand_in_as_many_zones_as_chosen(synthesised):
    subnets = list(resources(synthesised.templates, "AWS::EC2::Subnet"))
    kinds = 3 if synthesised.config.network.egress else 2
    assert len(subnets) == kinds * synthesised.config.network.availability_zones
