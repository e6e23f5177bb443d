"""What becomes of data when its stack goes."""

from __future__ import annotations

from aws_cdk import RemovalPolicy

from infra.cdk.config import StageConfig

KEPT = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE
"""It stays, unless the deployment that made it failed: a name that is taken would block the next one."""


def kept_in_production(config: StageConfig) -> RemovalPolicy:
    """It stays in production, and goes with its stack elsewhere."""
    return KEPT if config.is_production else RemovalPolicy.DESTROY
