"""Alarms with runbooks, service-level objectives, dashboards of section 12.1."""

from __future__ import annotations

from typing import Any

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_budgets as budgets
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.cdk.config import StageConfig
from infra.cdk.constructs.alarms import Alarms, highest, summed
from infra.cdk.constructs.dashboard import dashboard
from infra.cdk.constructs.keys import key
from infra.cdk.names import endpoint_name, prefix
from infra.cdk.stacks.api import ApiStack
from infra.cdk.stacks.data import DataStack
from infra.cdk.stacks.functions import FunctionsStack
from infra.cdk.stacks.models import ModelsStack

# Multi-window, multi-burn-rate alerts (Site Reliability Workbook, chapter 5): how fast the month's error
# budget burns, over a long and a short window.
_BURN_RATES = (("fast", 14.4, 60, 5), ("slow", 6.0, 360, 30))
_GIGABYTE = 1024**3


class ObservabilityStack(Stack):
    """What tells that something is wrong, before members do.

    Args:
        config: The stage.
        data, models, functions, api: What is watched.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: StageConfig,
        data: DataStack,
        models: ModelsStack,
        functions: FunctionsStack,
        api: ApiStack,
        **kwargs: Any,
    ) -> None:
        super().__init__(scope, construct_id, **kwargs)
        self._config = config
        self.topic = self._topic()
        self.alarms = Alarms(self, config, self.topic)
        for name in functions.functions:
            self._watch_function(functions, name)
        for name in functions.queues:
            self._watch_queue(functions, name)
        self._watch_database(data)
        self._watch_cache(data)
        self._watch_models(models)
        self._watch_api(api)
        self._watch_metering()
        self._watch_payments()
        if config.observability.dashboards:
            dashboard(self, config, functions=functions, models=models, api_name=prefix(config))
        self._budget()

    def _topic(self) -> sns.Topic:
        encryption = key(self, "alarms", self._config, "Alarms")
        encryption.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                principals=[
                    iam.ServicePrincipal("cloudwatch.amazonaws.com"),
                    iam.ServicePrincipal("budgets.amazonaws.com"),
                ],
                resources=["*"],
            )
        )
        topic = sns.Topic(
            self,
            "Alarms",
            topic_name=f"{prefix(self._config)}-alarms",
            master_key=encryption,
            enforce_ssl=True,
        )
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["sns:Publish"],
                principals=[
                    iam.ServicePrincipal("budgets.amazonaws.com"),
                    iam.ServicePrincipal("cloudwatch.amazonaws.com"),
                ],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        if self._config.observability.alarm_email:
            topic.add_subscription(subscriptions.EmailSubscription(self._config.observability.alarm_email))
        return topic

    def _watch_function(self, functions: FunctionsStack, name: str) -> None:
        function = functions.functions[name]
        errors = function.alias.metric_errors(period=Duration.minutes(5), statistic="Sum")
        self.alarms.when(
            f"function-{name}-errors",
            errors,
            5,
            periods=2,
            of=3,
            what=f"The function {name} fails.",
            runbook="function-errors",
        )
        throttles = function.function.metric_throttles(period=Duration.minutes(5), statistic="Sum")
        self.alarms.when(
            f"function-{name}-throttles",
            throttles,
            10,
            periods=2,
            of=3,
            what=f"The function {name} is at its reserved concurrency.",
            runbook="function-throttles",
        )
        slow = function.alias.metric_duration(period=Duration.minutes(5), statistic="Maximum")
        limit_ms = 900 * function.manifest.timeout_s
        self.alarms.when(
            f"function-{name}-duration",
            slow,
            limit_ms,
            periods=3,
            of=3,
            what=f"The function {name} comes close to its time limit.",
            runbook="function-duration",
        )

    def _watch_queue(self, functions: FunctionsStack, name: str) -> None:
        queue = functions.queues[name]
        dead = queue.dead_letters.metric_approximate_number_of_messages_visible(
            period=Duration.minutes(1), statistic="Maximum"
        )
        self.alarms.when(
            f"queue-{name}-dead-letters",
            dead,
            1,
            what=f"Messages of the queue of {name} were given up.",
            runbook="dead-letters",
        )
        old = queue.queue.metric_approximate_age_of_oldest_message(
            period=Duration.minutes(5), statistic="Maximum"
        )
        self.alarms.when(
            f"queue-{name}-age",
            old,
            900,
            periods=3,
            of=3,
            what=f"The queue of {name} is not worked off.",
            runbook="queue-age",
        )

    def _watch_database(self, data: DataStack) -> None:
        instance, database = data.instance, self._config.database
        watched = (
            (
                "database-cpu",
                instance.metric_cpu_utilization(period=Duration.minutes(5)),
                80,
                False,
                "Its CPU is busy.",
            ),
            (
                "database-storage",
                instance.metric_free_storage_space(period=Duration.minutes(5)),
                max(2, database.storage_gb // 10) * _GIGABYTE,
                True,
                "Its storage runs out.",
            ),
            (
                "database-connections",
                instance.metric_database_connections(period=Duration.minutes(1)),
                0.9 * database.max_connections,
                False,
                "It has hardly any connections left.",
            ),
            (
                "database-memory",
                instance.metric_freeable_memory(period=Duration.minutes(5)),
                64 * 1024**2,
                True,
                "Its memory runs out.",
            ),
        )
        for name, metric, threshold, below, what in watched:
            self.alarms.when(
                name,
                metric,
                threshold,
                periods=3,
                of=3,
                below=below,
                what=f"PostgreSQL: {what}",
                runbook="database",
            )

    def _watch_cache(self, data: DataStack) -> None:
        # Replication groups number their nodes.
        node = f"{data.cache.ref}-001"
        for name, metric, threshold in (
            ("cache-cpu", "EngineCPUUtilization", 80),
            ("cache-memory", "DatabaseMemoryUsagePercentage", 85),
            ("cache-evictions", "Evictions", 1000),
        ):
            self.alarms.when(
                name,
                highest("AWS/ElastiCache", metric, CacheClusterId=node),
                threshold,
                periods=3,
                of=3,
                what="Valkey is at its limit; everything works without it, slower.",
                runbook="cache",
            )

    def _watch_models(self, models: ModelsStack) -> None:
        for name in models.endpoints:
            where = {"EndpointName": endpoint_name(self._config, name), "VariantName": "live"}
            self.alarms.when(
                f"model-{name}-errors",
                summed("AWS/SageMaker", "Invocation5XXErrors", minutes=5, **where),
                5,
                periods=2,
                of=3,
                what=f"The {name} model fails; answers are degraded.",
                runbook="models",
            )
            latency = cloudwatch.Metric(
                namespace="AWS/SageMaker",
                metric_name="ModelLatency",
                dimensions_map=where,
                statistic="p95",
                period=Duration.minutes(5),
            )
            limit_us = 20e6 if name == "generation" else 1e6
            self.alarms.when(
                f"model-{name}-latency",
                latency,
                limit_us,
                periods=3,
                of=3,
                what=f"The {name} model is slower than its callers wait.",
                runbook="models",
            )

    def _watch_api(self, api: ApiStack) -> None:
        name = prefix(self._config)
        budget = 1 - self._config.observability.availability_target
        for speed, rate, long_minutes, short_minutes in _BURN_RATES:
            windows = [
                self.alarms.when(
                    f"slo-availability-{speed}-{minutes}m",
                    _error_share(name, minutes),
                    rate * budget,
                    what="Requests fail.",
                    runbook="availability",
                    part=True,
                )
                for minutes in (long_minutes, short_minutes)
            ]
            self.alarms.when_all(
                f"slo-availability-{speed}",
                windows,
                what=f"The month's error budget burns {rate} times too fast.",
                runbook="availability",
            )
        latency = cloudwatch.Metric(
            namespace="AWS/ApiGateway",
            metric_name="Latency",
            dimensions_map={"ApiName": name, "Stage": "live"},
            statistic="p95",
            period=Duration.minutes(5),
        )
        self.alarms.when(
            "api-latency", latency, 10_000, periods=3, of=3, what="Answers take long.", runbook="latency"
        )
        del api

    def _watch_metering(self) -> None:
        for metric, threshold, hours, what in (
            ("quota_mismatch", 1, 1, "What was used and what the ledger holds differ."),
            ("quota_late_settle", 1, 1, "Work was settled after its hold had expired."),
            ("outbox_age_s", 300, 1, "Events are not relayed."),
            # A long ledger is counted for the first time in several rounds.
            ("reconcile_incomplete", 1, 6, "Not all ledgers are compared: differences stay unknown."),
        ):
            self.alarms.when(
                f"metering-{metric.replace('_', '-')}",
                highest("Footnote/Metering", metric, minutes=60, service="reconciler"),
                threshold,
                periods=hours,
                what=what,
                runbook="metering",
            )

    def _watch_payments(self) -> None:
        for metric, service, hours, what in (
            ("payment_events_not_understood", "billing", 1, "Stripe tells what this release does not know."),
            ("payment_organizations_unknown", "billing", 1, "Stripe charges for an unknown organization."),
            ("provider_invoice_differences", "billing", 1, "Stripe charges another price than we do."),
            ("subscriptions_unheard", "biller", 1, "Stripe's events do not arrive."),
            ("duplicates_not_given_back", "biller", 2, "What was paid twice is not given back."),
        ):
            self.alarms.when(
                f"payments-{metric.replace('_', '-')}",
                highest("Footnote/Billing", metric, minutes=60, service=service),
                1,
                periods=hours,
                what=what,
                runbook="payments",
            )

    def _budget(self) -> None:
        cost = self._config.cost
        budgets.CfnBudget(
            self,
            "Budget",
            budget=budgets.CfnBudget.BudgetDataProperty(
                budget_name=prefix(self._config),
                budget_type="COST",
                time_unit="MONTHLY",
                budget_limit=budgets.CfnBudget.SpendProperty(amount=cost.monthly_usd, unit="USD"),
                cost_filters={
                    "TagKeyValue": ["user:application$footnote", f"user:stage${self._config.stage}"]
                },
            ),
            notifications_with_subscribers=[
                budgets.CfnBudget.NotificationWithSubscribersProperty(
                    notification=budgets.CfnBudget.NotificationProperty(
                        notification_type=kind, comparison_operator="GREATER_THAN", threshold=threshold
                    ),
                    subscribers=[
                        budgets.CfnBudget.SubscriberProperty(
                            subscription_type="SNS", address=self.topic.topic_arn
                        )
                    ],
                )
                for kind, threshold in (("ACTUAL", 80), ("ACTUAL", 100), ("FORECASTED", 100))
            ],
        )


def _error_share(api_name: str, minutes: int) -> cloudwatch.MathExpression:
    """Server errors as a share of all requests."""
    where = {"ApiName": api_name, "Stage": "live"}
    return cloudwatch.MathExpression(
        expression="IF(requests > 0, errors / requests, 0)",
        using_metrics={
            "errors": summed("AWS/ApiGateway", "5XXError", minutes=minutes, **where),
            "requests": cloudwatch.Metric(
                namespace="AWS/ApiGateway",
                metric_name="Count",
                dimensions_map=where,
                statistic="SampleCount",
                period=Duration.minutes(minutes),
            ),
        },
        period=Duration.minutes(minutes),
    )
