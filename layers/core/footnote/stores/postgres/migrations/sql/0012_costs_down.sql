DROP FUNCTION metering.costs, metering.review_next_budget, metering.platform_budget, metering.record_platform_event,
    metering.review_platform_budget, metering.set_platform_budget, metering.override_platform_budget;
DROP FUNCTION billing.projection, billing.stage_of, billing.next_stage, billing.budget_of,
    billing.record_budget_event, billing.review_budget, billing.set_budget, billing.override_budget;
DROP TABLE billing.budgets, billing.budget_events, billing.platform_budget, billing.platform_budget_events,
    billing.prices, billing.price_versions;
REVOKE UPDATE ON quota.entitlements FROM footnote_definer;
