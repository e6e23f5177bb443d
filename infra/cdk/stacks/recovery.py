"""Backups of section 12.3, copied to another region, and restored every week."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_backup as backup
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.cdk.config import SHORTEST_RETENTION_DAYS, StageConfig
from infra.cdk.constructs.acknowledge import acknowledge_managed
from infra.cdk.constructs.keys import key
from infra.cdk.constructs.removal import kept_in_production
from infra.cdk.names import prefix
from infra.cdk.stacks.data import DataStack

_Points = backup.CfnRestoreTestingPlan.RestoreTestingRecoveryPointSelectionProperty
# Section 12.3: 24 hourly, 30 daily, 12 weekly, 12 monthly copies of PostgreSQL, taken every six hours.
_RULES = (
    ("six-hourly", events.Schedule.cron(minute="0", hour="*/6"), Duration.days(SHORTEST_RETENTION_DAYS)),
    ("daily", events.Schedule.cron(minute="30", hour="1"), Duration.days(30)),
    ("weekly", events.Schedule.cron(minute="30", hour="2", week_day="SUN"), Duration.days(84)),
    ("monthly", events.Schedule.cron(minute="30", hour="3", day="1"), Duration.days(365)),
)

_POLICIES = (
    "service-role/AWSBackupServiceRolePolicyForBackup",
    "service-role/AWSBackupServiceRolePolicyForRestores",
    "AWSBackupServiceRolePolicyForS3Backup",
    "AWSBackupServiceRolePolicyForS3Restore",
)


class RecoveryStack(Stack):
    """A vault, a plan, and the weekly proof that what lies there can be restored.

    Args:
        config: The stage.
        data: What is backed up.
        copies: The vault in the other region, where there is one.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: StageConfig,
        data: DataStack,
        copies: CopiesStack | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        self.vault = vault(self, config)
        plan = backup.BackupPlan(self, "Plan", backup_plan_name=prefix(config), backup_vault=self.vault)
        for name, schedule, kept in _RULES:
            plan.add_rule(
                backup.BackupPlanRule(
                    rule_name=name,
                    schedule_expression=schedule,
                    delete_after=kept,
                    start_window=Duration.hours(1),
                    completion_window=Duration.hours(6),
                    copy_actions=(
                        [
                            backup.BackupPlanCopyActionProps(
                                destination_backup_vault=copies.vault, delete_after=kept
                            )
                        ]
                        if copies is not None and name != "six-hourly"
                        else None
                    ),
                )
            )
        role = self._role()
        plan.add_selection(
            "Data",
            role=role,
            resources=[
                backup.BackupResource.from_arn(data.instance.instance_arn),
                backup.BackupResource.from_arn(data.documents.bucket_arn),
            ],
            disable_default_backup_policy=True,
        )
        if config.recovery.restore_test:
            self._restore_test(config, data)

    def _role(self) -> iam.Role:
        role = iam.Role(
            self,
            "BackupRole",
            assumed_by=iam.ServicePrincipal("backup.amazonaws.com"),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(name) for name in _POLICIES],
        )
        for name in _POLICIES:
            acknowledge_managed(
                role, name, "AWS Backup asks for exactly this policy, and extends it with its features."
            )
        return role

    def _restore_test(self, config: StageConfig, data: DataStack) -> None:
        """Restores the newest recovery point of the database into an instance of its own, every Monday."""
        role = iam.Role(
            self,
            "RestoreRole",
            assumed_by=iam.ServicePrincipal("backup.amazonaws.com"),
            managed_policies=[
                iam.ManagedPolicy.from_aws_managed_policy_name(
                    "service-role/AWSBackupServiceRolePolicyForRestores"
                )
            ],
        )
        acknowledge_managed(role, _POLICIES[1], "AWS Backup asks for exactly this policy.")
        name = prefix(config).replace("-", "_")
        plan = backup.CfnRestoreTestingPlan(
            self,
            "RestoreTest",
            restore_testing_plan_name=f"{name}_weekly",
            schedule_expression="cron(0 5 ? * MON *)",
            start_window_hours=4,
            recovery_point_selection=_Points(
                algorithm="LATEST_WITHIN_WINDOW",
                include_vaults=[self.vault.backup_vault_arn],
                recovery_point_types=["SNAPSHOT"],
                selection_window_days=7,
            ),
        )
        selection = backup.CfnRestoreTestingSelection(
            self,
            "RestoreSelection",
            iam_role_arn=role.role_arn,
            protected_resource_type="RDS",
            protected_resource_arns=[data.instance.instance_arn],
            restore_testing_plan_name=plan.restore_testing_plan_name,
            restore_testing_selection_name=f"{name}_database",
            validation_window_hours=4,
            # Without these AWS Backup restores into the account's default VPC, which there may not be.
            restore_metadata_overrides={
                "dbSubnetGroupName": data.database_subnets.subnet_group_name,
                "vpcSecurityGroupIds": self.to_json_string([data.database_group.security_group_id]),
                "publiclyAccessible": "false",
            },
        )
        selection.add_dependency(plan)


class CopiesStack(Stack):
    """A vault in another region, for the day that a region is gone.

    Args:
        config: The stage.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: StageConfig, **kwargs: Any) -> None:
        super().__init__(scope, construct_id, **kwargs)
        self.vault = vault(self, config, name=f"{prefix(config)}-copies")


def vault(scope: Construct, config: StageConfig, name: str | None = None) -> backup.BackupVault:
    """A vault with a key of its own; locked where the stage says so."""
    locked = config.recovery.vault_lock_days
    return backup.BackupVault(
        scope,
        "Vault",
        backup_vault_name=name or prefix(config),
        encryption_key=key(scope, "backup", config, "Backups"),
        lock_configuration=backup.LockConfiguration(min_retention=Duration.days(locked)) if locked else None,
        removal_policy=kept_in_production(config),
    )
