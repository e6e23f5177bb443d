"""Written acknowledgements of what cdk-nag finds: a reason, on the very resource."""

from __future__ import annotations

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, rule: str, reason: str) -> None:
    """Notes why a rule does not apply to a construct and what it is made of.

    Args:
        construct: The resource.
        rule: The rule's id, for instance `AwsSolutions-IAM5`.
        reason: Why it is as it is; for the person who audits the stage.
    """
    Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))
