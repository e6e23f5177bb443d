"""KMS keys, one a purpose, rotated every year."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.cdk.config import StageConfig
from infra.cdk.constructs.removal import kept_in_production
from infra.cdk.names import prefix


def key(scope: Construct, purpose: str, config: StageConfig, description: str) -> kms.Key:
    """The key of one purpose; it outlives the stack in production, because what it encrypted does."""
    return kms.Key(
        scope,
        f"{purpose.capitalize()}Key",
        alias=f"{prefix(config)}-{purpose}",
        description=description,
        enable_key_rotation=True,
        pending_window=Duration.days(30 if config.is_production else 7),
        removal_policy=kept_in_production(config),
    )
