"""Model endpoints on SageMaker: our containers for embedding and reranking, and a generation server."""

from __future__ import annotations

from typing import Any

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from infra.cdk.config import InstanceModel, ServerlessModel, StageConfig
from infra.cdk.constructs.acknowledge import acknowledge_resource
from infra.cdk.constructs.logs import log_group
from infra.cdk.names import EMBEDDING, GENERATION, RERANKING, endpoint_name
from infra.cdk.stacks.images import ImagesStack

_VARIANT = "live"


class ModelsStack(Stack):
    """One endpoint a model.

    Args:
        config: The stage.
        images: Where the containers' images are.

    Attributes:
        endpoints: Names of the endpoints, by model.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, config: StageConfig, images: ImagesStack, **kwargs: Any
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        self._config = config
        self._images = images
        self.endpoints: dict[str, str] = {}
        models = config.models
        chosen = {
            EMBEDDING: models.embedding,
            RERANKING: models.reranking,
            GENERATION: models.generation.endpoint,
        }
        for name, model in chosen.items():
            if model is not None:
                self._endpoint(name, model)

    def _endpoint(self, name: str, model: ServerlessModel | InstanceModel) -> None:
        config, title = self._config, name.capitalize()
        repository = self._images.repositories[name]
        log_group(
            self,
            f"{title}Logs",
            config,
            name=f"/aws/sagemaker/Endpoints/{endpoint_name(config, name)}",
            absolute=True,
        )
        role = self._role(title, name, repository)
        described = sagemaker.CfnModel(
            self,
            f"{title}Model",
            execution_role_arn=role.role_arn,
            primary_container=sagemaker.CfnModel.ContainerDefinitionProperty(
                image=repository.repository_uri_for_tag(config.models.image_tag)
            ),
            # Serverless inference does not know it.
            enable_network_isolation=isinstance(model, InstanceModel),
        )
        described.node.add_dependency(role)
        variant = self._variant(described, model)
        endpoint_config = sagemaker.CfnEndpointConfig(self, f"{title}Config", production_variants=[variant])
        endpoint = sagemaker.CfnEndpoint(
            self,
            f"{title}Endpoint",
            endpoint_name=endpoint_name(config, name),
            endpoint_config_name=endpoint_config.attr_endpoint_config_name,
        )
        self.endpoints[name] = endpoint_name(config, name)
        if isinstance(model, InstanceModel):
            self._scale(title, name, endpoint, model)

    def _role(self, title: str, name: str, repository: ecr.IRepository) -> iam.Role:
        role = iam.Role(self, f"{title}Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
        repository.grant_pull(role)
        acknowledge_resource(role, "*", "A registry's token is not given for a single repository.")
        acknowledge_resource(
            role,
            f"arn:aws:logs:{self._config.region}:<AWS::AccountId>:log-group:"
            f"/aws/sagemaker/Endpoints/{endpoint_name(self._config, name)}:*",
            "Names of log streams are SageMaker's; of this one group only.",
        )
        role.add_to_policy(
            iam.PolicyStatement(
                actions=[
                    "logs:CreateLogStream",
                    "logs:PutLogEvents",
                    "logs:CreateLogGroup",
                    "logs:DescribeLogStreams",
                ],
                resources=[
                    self.format_arn(
                        service="logs",
                        resource="log-group",
                        resource_name=f"/aws/sagemaker/Endpoints/{endpoint_name(self._config, name)}:*",
                        arn_format=ArnFormat.COLON_RESOURCE_NAME,
                    )
                ],
            )
        )
        return role

    @staticmethod
    def _variant(
        described: sagemaker.CfnModel, model: ServerlessModel | InstanceModel
    ) -> sagemaker.CfnEndpointConfig.ProductionVariantProperty:
        if isinstance(model, ServerlessModel):
            return sagemaker.CfnEndpointConfig.ProductionVariantProperty(
                model_name=described.attr_model_name,
                variant_name=_VARIANT,
                initial_variant_weight=1,
                serverless_config=sagemaker.CfnEndpointConfig.ServerlessConfigProperty(
                    memory_size_in_mb=model.memory_mb, max_concurrency=model.max_concurrency
                ),
            )
        return sagemaker.CfnEndpointConfig.ProductionVariantProperty(
            model_name=described.attr_model_name,
            variant_name=_VARIANT,
            initial_variant_weight=1,
            instance_type=model.instance,
            initial_instance_count=model.minimum,
        )

    def _scale(self, title: str, name: str, endpoint: sagemaker.CfnEndpoint, model: InstanceModel) -> None:
        """By calls an instance, and down to one at night where the stage wants that."""
        target = scaling.ScalableTarget(
            self,
            f"{title}Scaling",
            service_namespace=scaling.ServiceNamespace.SAGEMAKER,
            scalable_dimension="sagemaker:variant:DesiredInstanceCount",
            resource_id=f"endpoint/{endpoint_name(self._config, name)}/variant/{_VARIANT}",
            min_capacity=model.minimum,
            max_capacity=model.maximum,
        )
        target.node.add_dependency(endpoint)
        target.scale_to_track_metric(
            "Invocations",
            target_value=model.invocations_per_instance,
            predefined_metric=scaling.PredefinedMetric.SAGEMAKER_VARIANT_INVOCATIONS_PER_INSTANCE,
            scale_in_cooldown=Duration.minutes(10),
            scale_out_cooldown=Duration.minutes(1),
        )
        if model.nights is not None:
            falls, rises = model.nights
            target.scale_on_schedule(
                "Night",
                schedule=scaling.Schedule.cron(hour=str(falls), minute="0"),
                min_capacity=1,
                max_capacity=1,
            )
            target.scale_on_schedule(
                "Day",
                schedule=scaling.Schedule.cron(hour=str(rises), minute="0"),
                min_capacity=model.minimum,
                max_capacity=model.maximum,
            )
