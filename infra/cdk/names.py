"""Names that stacks, functions and operators share."""

from __future__ import annotations

from aws_cdk import Aws

from infra.cdk.config import StageConfig

DATABASE = "footnote"
EMBEDDING = "embedding"
RERANKING = "reranking"
GENERATION = "generation"


def prefix(config: StageConfig) -> str:
    """`footnote-<stage>`: the beginning of every physical name."""
    return f"footnote-{config.stage}"


def bucket_name(config: StageConfig, purpose: str) -> str:
    """The name of a bucket, unique in all of S3 by account and region."""
    return f"{prefix(config)}-{purpose}-{Aws.ACCOUNT_ID}-{config.region}"


def function_name(config: StageConfig, name: str) -> str:
    """The physical name of a function."""
    return f"{prefix(config)}-{name}"


def queue_name(config: StageConfig, queue: str) -> str:
    """The physical name of a queue."""
    return f"{prefix(config)}-{queue}"


def endpoint_name(config: StageConfig, model: str) -> str:
    """The name of a model's endpoint."""
    return f"{prefix(config)}-{model}"


def secret_name(config: StageConfig, secret: str) -> str:
    """The physical name of the secret that `function.toml` calls `footnote/...`."""
    return f"{config.stage}/{secret}"
