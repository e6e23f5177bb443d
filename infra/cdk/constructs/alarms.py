"""Alarms that name their runbook, in one topic."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

from infra.cdk.config import StageConfig
from infra.cdk.names import prefix

_ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD


class Alarms:
    """Makes the alarms of a stage.

    Args:
        scope: The stack they belong to.
        config: Where runbooks are.
        topic: Told of each alarm and of its end.
    """

    def __init__(self, scope: Construct, config: StageConfig, topic: sns.ITopic) -> None:
        self._scope = scope
        self._config = config
        self._action = actions.SnsAction(topic)
        self.made: list[cloudwatch.AlarmBase] = []

    def when(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        threshold: float,
        *,
        what: str,
        runbook: str,
        periods: int = 1,
        of: int | None = None,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
        below: bool = False,
        part: bool = False,
    ) -> cloudwatch.Alarm:
        """An alarm on one metric.

        Args:
            name: Its name below the stage's.
            metric: What is watched.
            threshold: From which on it rings.
            what: What is wrong then, for the person who is called.
            runbook: The file under `docs/operations/runbooks`, without its ending.
            periods: How many periods must be over the threshold.
            of: Of how many.
            missing: What no data means.
            below: Rings below the threshold rather than from it on.
            part: Calls nobody: it is one of those that `when_all` puts together.
        """
        alarm = cloudwatch.Alarm(
            self._scope,
            "".join(word.capitalize() for word in name.replace("/", "-").split("-")),
            alarm_name=f"{prefix(self._config)}-{name}",
            alarm_description=self._text(what, runbook),
            metric=metric,
            threshold=threshold,
            evaluation_periods=of or periods,
            datapoints_to_alarm=periods,
            comparison_operator=(cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD if below else _ABOVE),
            treat_missing_data=missing,
        )
        if not part:
            self._tell(alarm)
        return alarm

    def when_all(self, name: str, alarms: Sequence[cloudwatch.IAlarm], *, what: str, runbook: str) -> None:
        """An alarm that rings while all of several do; those alone call nobody."""
        self._tell(
            cloudwatch.CompositeAlarm(
                self._scope,
                "".join(word.capitalize() for word in name.split("-")),
                composite_alarm_name=f"{prefix(self._config)}-{name}",
                alarm_description=self._text(what, runbook),
                alarm_rule=cloudwatch.AlarmRule.all_of(*alarms),
            )
        )

    def _text(self, what: str, runbook: str) -> str:
        return f"{what} Runbook: {self._config.observability.runbooks}/{runbook}.md"

    def _tell(self, alarm: cloudwatch.AlarmBase) -> None:
        alarm.add_alarm_action(self._action)
        alarm.add_ok_action(self._action)
        self.made.append(alarm)


def summed(namespace: str, name: str, *, minutes: int = 5, **dimensions: str) -> cloudwatch.Metric:
    """The sum of a metric."""
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic="Sum",
        period=Duration.minutes(minutes),
    )


def highest(namespace: str, name: str, *, minutes: int = 5, **dimensions: str) -> cloudwatch.Metric:
    """The maximum of a metric."""
    return cloudwatch.Metric(
        namespace=namespace,
        metric_name=name,
        dimensions_map=dimensions,
        statistic="Maximum",
        period=Duration.minutes(minutes),
    )
