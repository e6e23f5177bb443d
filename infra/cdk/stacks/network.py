"""The VPC: isolated subnets, security groups, endpoints."""

from __future__ import annotations

from typing import Any

from aws_cdk import Fn, Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from infra.cdk.config import StageConfig
from infra.cdk.constructs.logs import log_group

_INTERFACES = {
    "secrets": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
    "sagemaker": ec2.InterfaceVpcEndpointAwsService.SAGEMAKER_RUNTIME,
    "sqs": ec2.InterfaceVpcEndpointAwsService.SQS,
}
"""What functions call beside S3, which has a gateway endpoint at no cost."""


class NetworkStack(Stack):
    """Where databases and functions live. Nothing in it has a public address unless `egress` is chosen.

    Args:
        config: The stage.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: StageConfig, **kwargs: Any) -> None:
        super().__init__(scope, construct_id, **kwargs)
        network = config.network
        subnets = [
            ec2.SubnetConfiguration(name="data", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=22)
        ]
        if network.egress:
            subnets += [
                ec2.SubnetConfiguration(
                    name="functions", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=20
                ),
                ec2.SubnetConfiguration(name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=26),
            ]
        else:
            subnets += [
                ec2.SubnetConfiguration(
                    name="functions", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=20
                )
            ]
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(network.cidr),
            availability_zones=[
                Fn.select(number, Fn.get_azs()) for number in range(network.availability_zones)
            ],
            nat_gateways=1 if network.egress else 0,
            subnet_configuration=subnets,
            restrict_default_security_group=False,
        )
        self.vpc.add_flow_log(
            "FlowLog",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(
                log_group(self, "FlowLogs", config, name="network/flow")
            ),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )
        self.function_subnets = ec2.SubnetSelection(subnet_group_name="functions")
        self.data_subnets = ec2.SubnetSelection(subnet_group_name="data")

        self.functions = self._group("Functions", "Lambda functions", allow_all_outbound=True)
        self.database = self._group("Database", "PostgreSQL and its proxy")
        self.cache = self._group("Cache", "Valkey")
        self.endpoints = self._group("Endpoints", "Interface endpoints")
        self.database.add_ingress_rule(self.functions, ec2.Port.tcp(5432), "functions")
        self.database.add_ingress_rule(self.database, ec2.Port.tcp(5432), "the proxy")
        self.database.add_egress_rule(self.database, ec2.Port.tcp(5432), "the proxy")
        self.cache.add_ingress_rule(self.functions, ec2.Port.tcp(6379), "functions")
        self.endpoints.add_ingress_rule(self.functions, ec2.Port.tcp(443), "functions")
        self.endpoints.add_ingress_rule(self.database, ec2.Port.tcp(443), "the proxy reads its secrets")
        self.database.add_egress_rule(self.endpoints, ec2.Port.tcp(443), "the proxy reads its secrets")
        self._endpoints(config)

    def _group(self, name: str, description: str, *, allow_all_outbound: bool = False) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(
            self, f"{name}Group", vpc=self.vpc, description=description, allow_all_outbound=allow_all_outbound
        )

    def _endpoints(self, config: StageConfig) -> None:
        self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        zones = self.vpc.availability_zones[: config.network.endpoint_zones]
        for name, service in _INTERFACES.items():
            self._interface(name, service, zones)
        if config.mail is not None:
            self._interface("mail", ec2.InterfaceVpcEndpointAwsService.EMAIL, zones)
        if config.atlas is not None:
            ec2.InterfaceVpcEndpoint(
                self,
                "AtlasEndpoint",
                vpc=self.vpc,
                service=ec2.InterfaceVpcEndpointService(config.atlas.private_link_service, 27017),
                security_groups=[self.endpoints],
                subnets=ec2.SubnetSelection(subnet_group_name="data", availability_zones=zones),
                open=False,
            )
            self.endpoints.add_ingress_rule(
                self.functions, ec2.Port.tcp_range(1024, 65535), "Atlas by PrivateLink"
            )

    def _interface(self, name: str, service: ec2.InterfaceVpcEndpointAwsService, zones: list[str]) -> None:
        self.vpc.add_interface_endpoint(
            f"{name.capitalize()}Endpoint",
            service=service,
            security_groups=[self.endpoints],
            subnets=ec2.SubnetSelection(subnet_group_name="data", availability_zones=zones),
            open=False,
        )
