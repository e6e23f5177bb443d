"""The dashboard of section 12.1: health, requests, database, models, business, resources."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.cdk.config import StageConfig
from infra.cdk.names import endpoint_name, prefix
from infra.cdk.stacks.functions import FunctionsStack
from infra.cdk.stacks.models import ModelsStack

_HALF = 12


def dashboard(
    scope: Construct, config: StageConfig, *, functions: FunctionsStack, models: ModelsStack, api_name: str
) -> cloudwatch.Dashboard:
    """One page about the stage."""
    page = cloudwatch.Dashboard(
        scope, "Dashboard", dashboard_name=prefix(config), default_interval=Duration.hours(6)
    )
    api = {"ApiName": api_name, "Stage": "live"}
    page.add_widgets(
        _graph("Requests", _metric("AWS/ApiGateway", "Count", "SampleCount", **api)),
        _graph(
            "Errors",
            _metric("AWS/ApiGateway", "4XXError", "Sum", **api),
            _metric("AWS/ApiGateway", "5XXError", "Sum", **api),
        ),
    )
    page.add_widgets(
        _graph(
            "Latency", *(_metric("AWS/ApiGateway", "Latency", each, **api) for each in ("p50", "p95", "p99"))
        ),
        _graph(
            "Functions: p95 duration",
            *(
                each.alias.metric_duration(statistic="p95", label=name)
                for name, each in functions.functions.items()
                if each.manifest.kind in {"api", "stream"}
            ),
        ),
    )
    page.add_widgets(
        _graph(
            "Functions: running at the same time",
            *(
                each.function.metric("ConcurrentExecutions", statistic="Maximum", label=name)
                for name, each in functions.functions.items()
            ),
        ),
        _graph(
            "Queues: oldest message",
            *(
                each.queue.metric_approximate_age_of_oldest_message(label=name)
                for name, each in functions.queues.items()
            ),
        ),
    )
    page.add_widgets(
        _graph(
            "Model latency, p95 (microseconds)",
            *(
                _metric(
                    "AWS/SageMaker",
                    "ModelLatency",
                    "p95",
                    EndpointName=endpoint_name(config, name),
                    VariantName="live",
                )
                for name in models.endpoints
            ),
        ),
        _graph(
            "Metering",
            _metric("Footnote/Metering", "quota_mismatch", "Maximum", service="reconciler"),
            _metric("Footnote/Metering", "quota_late_settle", "Sum", service="reconciler"),
            _metric("Footnote/Metering", "outbox_age_s", "Maximum", service="reconciler"),
        ),
    )
    return page


def _graph(title: str, *metrics: cloudwatch.IMetric) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=_HALF)


def _metric(namespace: str, name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        statistic=statistic,
        dimensions_map=dimensions,
        period=Duration.minutes(5),
    )
