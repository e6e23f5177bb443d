"""WAF: AWS's managed rules, and a rate of one address."""

from __future__ import annotations

from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from infra.cdk.config import StageConfig
from infra.cdk.constructs.logs import log_group
from infra.cdk.names import prefix

_MANAGED = (
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesAmazonIpReputationList",
)
# Documents and questions are long, and legitimately look like many things.
_COUNTED = {
    "AWSManagedRulesCommonRuleSet": (
        "SizeRestrictions_BODY",
        "CrossSiteScripting_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "EC2MetaDataSSRF_BODY",
    )
}


def firewall(scope: Construct, resource_arn: str, config: StageConfig) -> waf.CfnWebACL:
    """A web ACL in front of a resource, with logs of what it blocked."""
    rules = [_managed(priority, name) for priority, name in enumerate(_MANAGED, start=1)]
    rules.append(
        waf.CfnWebACL.RuleProperty(
            name="rate",
            priority=0,
            action=waf.CfnWebACL.RuleActionProperty(block={}),
            statement=waf.CfnWebACL.StatementProperty(
                rate_based_statement=waf.CfnWebACL.RateBasedStatementProperty(
                    limit=config.edge.waf_requests_per_5_minutes, aggregate_key_type="IP"
                )
            ),
            visibility_config=_visibility("rate"),
        )
    )
    acl = waf.CfnWebACL(
        scope,
        "Firewall",
        name=prefix(config),
        scope="REGIONAL",
        default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
        rules=rules,
        visibility_config=_visibility("firewall"),
    )
    waf.CfnWebACLAssociation(
        scope, "FirewallAssociation", resource_arn=resource_arn, web_acl_arn=acl.attr_arn
    )
    logs = log_group(scope, "FirewallLogs", config, name=f"aws-waf-logs-{prefix(config)}", absolute=True)
    waf.CfnLoggingConfiguration(
        scope, "FirewallLogging", resource_arn=acl.attr_arn, log_destination_configs=[logs.log_group_arn]
    )
    return acl


def _managed(priority: int, name: str) -> waf.CfnWebACL.RuleProperty:
    counted = [
        waf.CfnWebACL.RuleActionOverrideProperty(
            name=rule, action_to_use=waf.CfnWebACL.RuleActionProperty(count={})
        )
        for rule in _COUNTED.get(name, ())
    ]
    return waf.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        override_action=waf.CfnWebACL.OverrideActionProperty(none={}),
        statement=waf.CfnWebACL.StatementProperty(
            managed_rule_group_statement=waf.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS", name=name, rule_action_overrides=counted or None
            )
        ),
        visibility_config=_visibility(name),
    )


def _visibility(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=True
    )
