-- What payment providers tell. An event is noted in the transaction of its effect: noted means done, once. It is nobody's
-- until its subscription is looked up, so organizations reach it through functions alone.
CREATE TABLE billing.provider_events (
    provider text NOT NULL CHECK (provider IN ('stripe')),
    event_id text NOT NULL CHECK (length(event_id) BETWEEN 1 AND 255),
    type text NOT NULL,
    subscription_ref text,
    outcome text NOT NULL CHECK (outcome IN ('applied', 'unchanged', 'stale', 'ignored', 'foreign')),
    processed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (provider, event_id)
);

-- When the newest state that was applied had been asked for. One that was asked for earlier changes nothing, also where
-- the newer one began no subscription here.
CREATE TABLE billing.provider_states (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    provider text NOT NULL,
    subscription_ref text NOT NULL,
    asked_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, provider, subscription_ref)
);
ALTER TABLE billing.provider_states ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing.provider_states FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON billing.provider_states USING (organization_id = core.current_organization())
    WITH CHECK (organization_id = core.current_organization());
GRANT SELECT, INSERT, UPDATE ON billing.provider_states TO footnote_app;
GRANT SELECT, INSERT ON billing.provider_events TO footnote_definer;

CREATE SCHEMA payments AUTHORIZATION footnote_definer;
GRANT USAGE ON SCHEMA payments TO footnote_app;
SET LOCAL ROLE footnote_definer;

CREATE FUNCTION payments.is_noted(p_provider text, p_event_id text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM billing.provider_events e WHERE e.provider = p_provider AND e.event_id = p_event_id)
$$;

-- False: it was noted before. Waits for a transaction that is noting the same event.
CREATE FUNCTION payments.note(p_provider text, p_event_id text, p_type text, p_subscription_ref text, p_outcome text)
    RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO billing.provider_events (provider, event_id, type, subscription_ref, outcome)
    VALUES (p_provider, p_event_id, p_type, p_subscription_ref, p_outcome) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA payments FROM PUBLIC;
GRANT EXECUTE ON FUNCTION payments.is_noted, payments.note TO footnote_app;
RESET ROLE;
