-- One subscription at the payment provider for each organization: what is paid twice is given back.

-- The one customer that an organization has at a provider, kept for ever: a provider forgets idempotency keys. Another one
-- takes its place only when the provider does not know it any more.
CREATE TABLE billing.customers (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    provider text NOT NULL,
    customer_ref text NOT NULL CHECK (length(customer_ref) BETWEEN 1 AND 255),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, provider)
);

-- Periods of a provider's subscription whose fee was charged: once, also when it ends here and comes back.
CREATE TABLE billing.provider_fees (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    provider_ref text NOT NULL,
    period_start timestamptz NOT NULL,
    PRIMARY KEY (organization_id, provider_ref, period_start)
);

-- Subscriptions that were paid for while another one (`rival_ref`, `subscription_id` here) was in force. Each is
-- cancelled at the provider, and what was paid for it given back; `settled_at` is when all of that was done. Never deleted.
CREATE TABLE billing.duplicates (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    provider text NOT NULL,
    subscription_ref text NOT NULL,
    rival_ref text NOT NULL,
    subscription_id uuid NOT NULL,
    found_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    settled_at timestamptz,
    refunded_cents bigint NOT NULL DEFAULT 0 CHECK (refunded_cents >= 0),
    refund_refs text[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (organization_id, provider, subscription_ref)
);
CREATE INDEX duplicates_open ON billing.duplicates (found_at) WHERE settled_at IS NULL;

-- The provider's own invoices, as they were when they were last asked for. `plan_cents` is what it charges for the plan's
-- period.
CREATE TABLE billing.provider_invoices (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    provider text NOT NULL,
    invoice_ref text NOT NULL,
    subscription_ref text NOT NULL,
    number text NOT NULL,
    status text NOT NULL,
    currency text NOT NULL,
    total_cents bigint NOT NULL,
    paid_cents bigint NOT NULL,
    plan_cents bigint NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    url text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, provider, invoice_ref)
);
CREATE INDEX provider_invoices_period ON billing.provider_invoices (organization_id, period_start);

-- Since when the plan's price of the period counts, where that is not `period_start`: a subscription that comes back, or is
-- heard of late, begins here only where no other period is.
ALTER TABLE billing.subscriptions ADD COLUMN priced_from timestamptz;

ALTER TABLE billing.provider_events DROP CONSTRAINT provider_events_outcome_check;
ALTER TABLE billing.provider_events ADD CONSTRAINT provider_events_outcome_check
    CHECK (outcome IN ('applied', 'unchanged', 'stale', 'ignored', 'foreign', 'duplicate'));

-- What there is already, of all organizations.
ALTER TABLE billing.subscriptions NO FORCE ROW LEVEL SECURITY;
ALTER TABLE billing.plan_charges NO FORCE ROW LEVEL SECURITY;
ALTER TABLE billing.periods NO FORCE ROW LEVEL SECURITY;
INSERT INTO billing.customers (organization_id, provider, customer_ref)
SELECT DISTINCT ON (s.organization_id, s.provider) s.organization_id, s.provider, s.customer_ref
  FROM billing.subscriptions s WHERE s.customer_ref IS NOT NULL AND s.provider <> 'manual'
 ORDER BY s.organization_id, s.provider, (s.ended_at IS NULL) DESC, s.started_at DESC;
INSERT INTO billing.provider_fees (organization_id, provider_ref, period_start)
SELECT DISTINCT s.organization_id, s.provider_ref, c.period_start
  FROM billing.subscriptions s JOIN billing.plan_charges c USING (organization_id)
 WHERE s.provider_ref IS NOT NULL AND c.kind = 'fee' AND c.period_start >= s.anchor
   AND c.period_start <= coalesce(s.ended_at, 'infinity');
-- Two subscriptions in turns have begun periods anew that were closed: the rest of such a one is a period of its own.
UPDATE billing.subscriptions s
   SET priced_from = s.period_start, period_start = closed.until,
       period_end = greatest(s.period_end, closed.until + interval '1 second')
  FROM (SELECT p.organization_id, max(p.period_end) AS until FROM billing.periods p GROUP BY 1) closed
 WHERE closed.organization_id = s.organization_id AND s.ended_at IS NULL AND s.provider <> 'manual'
   AND closed.until > s.period_start;
ALTER TABLE billing.subscriptions FORCE ROW LEVEL SECURITY;
ALTER TABLE billing.plan_charges FORCE ROW LEVEL SECURITY;
ALTER TABLE billing.periods FORCE ROW LEVEL SECURITY;

DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['billing.customers', 'billing.provider_fees', 'billing.duplicates',
                                  'billing.provider_invoices'] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
        EXECUTE format(
            'CREATE POLICY tenant ON %s USING (organization_id = core.current_organization())'
            ' WITH CHECK (organization_id = core.current_organization())', target);
    END LOOP;
END $$;
GRANT SELECT, INSERT ON billing.provider_fees TO footnote_app;
GRANT SELECT, INSERT, UPDATE ON billing.customers, billing.duplicates, billing.provider_invoices TO footnote_app;

-- What is old is forgotten ---------------------------------------------------------------------------------------
CREATE INDEX requests_at ON billing.requests (at);
CREATE INDEX provider_events_at ON billing.provider_events (processed_at);
CREATE INDEX provider_states_at ON billing.provider_states (asked_at);
GRANT SELECT, DELETE ON billing.requests, billing.provider_states TO footnote_definer;
GRANT DELETE ON billing.provider_events TO footnote_definer;
GRANT SELECT ON billing.duplicates TO footnote_definer;
CREATE POLICY definer ON billing.requests TO footnote_definer USING (true);
CREATE POLICY definer ON billing.provider_states TO footnote_definer USING (true);
CREATE POLICY definer ON billing.duplicates TO footnote_definer USING (true);

SET LOCAL ROLE footnote_definer;

-- Forgets answers to requests that nobody sends again, events that no provider sends again, and when states were asked for,
-- except of subscriptions that run.
CREATE FUNCTION metering.purge_billing(p_requests_s int, p_events_s int, p_limit int) RETURNS int
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH answered AS (
        SELECT r.organization_id, r.key FROM billing.requests r
         WHERE r.at < clock_timestamp() - make_interval(secs => p_requests_s)
         ORDER BY r.at LIMIT p_limit
    ), requests AS (
        DELETE FROM billing.requests r USING answered a
         WHERE r.organization_id = a.organization_id AND r.key = a.key RETURNING 1
    ), told AS (
        SELECT e.provider, e.event_id FROM billing.provider_events e
         WHERE e.processed_at < clock_timestamp() - make_interval(secs => p_events_s)
         ORDER BY e.processed_at LIMIT p_limit
    ), events AS (
        DELETE FROM billing.provider_events e USING told t
         WHERE e.provider = t.provider AND e.event_id = t.event_id RETURNING 1
    ), asked AS (
        SELECT s.organization_id, s.provider, s.subscription_ref FROM billing.provider_states s
         WHERE s.asked_at < clock_timestamp() - make_interval(secs => p_events_s)
           AND NOT EXISTS (SELECT FROM billing.subscriptions b
                            WHERE b.organization_id = s.organization_id AND b.provider_ref = s.subscription_ref
                              AND b.ended_at IS NULL)
         ORDER BY s.asked_at LIMIT p_limit
    ), states AS (
        DELETE FROM billing.provider_states s USING asked a
         WHERE s.organization_id = a.organization_id AND s.provider = a.provider
           AND s.subscription_ref = a.subscription_ref RETURNING 1
    )
    SELECT ((SELECT count(*) FROM requests) + (SELECT count(*) FROM events) + (SELECT count(*) FROM states))::int
$$;

-- Duplicates that are not settled, oldest first, of those found at least so many seconds ago.
CREATE FUNCTION payments.open_duplicates(p_older_s int, p_limit int)
    RETURNS TABLE (organization_id uuid, provider text, subscription_ref text, found_at timestamptz)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT d.organization_id, d.provider, d.subscription_ref, d.found_at FROM billing.duplicates d
     WHERE d.settled_at IS NULL AND d.found_at <= clock_timestamp() - make_interval(secs => p_older_s)
     ORDER BY d.found_at LIMIT p_limit
$$;

-- Subscriptions of a provider that run here, and whose period ended so many seconds ago without a word of the next one.
CREATE FUNCTION payments.unheard_subscriptions(p_provider text, p_late_s int, p_limit int)
    RETURNS TABLE (organization_id uuid, provider_ref text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.organization_id, s.provider_ref FROM billing.subscriptions s
     WHERE s.ended_at IS NULL AND s.provider = p_provider AND s.provider_ref IS NOT NULL
       AND s.period_end <= quota.clock() - make_interval(secs => p_late_s)
     ORDER BY s.period_end LIMIT p_limit
$$;

REVOKE ALL ON FUNCTION metering.purge_billing, payments.open_duplicates, payments.unheard_subscriptions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION metering.purge_billing TO footnote_jobs;
GRANT EXECUTE ON FUNCTION payments.open_duplicates, payments.unheard_subscriptions TO footnote_app;
RESET ROLE;
