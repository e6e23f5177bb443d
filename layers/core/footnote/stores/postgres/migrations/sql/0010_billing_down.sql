DROP SCHEMA biller CASCADE;
DROP INDEX quota.usage_ledger_txid;
DROP TRIGGER published ON quota.plans;
DROP TRIGGER published ON quota.custom_plans;
DROP SCHEMA billing CASCADE;
