-- What becomes of events: their relay, what consumers make of them, where they are told, and the reconciliation.

-- Usage by day, added up from `usage.recorded`: for analysis, and never for limits or invoices, which read the ledger.
-- `day` is that of UTC in which it was recorded.
CREATE TABLE quota.usage_daily (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    day date NOT NULL,
    meter text NOT NULL,
    model text NOT NULL,
    feature text NOT NULL,
    units bigint NOT NULL,
    cost_micro_usd bigint NOT NULL,
    PRIMARY KEY (organization_id, day, meter, model, feature)
) WITH (fillfactor = 50);

-- What was recorded before there were events, of all organizations.
ALTER TABLE quota.usage_ledger NO FORCE ROW LEVEL SECURITY;
ALTER TABLE quota.outbox NO FORCE ROW LEVEL SECURITY;
INSERT INTO quota.usage_daily
SELECT l.organization_id, (l.at AT TIME ZONE 'UTC')::date, l.meter, l.model, l.feature, sum(l.units),
       sum(l.cost_micro_usd)
  FROM quota.usage_ledger l
 WHERE NOT EXISTS (SELECT FROM quota.outbox o
                    WHERE o.organization_id = l.organization_id
                      AND o.event_id = format('usage:%s:%s', l.hold_id, l.attempt))
 GROUP BY 1, 2, 3, 4, 5;
ALTER TABLE quota.usage_ledger FORCE ROW LEVEL SECURITY;
ALTER TABLE quota.outbox FORCE ROW LEVEL SECURITY;

-- Where an organization wants its events told. The secret that signs them is derived, and stands nowhere.
-- `topics` are names, or beginnings of names with `*` behind them.
CREATE TABLE quota.webhook_endpoints (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    endpoint_id uuid NOT NULL,
    url text NOT NULL CHECK (length(url) <= 2048),
    description text NOT NULL DEFAULT '' CHECK (length(description) <= 200),
    topics text[] NOT NULL,
    failures int NOT NULL DEFAULT 0,
    failing_since timestamptz,
    last_error text,
    disabled_at timestamptz,
    disabled_reason text,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, endpoint_id)
);

-- Who is telling an event outside of the database right now, so that it is not told twice at the same time. The row
-- goes when it was told, in the transaction that writes it down as processed.
CREATE TABLE quota.deliveries (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    consumer text NOT NULL,
    event_id text NOT NULL,
    claimed_until timestamptz NOT NULL,
    attempts int NOT NULL DEFAULT 1,
    last_error text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, consumer, event_id)
);

CREATE INDEX outbox_sent ON quota.outbox (sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX processed_events_at ON quota.processed_events (processed_at);
CREATE INDEX deliveries_at ON quota.deliveries (updated_at);
CREATE INDEX holds_late ON quota.holds (closed_at) WHERE state = 'committed' AND closed_at > expires_at;

DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['quota.usage_daily', 'quota.webhook_endpoints', 'quota.deliveries'] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
        EXECUTE format(
            'CREATE POLICY tenant ON %s USING (organization_id = core.current_organization())'
            ' WITH CHECK (organization_id = core.current_organization())', target);
    END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE ON quota.usage_daily TO footnote_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON quota.webhook_endpoints, quota.deliveries TO footnote_app;
GRANT SELECT, DELETE ON quota.deliveries TO footnote_definer;
CREATE POLICY definer ON quota.deliveries TO footnote_definer USING (true) WITH CHECK (true);

SET LOCAL ROLE footnote_definer;

-- The relay --------------------------------------------------------------------------------------------------
-- Takes events that were not sent, oldest first. Whoever takes them has them for a while; then they are free again.
CREATE FUNCTION metering.claim_events(p_limit int, p_lease_s int)
    RETURNS TABLE (organization_id uuid, event_id text, topic text, payload jsonb, created_at timestamptz)
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH due AS (
        SELECT o.organization_id, o.event_id FROM quota.outbox o
         WHERE o.sent_at IS NULL AND (o.claimed_until IS NULL OR o.claimed_until < clock_timestamp())
         ORDER BY o.created_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    )
    UPDATE quota.outbox o SET claimed_until = clock_timestamp() + make_interval(secs => p_lease_s)
      FROM due WHERE o.organization_id = due.organization_id AND o.event_id = due.event_id
    RETURNING o.organization_id, o.event_id, o.topic, o.payload, o.created_at
$$;

-- Notes that the queue has them. In the order of keys: two relays never wait for each other in a circle.
CREATE FUNCTION metering.confirm_events(p_organizations uuid[], p_events text[]) RETURNS int
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH sent AS (
        SELECT o.organization_id, o.event_id FROM quota.outbox o
          JOIN unnest(p_organizations, p_events) AS s (organization_id, event_id) USING (organization_id, event_id)
         WHERE o.sent_at IS NULL
         ORDER BY o.organization_id, o.event_id FOR UPDATE OF o
    ), noted AS (
        UPDATE quota.outbox o SET sent_at = clock_timestamp(), claimed_until = NULL
          FROM sent WHERE o.organization_id = sent.organization_id AND o.event_id = sent.event_id
        RETURNING o.event_id
    )
    SELECT count(*)::int FROM noted
$$;

-- Forgets what was sent long ago. Usage is the bulk and its ids never return; other events stay longer, for an id that
-- is there keeps the same warning from being told twice.
CREATE FUNCTION metering.purge_events(p_usage_s int, p_other_s int, p_limit int) RETURNS int
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH due AS (
        SELECT o.organization_id, o.event_id FROM quota.outbox o
         WHERE o.sent_at < clock_timestamp() - make_interval(secs => least(p_usage_s, p_other_s))
           AND o.sent_at < clock_timestamp() - make_interval(
                   secs => CASE o.topic WHEN 'usage.recorded' THEN p_usage_s ELSE p_other_s END)
         ORDER BY o.sent_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM quota.outbox o USING due
         WHERE o.organization_id = due.organization_id AND o.event_id = due.event_id
        RETURNING o.event_id
    )
    SELECT count(*)::int FROM gone
$$;

-- Forgets what consumers did with events that no queue can deliver any more, and deliveries that were given up.
CREATE FUNCTION metering.purge_processed(p_older_s int, p_limit int) RETURNS int
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH due AS (
        SELECT p.organization_id, p.consumer, p.event_id FROM quota.processed_events p
         WHERE p.processed_at < clock_timestamp() - make_interval(secs => p_older_s)
         ORDER BY p.processed_at LIMIT p_limit
    ), gone AS (
        DELETE FROM quota.processed_events p USING due
         WHERE p.organization_id = due.organization_id AND p.consumer = due.consumer AND p.event_id = due.event_id
        RETURNING p.event_id
    ), given_up AS (
        SELECT d.organization_id, d.consumer, d.event_id FROM quota.deliveries d
         WHERE d.updated_at < clock_timestamp() - make_interval(secs => p_older_s)
         ORDER BY d.updated_at LIMIT p_limit
    ), forgotten AS (
        DELETE FROM quota.deliveries d USING given_up g
         WHERE d.organization_id = g.organization_id AND d.consumer = g.consumer AND d.event_id = g.event_id
        RETURNING d.event_id
    )
    SELECT ((SELECT count(*) FROM gone) + (SELECT count(*) FROM forgotten))::int
$$;

-- Reconciliation ---------------------------------------------------------------------------------------------
-- Compares windows with ledgers and open holds, for the organizations after p_after. One statement and so one snapshot:
-- traffic never shows as a difference. Windows that are open or ended within two days. `differences` names at most a
-- hundred; `count` is of all.
CREATE FUNCTION metering.reconcile_organizations(p_after uuid, p_limit int) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH page AS MATERIALIZED (
        SELECT o.organization_id FROM core.organizations o
         WHERE p_after IS NULL OR o.organization_id > p_after
         ORDER BY o.organization_id LIMIT p_limit
    ), recent AS MATERIALIZED (
        SELECT w.organization_id, w.subject, w.meter, w.window_start, w.committed, w.reserved
          FROM quota.windows w JOIN page USING (organization_id)
         WHERE w.window_end > quota.clock() - interval '2 days'
    ), entries AS MATERIALIZED (
        SELECT l.organization_id, l.user_id, l.attempt > 0 AS reserved_for, l.meter, l.window_start,
               sum(l.units)::bigint AS units, sum(l.cost_micro_usd)::bigint AS cost
          FROM (SELECT DISTINCT r.organization_id, r.meter, r.window_start FROM recent r) k
          JOIN quota.usage_ledger l USING (organization_id, meter, window_start)
         GROUP BY 1, 2, 3, 4, 5
    ), internal AS MATERIALIZED (
        SELECT l.organization_id, l.user_id, l.window_start, sum(l.cost_micro_usd)::bigint AS cost
          FROM (SELECT DISTINCT r.organization_id, r.window_start FROM recent r WHERE r.meter = 'cost') k
          JOIN quota.cost_ledger l USING (organization_id, window_start)
         GROUP BY 1, 2, 3
    ), used AS (
        SELECT u.organization_id, u.subject, u.meter, u.window_start, sum(u.units)::bigint AS units
          FROM (SELECT e.organization_id, e.organization_id AS subject, e.meter, e.window_start, e.units FROM entries e
                UNION ALL
                SELECT e.organization_id, e.user_id, e.meter, e.window_start, e.units FROM entries e
                 WHERE e.reserved_for AND e.user_id IS NOT NULL
                UNION ALL
                SELECT e.organization_id, e.organization_id, 'cost', e.window_start, e.cost FROM entries e
                UNION ALL
                SELECT e.organization_id, e.user_id, 'cost', e.window_start, e.cost FROM entries e
                 WHERE e.user_id IS NOT NULL
                UNION ALL
                SELECT i.organization_id, i.organization_id, 'cost', i.window_start, i.cost FROM internal i
                UNION ALL
                SELECT i.organization_id, i.user_id, 'cost', i.window_start, i.cost FROM internal i
                 WHERE i.user_id IS NOT NULL) u
         GROUP BY 1, 2, 3, 4
    ), held AS (
        SELECT h.organization_id, l.subject, l.meter, l.window_start, sum(l.units)::bigint AS units
          FROM page JOIN quota.holds h USING (organization_id) CROSS JOIN LATERAL unnest(h.lines) l
         WHERE h.state = 'open'
         GROUP BY 1, 2, 3, 4
    ), differences AS (
        SELECT r.organization_id, r.subject, r.meter, r.window_start, r.committed, coalesce(u.units, 0) AS used,
               r.reserved, coalesce(h.units, 0) AS held
          FROM recent r
          LEFT JOIN used u USING (organization_id, subject, meter, window_start)
          LEFT JOIN held h USING (organization_id, subject, meter, window_start)
         WHERE r.committed <> coalesce(u.units, 0) OR r.reserved <> coalesce(h.units, 0)
    )
    SELECT jsonb_build_object(
        'organizations', (SELECT count(*) FROM page),
        'last', (SELECT p.organization_id FROM page p ORDER BY p.organization_id DESC LIMIT 1),
        'windows', (SELECT count(*) FROM recent),
        'count', (SELECT count(*) FROM differences),
        'differences', (SELECT coalesce(jsonb_agg(to_jsonb(d)), '[]')
                          FROM (SELECT * FROM differences ORDER BY 1, 2, 3, 4 LIMIT 100) d))
$$;

-- The platform's parts together against the cost of all organizations, over all months: an organization's months begin
-- in its own time zone, so that no single month need agree.
CREATE FUNCTION metering.reconcile_platform()
    RETURNS TABLE (committed numeric, used numeric, reserved numeric, held numeric)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(p.committed, 0), coalesce(o.committed, 0), coalesce(p.reserved, 0), coalesce(o.reserved, 0)
      FROM (SELECT sum(w.committed) AS committed, sum(w.reserved) AS reserved FROM quota.platform_windows w) p,
           (SELECT sum(w.committed) AS committed, sum(w.reserved) AS reserved FROM quota.windows w
             WHERE w.meter = 'cost' AND w.subject = w.organization_id) o
$$;

-- How far behind the jobs are: the oldest event that was not sent (seconds), holds that should have ended five minutes
-- ago, settlements of the last hour that came after their hold's time.
CREATE FUNCTION metering.backlog() RETURNS TABLE (outbox_age_s float, holds_overdue bigint, late_settlements bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT greatest(0, coalesce((SELECT extract(epoch FROM quota.clock() - min(o.created_at))
                                   FROM quota.outbox o WHERE o.sent_at IS NULL), 0)),
           (SELECT count(*) FROM quota.holds h
             WHERE h.state = 'open' AND h.expires_at < clock_timestamp() - interval '5 minutes'),
           (SELECT count(*) FROM quota.holds h
             WHERE h.state = 'committed' AND h.closed_at > h.expires_at
               AND h.closed_at > clock_timestamp() - interval '1 hour')
$$;

REVOKE ALL ON FUNCTION metering.claim_events, metering.confirm_events, metering.purge_events, metering.purge_processed,
    metering.reconcile_organizations, metering.reconcile_platform, metering.backlog FROM PUBLIC;
GRANT EXECUTE ON FUNCTION metering.claim_events, metering.confirm_events, metering.purge_events,
    metering.purge_processed, metering.reconcile_organizations, metering.reconcile_platform, metering.backlog
    TO footnote_jobs;
RESET ROLE;
