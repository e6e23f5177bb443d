-- What organizations have subscribed to, and the invoices of it. Amounts are integers: cents. Time is `quota.clock()`.
CREATE SCHEMA billing;

-- A version of a plan that was published is never changed.
CREATE FUNCTION billing.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of %.% are never changed: add a new one', TG_TABLE_SCHEMA, TG_TABLE_NAME;
END $$;
CREATE TRIGGER published BEFORE UPDATE OR DELETE ON quota.plans
    FOR EACH ROW EXECUTE FUNCTION billing.refuse_change();
CREATE TRIGGER published AFTER UPDATE ON quota.custom_plans
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION billing.refuse_change();

-- Who is invoiced. `time_zone` is the one that is wanted; it holds from `time_zone_from` on, and is then copied to
-- quota.entitlements. `tax_basis_points` is set by operators.
CREATE TABLE billing.profiles (
    organization_id uuid PRIMARY KEY REFERENCES core.organizations ON DELETE CASCADE,
    legal_name text NOT NULL DEFAULT '' CHECK (length(legal_name) <= 255),
    address text NOT NULL DEFAULT '' CHECK (length(address) <= 1000),
    tax_id text NOT NULL DEFAULT '' CHECK (length(tax_id) <= 64),
    email text NOT NULL DEFAULT '' CHECK (length(email) <= 255),
    tax_basis_points int NOT NULL DEFAULT 0 CHECK (tax_basis_points BETWEEN 0 AND 10000),
    time_zone text NOT NULL DEFAULT 'UTC',
    time_zone_from timestamptz,
    updated_at timestamptz NOT NULL DEFAULT quota.clock()
);

-- A row is the time under one version of one plan; a change of plan ends it and begins another one within the same
-- period. Without a row that has not ended the organization has the default plan. `anchor` is when the first period began:
-- the others begin on the same day of later months.
CREATE TABLE billing.subscriptions (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    subscription_id uuid NOT NULL,
    plan text NOT NULL,
    plan_version int NOT NULL,
    provider text NOT NULL CHECK (provider IN ('manual', 'stripe')),
    customer_ref text,
    provider_ref text,
    provider_changed_at timestamptz,
    status text NOT NULL CHECK (status IN ('incomplete', 'trialing', 'active', 'past_due', 'cancelled')),
    past_due_since timestamptz,
    anchor timestamptz NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    cancel_at_period_end boolean NOT NULL DEFAULT false,
    pending_plan text,
    pending_version int,
    started_at timestamptz NOT NULL DEFAULT quota.clock(),
    ended_at timestamptz,
    PRIMARY KEY (organization_id, subscription_id),
    CHECK (period_start < period_end),
    CHECK ((pending_plan IS NULL) = (pending_version IS NULL)),
    CHECK ((status = 'past_due') = (past_due_since IS NOT NULL))
);
CREATE UNIQUE INDEX subscriptions_current ON billing.subscriptions (organization_id) WHERE ended_at IS NULL;
CREATE INDEX subscriptions_due ON billing.subscriptions (period_end) WHERE ended_at IS NULL;
CREATE INDEX subscriptions_provider ON billing.subscriptions (organization_id, provider_ref);

-- What became of subscriptions, in order.
CREATE TABLE billing.subscription_events (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    event_id uuid NOT NULL,
    subscription_id uuid NOT NULL,
    kind text NOT NULL,
    data jsonb NOT NULL DEFAULT '{}',
    user_id uuid,
    at timestamptz NOT NULL DEFAULT quota.clock(),
    PRIMARY KEY (organization_id, event_id)
);

-- What was answered to a request with an Idempotency-Key, written with its effect.
CREATE TABLE billing.requests (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    request_hash bytea NOT NULL,
    checkout_url text,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, key)
);

-- What the plans of a period cost: its fee, and for each change within it a credit for the rest of the old plan and a
-- charge for the rest of the new one.
CREATE TABLE billing.plan_charges (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    charge_id uuid NOT NULL,
    period_start timestamptz NOT NULL,
    kind text NOT NULL CHECK (kind IN ('fee', 'credit', 'charge')),
    name text NOT NULL,
    plan text NOT NULL,
    plan_version int NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    amount_cents bigint NOT NULL CHECK ((kind = 'credit') = (amount_cents < 0) OR amount_cents = 0),
    at timestamptz NOT NULL DEFAULT quota.clock(),
    PRIMARY KEY (organization_id, charge_id)
);
CREATE INDEX plan_charges_period ON billing.plan_charges (organization_id, period_start);

-- Periods that are over, and the invoice of each when it is issued. The plan is the one at the end.
CREATE TABLE billing.periods (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    plan text NOT NULL,
    plan_version int NOT NULL,
    provider text NOT NULL,
    invoice_id uuid,
    PRIMARY KEY (organization_id, period_start),
    CHECK (period_start < period_end)
);
CREATE INDEX periods_open ON billing.periods (period_end) WHERE invoice_id IS NULL;

-- An invoice covers the rows of the ledger with `at` in its period, and those of earlier ones that the invoice before
-- could not see (`since_cutoff`, `since_xmin`: its bounds). `xmin` bounds what it could see itself. `document` is what it
-- says, and is never changed; a payment is a row of its own.
CREATE TABLE billing.invoices (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    invoice_id uuid NOT NULL,
    number text NOT NULL,
    period_start timestamptz NOT NULL,
    period_end timestamptz NOT NULL,
    issued_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    provider text NOT NULL,
    currency text NOT NULL,
    total_cents bigint NOT NULL,
    since_cutoff timestamptz,
    since_xmin xid8,
    cutoff timestamptz NOT NULL,
    xmin_bound xid8 NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    ledger_rows bigint NOT NULL,
    document jsonb NOT NULL,
    PRIMARY KEY (organization_id, invoice_id),
    UNIQUE (organization_id, number),
    UNIQUE (organization_id, period_start)
);
CREATE INDEX invoices_listed ON billing.invoices (organization_id, issued_at DESC, invoice_id DESC);
CREATE INDEX invoices_due ON billing.invoices (due_at) WHERE provider = 'manual' AND total_cents > 0;
CREATE TRIGGER issued AFTER UPDATE ON billing.invoices
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION billing.refuse_change();

CREATE TABLE billing.invoice_payments (
    organization_id uuid NOT NULL,
    invoice_id uuid NOT NULL,
    paid_at timestamptz NOT NULL DEFAULT quota.clock(),
    reference text NOT NULL DEFAULT '',
    PRIMARY KEY (organization_id, invoice_id),
    FOREIGN KEY (organization_id, invoice_id) REFERENCES billing.invoices ON DELETE CASCADE
);

-- The last number that was given, by issuer and year; locked until the invoice is written, so that none is missing.
CREATE TABLE billing.invoice_counters (
    issuer text NOT NULL,
    year int NOT NULL,
    last_number int NOT NULL,
    PRIMARY KEY (issuer, year)
);

-- What was recorded since a snapshot: late rows.
CREATE INDEX usage_ledger_txid ON quota.usage_ledger (organization_id, txid);

DO $$
DECLARE
    target regclass;
BEGIN
    FOR target IN
        SELECT c.oid::regclass FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'billing'::regnamespace
           AND a.attname = 'organization_id'
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
        EXECUTE format(
            'CREATE POLICY tenant ON %s USING (organization_id = core.current_organization())'
            ' WITH CHECK (organization_id = core.current_organization())', target);
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA billing TO footnote_app, footnote_definer;
GRANT SELECT, INSERT, UPDATE ON billing.profiles, billing.subscriptions, billing.periods TO footnote_app;
GRANT SELECT, INSERT ON billing.subscription_events, billing.requests, billing.plan_charges, billing.invoices
    TO footnote_app;
GRANT SELECT ON billing.invoice_payments TO footnote_app;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA billing FROM PUBLIC;

-- What an organization may use from now on, in its open windows too. One that is used up further only denies.
CREATE FUNCTION billing.entitle(p_plan text, p_version int, p_limits jsonb, p_rates jsonb, p_features jsonb)
    RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_organization_id constant uuid := core.current_organization();
BEGIN
    INSERT INTO quota.entitlements AS e (organization_id, plan, plan_version, limits, rates, features)
    VALUES (v_organization_id, p_plan, p_version, p_limits, p_rates, p_features)
    ON CONFLICT (organization_id) DO UPDATE
       SET plan = excluded.plan, plan_version = excluded.plan_version, limits = excluded.limits,
           rates = excluded.rates, features = excluded.features, updated_at = now();
    PERFORM FROM quota.windows w
     WHERE w.organization_id = v_organization_id AND w.subject = v_organization_id AND w.meter <> 'cost'
       AND w.window_end > quota.clock()
     ORDER BY w.subject, w.meter, w.window_start FOR NO KEY UPDATE;
    UPDATE quota.windows w SET lim = (p_limits ->> w.meter)::bigint
     WHERE w.organization_id = v_organization_id AND w.subject = v_organization_id AND w.meter <> 'cost'
       AND w.window_end > quota.clock();
    UPDATE core.organizations SET plan = p_plan, updated_at = now() WHERE organization_id = v_organization_id;
END $$;

-- The time zone of windows from now on. Windows of the old one that are open end where those of the new one begin.
CREATE FUNCTION billing.change_time_zone(p_time_zone text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_organization_id constant uuid := core.current_organization();
BEGIN
    -- Terms before windows, as everybody who changes both.
    UPDATE quota.entitlements SET time_zone = p_time_zone, updated_at = now()
     WHERE organization_id = v_organization_id;
    PERFORM FROM quota.windows w
     WHERE w.organization_id = v_organization_id AND w.window_end > quota.clock() AND w.window_end < '9999-01-01'
     ORDER BY w.subject, w.meter, w.window_start FOR NO KEY UPDATE;
    UPDATE quota.windows w SET window_end = quota.window_start(w.meter, p_time_zone)
     WHERE w.organization_id = v_organization_id AND w.window_end < '9999-01-01'
       AND w.window_end > quota.window_start(w.meter, p_time_zone)
       AND w.window_start < quota.window_start(w.meter, p_time_zone);
    UPDATE billing.profiles SET time_zone_from = NULL WHERE organization_id = v_organization_id;
END $$;
REVOKE ALL ON FUNCTION billing.entitle, billing.change_time_zone FROM PUBLIC;
GRANT EXECUTE ON FUNCTION billing.entitle, billing.change_time_zone TO footnote_app;

-- Work over all organizations --------------------------------------------------------------------------------
GRANT SELECT ON billing.subscriptions, billing.periods, billing.profiles, billing.invoices, billing.invoice_payments
    TO footnote_definer;
GRANT SELECT, INSERT, UPDATE ON billing.invoice_counters TO footnote_definer;
CREATE POLICY definer ON billing.subscriptions TO footnote_definer USING (true);
CREATE POLICY definer ON billing.periods TO footnote_definer USING (true);
CREATE POLICY definer ON billing.profiles TO footnote_definer USING (true);
CREATE POLICY definer ON billing.invoices TO footnote_definer USING (true);
CREATE POLICY definer ON billing.invoice_payments TO footnote_definer USING (true);

CREATE SCHEMA biller AUTHORIZATION footnote_definer;
GRANT USAGE ON SCHEMA biller TO footnote_app;
SET LOCAL ROLE footnote_definer;

-- Organizations that something is due for, in the order of their ids.
CREATE FUNCTION biller.due_organizations(p_after uuid, p_limit int, p_delay_s int, p_grace_s int)
    RETURNS TABLE (organization_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT d.organization_id FROM (
        SELECT s.organization_id FROM billing.subscriptions s
         WHERE s.ended_at IS NULL AND s.provider = 'manual' AND s.period_end <= quota.clock()
         UNION
        SELECT s.organization_id FROM billing.subscriptions s
         WHERE s.ended_at IS NULL AND s.past_due_since <= quota.clock() - make_interval(secs => p_grace_s)
         UNION
        SELECT p.organization_id FROM billing.periods p
         WHERE p.invoice_id IS NULL AND p.period_end <= quota.clock() - make_interval(secs => p_delay_s)
         UNION
        SELECT i.organization_id FROM billing.invoices i
          JOIN billing.subscriptions s ON s.organization_id = i.organization_id AND s.ended_at IS NULL
           AND s.provider = 'manual' AND s.status = 'active'
         WHERE i.provider = 'manual' AND i.total_cents > 0 AND i.due_at <= quota.clock()
           AND NOT EXISTS (SELECT FROM billing.invoice_payments q
                            WHERE q.organization_id = i.organization_id AND q.invoice_id = i.invoice_id)
         UNION
        SELECT p.organization_id FROM billing.profiles p WHERE p.time_zone_from <= quota.clock()
    ) d
     WHERE p_after IS NULL OR d.organization_id > p_after
     ORDER BY d.organization_id LIMIT p_limit
$$;

-- The next number of an issuer in a year. The last thing that a transaction does before it writes the invoice.
CREATE FUNCTION biller.next_number(p_issuer text, p_year int) RETURNS int
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO billing.invoice_counters AS c (issuer, year, last_number) VALUES (p_issuer, p_year, 1)
    ON CONFLICT (issuer, year) DO UPDATE SET last_number = c.last_number + 1
    RETURNING c.last_number
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA biller FROM PUBLIC;
GRANT EXECUTE ON FUNCTION biller.due_organizations, biller.next_number TO footnote_app;
RESET ROLE;
