DROP FUNCTION payments.note, payments.is_noted;
DROP SCHEMA payments;
DROP TABLE billing.provider_states, billing.provider_events;
