"""The public API: a regional REST API from the functions' routes, behind the authorizer and WAF."""

from __future__ import annotations

from typing import Any

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as route53_targets
from constructs import Construct

from footnote.platform.manifest import FunctionManifest
from infra.cdk.config import DomainConfig, StageConfig
from infra.cdk.constructs.acknowledge import acknowledge, acknowledge_managed
from infra.cdk.constructs.firewall import firewall
from infra.cdk.constructs.logs import log_group
from infra.cdk.manifests import Manifests
from infra.cdk.names import prefix
from infra.cdk.stacks.functions import FunctionsStack
from local.gateway.events import BINARY_MEDIA_TYPES

_STREAM_TIMEOUT = Duration.minutes(5)
_BUFFERED_TIMEOUT = Duration.seconds(29)
# Those of the local gateway; a prefix stands for all types that begin with it.
_OFFICE = "application/vnd.openxmlformats-officedocument"
_BINARY = (
    *(f"{each}*" if each.endswith("/") else each for each in BINARY_MEDIA_TYPES if each != _OFFICE),
    f"{_OFFICE}.wordprocessingml.document",
    f"{_OFFICE}.presentationml.presentation",
    f"{_OFFICE}.spreadsheetml.sheet",
)
_LATER = {"Retry-After": "'1'", "Access-Control-Expose-Headers": "'Retry-After'"}
_CORS_HEADERS = ("Authorization", "Content-Type", "Idempotency-Key", "X-Device-Id", "X-Request-ID")


class ApiStack(Stack):
    """Routes, the authorizer, limits and logs.

    Args:
        config: The stage.
        functions: What routes lead to.
        manifests: The routes.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: StageConfig,
        functions: FunctionsStack,
        manifests: Manifests,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        self._config = config
        self.api = self._rest_api()
        self._authorizer = self._make_authorizer(functions, manifests)
        acknowledge_managed(
            self.api.node.find_child("CloudWatchRole"),
            "service-role/AmazonAPIGatewayPushToCloudWatchLogs",
            "API Gateway asks for exactly this policy; the role is the account's.",
        )
        acknowledge(
            self.api,
            "AwsSolutions-APIG2",
            "Parameters are validated here, bodies by the functions: some routes take none.",
        )
        # Bodies are validated by the functions, which know their models; some routes take none.
        self._validator = self.api.add_request_validator("Validator", validate_request_parameters=True)
        for manifest in manifests.of_kind("api", "stream"):
            self._routes(functions, manifest)
        self._plan()
        if config.edge.waf:
            firewall(self, self.api.deployment_stage.stage_arn, config)
        else:
            acknowledge(
                self.api.deployment_stage, "AwsSolutions-APIG3", f"{config.stage} is not attacked for long."
            )
        if config.domain is not None:
            self._domain(config.domain)

    def _rest_api(self) -> apigateway.RestApi:
        config = self._config
        access = log_group(self, "AccessLogs", config, name="api/access")
        api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=prefix(config),
            description=f"Footnote, {config.stage}",
            endpoint_types=[apigateway.EndpointType.REGIONAL],
            cloud_watch_role=True,
            cloud_watch_role_removal_policy=RemovalPolicy.RETAIN,
            binary_media_types=list(_BINARY),
            disable_execute_api_endpoint=config.domain is not None,
            deploy_options=apigateway.StageOptions(
                stage_name="live",
                tracing_enabled=config.observability.tracing,
                metrics_enabled=True,
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,
                throttling_rate_limit=config.edge.throttle_rate,
                throttling_burst_limit=config.edge.throttle_burst,
                access_log_destination=apigateway.LogGroupLogDestination(access),
                access_log_format=apigateway.AccessLogFormat.json_with_standard_fields(
                    caller=False,
                    http_method=True,
                    ip=True,
                    protocol=True,
                    request_time=True,
                    resource_path=True,
                    response_length=True,
                    status=True,
                    user=False,
                ),
            ),
            default_cors_preflight_options=self._cors(),
        )
        origin = {"Access-Control-Allow-Origin": f"'{self._origin()}'"}
        for name, kind, headers in (
            ("Default4XX", apigateway.ResponseType.DEFAULT_4_XX, {}),
            ("Default5XX", apigateway.ResponseType.DEFAULT_5_XX, {}),
            # The stage's own limit lies before every function; it is counted by the second.
            ("Throttled", apigateway.ResponseType.THROTTLED, _LATER),
        ):
            api.add_gateway_response(
                name,
                type=kind,
                response_headers={**origin, **headers},
                templates={
                    "application/json": '{"code":"$context.error.responseType",'
                    '"message":$context.error.messageString,'
                    '"details":{},"request_id":"$context.requestId"}'
                },
            )
        return api

    def _origin(self) -> str:
        origins = self._config.edge.origins
        return origins[0] if origins else "null"

    def _cors(self) -> apigateway.CorsOptions | None:
        origins = list(self._config.edge.origins)
        if not origins:
            return None
        return apigateway.CorsOptions(
            allow_origins=origins,
            allow_headers=list(_CORS_HEADERS),
            allow_methods=apigateway.Cors.ALL_METHODS,
            max_age=Duration.hours(2),
        )

    def _make_authorizer(
        self, functions: FunctionsStack, manifests: Manifests
    ) -> apigateway.RequestAuthorizer:
        manifest = manifests.of_kind("authorizer")[0]
        return apigateway.RequestAuthorizer(
            self,
            "Authorizer",
            handler=self._called(functions, manifest.name),
            identity_sources=[apigateway.IdentitySource.header("Authorization")],
            results_cache_ttl=Duration.seconds(manifest.authorizer_result_ttl_s or 0),
        )

    def _routes(self, functions: FunctionsStack, manifest: FunctionManifest) -> None:
        streams = manifest.kind == "stream"
        integration = apigateway.LambdaIntegration(
            self._called(functions, manifest.name),
            proxy=True,
            allow_test_invoke=False,
            timeout=_STREAM_TIMEOUT if streams else _BUFFERED_TIMEOUT,
            response_transfer_mode=(
                apigateway.ResponseTransferMode.STREAM
                if streams
                else apigateway.ResponseTransferMode.BUFFERED
            ),
        )
        for route in manifest.routes:
            resource = self.api.root.resource_for_path(route.path)
            method = resource.add_method(
                route.method,
                integration,
                authorizer=self._authorizer if route.authorized else None,
                authorization_type=(
                    apigateway.AuthorizationType.CUSTOM
                    if route.authorized
                    else apigateway.AuthorizationType.NONE
                ),
                request_validator=self._validator,
            )
            if not route.authorized:
                reason = "Sign-in, health and signed webhooks come without a token; the function checks them."
                acknowledge(method, "AwsSolutions-APIG4", reason)
                acknowledge(method, "AwsSolutions-COG4", reason)
            else:
                acknowledge(
                    method,
                    "AwsSolutions-COG4",
                    "Footnote's own authorizer verifies tokens; Cognito is not used.",
                )

    def _called(self, functions: FunctionsStack, name: str) -> lambda_.IFunction:
        """A function's alias, as another stack's: the permission to call it belongs to this one."""
        return lambda_.Function.from_function_attributes(
            self,
            "Called" + "".join(part.capitalize() for part in name.split("-")),
            function_arn=functions.functions[name].alias.function_arn,
            same_environment=True,
        )

    def _plan(self) -> None:
        """A ceiling for everybody together; limits of organizations are the functions' own."""
        edge = self._config.edge
        plan = self.api.add_usage_plan(
            "UsagePlan",
            name=prefix(self._config),
            throttle=apigateway.ThrottleSettings(
                rate_limit=edge.throttle_rate, burst_limit=edge.throttle_burst
            ),
        )
        plan.add_api_stage(stage=self.api.deployment_stage)

    def _domain(self, domain: DomainConfig) -> None:
        name = self.api.add_domain_name(
            "Domain",
            domain_name=domain.name,
            certificate=acm.Certificate.from_certificate_arn(self, "Certificate", domain.certificate_arn),
            security_policy=apigateway.SecurityPolicy.TLS_1_2,
            endpoint_type=apigateway.EndpointType.REGIONAL,
        )
        if domain.hosted_zone_id is not None:
            zone = route53.HostedZone.from_hosted_zone_attributes(
                self, "Zone", hosted_zone_id=domain.hosted_zone_id, zone_name=domain.name.split(".", 1)[1]
            )
            route53.ARecord(
                self,
                "Record",
                zone=zone,
                record_name=domain.name,
                target=route53.RecordTarget.from_alias(route53_targets.ApiGatewayDomain(name)),
            )
