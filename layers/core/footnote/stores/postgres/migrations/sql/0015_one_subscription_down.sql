DROP FUNCTION payments.unheard_subscriptions, payments.open_duplicates, metering.purge_billing;
DROP POLICY definer ON billing.requests;
DROP POLICY definer ON billing.provider_states;
REVOKE SELECT, DELETE ON billing.requests, billing.provider_states FROM footnote_definer;
REVOKE DELETE ON billing.provider_events FROM footnote_definer;
DROP INDEX billing.requests_at, billing.provider_events_at, billing.provider_states_at;
UPDATE billing.provider_events SET outcome = 'unchanged' WHERE outcome = 'duplicate';
ALTER TABLE billing.provider_events DROP CONSTRAINT provider_events_outcome_check;
ALTER TABLE billing.provider_events ADD CONSTRAINT provider_events_outcome_check
    CHECK (outcome IN ('applied', 'unchanged', 'stale', 'ignored', 'foreign'));
ALTER TABLE billing.subscriptions DROP COLUMN priced_from;
DROP TABLE billing.provider_invoices, billing.duplicates, billing.provider_fees, billing.customers;
