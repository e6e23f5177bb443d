"""Written acknowledgements of what cdk-nag finds: a reason, on the very resource.

A finding about a policy names what it found in brackets (`AwsSolutions-IAM5[Resource::*]`), and only an
acknowledgement of just that quiets it: another wildcard on the same role is a new finding.
"""

from __future__ import annotations

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Notes why a rule does not apply to a construct and what it is made of.

    Args:
        construct: The resource.
        rule: The finding's id, for instance `AwsSolutions-RDS11`.
        reason: Why it is as it is; for the person who audits the stage.
    """
    Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))


def acknowledge_resource(construct: IConstruct, resource: str, reason: str) -> None:
    """A wildcard in a policy's resource, written as cdk-nag does: references as `<AWS::AccountId>`."""
    acknowledge(construct, f"AwsSolutions-IAM5[Resource::{resource}]", reason)


def acknowledge_action(construct: IConstruct, action: str, reason: str) -> None:
    """A wildcard in a policy's action."""
    acknowledge(construct, f"AwsSolutions-IAM5[Action::{action}]", reason)


def acknowledge_managed(construct: IConstruct, policy: str, reason: str) -> None:
    """A policy that AWS manages."""
    acknowledge(
        construct, f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{policy}]", reason
    )
