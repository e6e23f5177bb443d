"""Buckets: encrypted, versioned, closed to the public, over TLS only, with access logs."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.cdk.config import StageConfig
from infra.cdk.constructs.removal import KEPT


def log_bucket(scope: Construct, construct_id: str, config: StageConfig) -> s3.Bucket:
    """Where other buckets' access logs go; S3 writes them with its own key."""
    return s3.Bucket(
        scope,
        construct_id,
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        versioned=True,
        lifecycle_rules=[
            s3.LifecycleRule(
                expiration=Duration.days(config.observability.log_days),
                noncurrent_version_expiration=Duration.days(1),
                abort_incomplete_multipart_upload_after=Duration.days(1),
            )
        ],
        removal_policy=_fate(config),
    )


def private_bucket(
    scope: Construct,
    construct_id: str,
    config: StageConfig,
    *,
    encryption_key: kms.IKey,
    logs: s3.IBucket,
    name: str,
    lifecycle: Sequence[s3.LifecycleRule] = (),
    cors: Sequence[s3.CorsRule] = (),
    object_lock_years: int = 0,
) -> s3.Bucket:
    """A bucket for the organizations' data, or about them.

    Args:
        scope: The stack.
        construct_id: Its name there.
        config: The stage.
        encryption_key: Of its purpose.
        logs: Where its access logs go.
        name: Its physical name: functions are told it, and policies name it, without tying their stacks to
            this one.
        lifecycle: Rules beside the removal of unfinished uploads.
        cors: For uploads by browsers.
        object_lock_years: Nothing can be deleted earlier, by anyone (compliance mode); 0 for no lock.
    """
    locked = object_lock_years > 0
    return s3.Bucket(
        scope,
        construct_id,
        bucket_name=name,
        encryption=s3.BucketEncryption.KMS,
        encryption_key=encryption_key,
        bucket_key_enabled=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        versioned=True,
        server_access_logs_bucket=logs,
        server_access_logs_prefix=f"{construct_id.lower()}/",
        lifecycle_rules=[
            s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(1)),
            *lifecycle,
        ],
        cors=list(cors) or None,
        object_lock_enabled=locked or None,
        object_lock_default_retention=(
            s3.ObjectLockRetention.compliance(Duration.days(365 * object_lock_years)) if locked else None
        ),
        removal_policy=KEPT if locked else _fate(config),
    )


def _fate(config: StageConfig) -> RemovalPolicy:
    """Buckets with data are kept when a stack goes, outside of development."""
    return RemovalPolicy.DESTROY if config.stage == "development" else KEPT
