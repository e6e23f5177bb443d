DROP FUNCTION metering.claim_events, metering.confirm_events, metering.purge_events, metering.purge_processed,
    metering.reconcile_organizations, metering.reconcile_platform, metering.backlog;
DROP INDEX quota.outbox_sent, quota.processed_events_at, quota.holds_late;
DROP TABLE quota.deliveries, quota.webhook_endpoints, quota.usage_daily;
