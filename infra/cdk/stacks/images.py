"""Where the models' images are pushed to: before there can be an endpoint of one."""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_ecr as ecr
from constructs import Construct

from infra.cdk.config import StageConfig
from infra.cdk.constructs.removal import kept_in_production
from infra.cdk.names import EMBEDDING, GENERATION, RERANKING, prefix


class ImagesStack(Stack):
    """One repository a model that the stage has.

    Args:
        config: The stage.

    Attributes:
        repositories: By model.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: StageConfig, **kwargs: Any) -> None:
        super().__init__(scope, construct_id, **kwargs)
        models = config.models
        wanted = {
            EMBEDDING: True,
            RERANKING: models.reranking is not None,
            GENERATION: models.generation.endpoint is not None,
        }
        self.repositories = {
            name: self._repository(name, config) for name, is_wanted in wanted.items() if is_wanted
        }

    def _repository(self, name: str, config: StageConfig) -> ecr.Repository:
        made = ecr.Repository(
            self,
            f"{name.capitalize()}Repository",
            repository_name=f"{prefix(config)}/{name}",
            image_scan_on_push=True,
            lifecycle_rules=[ecr.LifecycleRule(max_image_count=10)],
            removal_policy=kept_in_production(config),
        )
        CfnOutput(self, f"{name.capitalize()}Image", value=made.repository_uri)
        return made
