"""Log groups: named, encrypted by CloudWatch, kept as long as the stage says."""

from __future__ import annotations

from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.cdk.config import StageConfig
from infra.cdk.constructs.removal import kept_in_production
from infra.cdk.names import prefix

_RETENTION = {
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


def log_group(
    scope: Construct, construct_id: str, config: StageConfig, *, name: str, absolute: bool = False
) -> logs.LogGroup:
    """A log group below the stage's prefix; an `absolute` name is taken as it is."""
    return logs.LogGroup(
        scope,
        construct_id,
        log_group_name=name if absolute else f"/{prefix(config)}/{name}",
        retention=_RETENTION[config.observability.log_days],
        removal_policy=kept_in_production(config),
    )
