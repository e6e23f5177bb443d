-- What an organization may use, what it uses, and what it has used (reliability.md, a and b). Units are integers:
-- messages, tokens, bytes, milliseconds, micro-USD.
CREATE SCHEMA quota;

-- The one clock of windows and ledgers; tests replace it.
CREATE FUNCTION quota.clock() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now()';

-- Plans ------------------------------------------------------------------------------------------------------
-- A version is never changed: a new price or limit is a new version, and subscriptions name theirs. `limits` are by
-- meter; a meter that is not named, or is null, has none.
CREATE TABLE quota.plans (
    plan text NOT NULL CHECK (plan ~ '^[a-z][a-z0-9_]{1,31}$'),
    version int NOT NULL CHECK (version > 0),
    name text NOT NULL,
    price_cents int NOT NULL CHECK (price_cents >= 0),
    currency text NOT NULL DEFAULT 'USD' CHECK (currency ~ '^[A-Z]{3}$'),
    limits jsonb NOT NULL,
    rates jsonb NOT NULL DEFAULT '{}',
    usage_prices jsonb NOT NULL DEFAULT '{}',
    features jsonb NOT NULL DEFAULT '[]',
    is_public boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (plan, version)
);
INSERT INTO quota.plans (plan, version, name, price_cents, limits, features) VALUES
    ('free', 1, 'Free Plan', 0,
     '{"messages": 100, "tokens_per_message": 1000, "api_calls": 100, "storage_bytes": 104857600,
       "concurrent_requests": 4}', '[]'),
    ('pro', 1, 'Pro Plan', 2900,
     '{"messages": 1000, "tokens_per_message": 2000, "api_calls": 1000, "storage_bytes": 1048576000,
       "concurrent_requests": 16}', '[]'),
    ('enterprise', 1, 'Enterprise Plan', 9900,
     '{"messages": null, "tokens_per_message": 4000, "api_calls": null, "storage_bytes": 10485760000,
       "concurrent_requests": 64}', '[]');

-- A plan made for one organization.
CREATE TABLE quota.custom_plans (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    version int NOT NULL CHECK (version > 0),
    name text NOT NULL,
    price_cents int NOT NULL CHECK (price_cents >= 0),
    currency text NOT NULL DEFAULT 'USD' CHECK (currency ~ '^[A-Z]{3}$'),
    limits jsonb NOT NULL,
    rates jsonb NOT NULL DEFAULT '{}',
    usage_prices jsonb NOT NULL DEFAULT '{}',
    features jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, version)
);

-- What holds for an organization now, copied from the plan's version when it was entered. No row: the default plan.
-- `cost_limit` is the hard stop of the organization's budget, `stage` how far the budget is used up.
CREATE TABLE quota.entitlements (
    organization_id uuid PRIMARY KEY REFERENCES core.organizations ON DELETE CASCADE,
    plan text NOT NULL,
    plan_version int NOT NULL,
    limits jsonb NOT NULL,
    rates jsonb NOT NULL DEFAULT '{}',
    features jsonb NOT NULL DEFAULT '[]',
    time_zone text NOT NULL DEFAULT 'UTC',
    cost_limit bigint CHECK (cost_limit >= 0),
    stage text NOT NULL DEFAULT 'normal' CHECK (stage IN ('normal', 'soft', 'hard', 'emergency')),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- What one member may use; the zero id stands for every member without a row of their own.
CREATE TABLE quota.member_caps (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    user_id uuid NOT NULL,
    meter text NOT NULL CHECK (meter IN ('messages', 'api_calls', 'cost')),
    lim bigint NOT NULL CHECK (lim >= 0),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, user_id, meter)
);

-- Requests a minute that differ from the plan's, for a route class and the organization, a member or an API key.
CREATE TABLE quota.rate_overrides (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    subject_kind text NOT NULL CHECK (subject_kind IN ('organization', 'user', 'key')),
    subject_id uuid NOT NULL,
    rate_class text NOT NULL,
    per_minute int NOT NULL CHECK (per_minute >= 0),
    created_by uuid,
    expires_at timestamptz,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, subject_kind, subject_id, rate_class)
);

-- Who may not call at all for a while. Redis has a copy that takes effect at once.
CREATE TABLE quota.blocks (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    subject_kind text NOT NULL CHECK (subject_kind IN ('organization', 'user', 'key')),
    subject_id uuid NOT NULL,
    reason text NOT NULL,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, subject_kind, subject_id)
);

-- Windows and holds ------------------------------------------------------------------------------------------
-- `subject` is the organization's id, or that of the member whose own use is counted beside it.
CREATE TABLE quota.windows (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    subject uuid NOT NULL,
    meter text NOT NULL,
    window_start timestamptz NOT NULL,
    window_end timestamptz NOT NULL,
    lim bigint,
    committed bigint NOT NULL DEFAULT 0 CHECK (committed >= 0),
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    warned smallint NOT NULL DEFAULT 0,
    warned_lim bigint,
    PRIMARY KEY (organization_id, subject, meter, window_start)
) WITH (fillfactor = 50);
CREATE INDEX windows_recent ON quota.windows (window_end);

CREATE TYPE quota.line AS (subject uuid, meter text, window_start timestamptz, units bigint);

-- What is reserved for one request. It lies in a row of its own and ends by itself: what a request that died had
-- reserved is never a part of what was used. `call_id` names the very call that opened it: where the answer was lost, the
-- same call is told again; any other finds the request in progress.
CREATE TABLE quota.holds (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    hold_id uuid NOT NULL,
    user_id uuid,
    feature text NOT NULL,
    request_hash bytea NOT NULL,
    call_id uuid,
    lines quota.line[] NOT NULL,
    shard smallint NOT NULL,
    platform_start timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('open', 'committed', 'released', 'expired')),
    attempt int NOT NULL DEFAULT 1,
    dispatched boolean NOT NULL,
    expires_at timestamptz NOT NULL,
    keep_until timestamptz NOT NULL,
    response jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    PRIMARY KEY (organization_id, hold_id)
) WITH (fillfactor = 70);
CREATE INDEX holds_open ON quota.holds (expires_at) WHERE state = 'open';
CREATE INDEX holds_kept ON quota.holds (keep_until) WHERE state <> 'open';
-- A member's answers, to be erased with the conversation that they belong to.
CREATE INDEX holds_answered ON quota.holds (organization_id, user_id) WHERE response IS NOT NULL;

-- Ledgers ----------------------------------------------------------------------------------------------------
-- What the organization used, once and for ever. `txid` tells what a finished invoice can have seen.
CREATE TABLE quota.usage_ledger (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    hold_id uuid NOT NULL,
    attempt int NOT NULL,
    meter text NOT NULL,
    model text NOT NULL DEFAULT '',
    user_id uuid,
    feature text NOT NULL,
    window_start timestamptz NOT NULL,
    units bigint NOT NULL,
    cost_micro_usd bigint NOT NULL DEFAULT 0,
    price_version int NOT NULL DEFAULT 0,
    corrects uuid,
    at timestamptz NOT NULL DEFAULT quota.clock(),
    txid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (organization_id, hold_id, attempt, meter, model)
);
CREATE INDEX usage_ledger_at ON quota.usage_ledger (organization_id, at);
CREATE INDEX usage_ledger_window ON quota.usage_ledger (organization_id, meter, window_start);

-- What an attempt cost that no customer pays for: of stale and expired attempts, of released ones that had begun.
CREATE TABLE quota.cost_ledger (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    hold_id uuid NOT NULL,
    attempt int NOT NULL,
    source text NOT NULL CHECK (source IN ('stale', 'expired', 'released', 'correction')),
    user_id uuid,
    feature text NOT NULL,
    window_start timestamptz NOT NULL,
    platform_start timestamptz NOT NULL DEFAULT date_trunc('month', quota.clock(), 'UTC'),
    cost_micro_usd bigint NOT NULL,
    at timestamptz NOT NULL DEFAULT quota.clock(),
    PRIMARY KEY (organization_id, hold_id, attempt, source)
);
CREATE INDEX cost_ledger_at ON quota.cost_ledger (organization_id, at);
CREATE INDEX cost_ledger_window ON quota.cost_ledger (organization_id, window_start);

-- Outbox -----------------------------------------------------------------------------------------------------
CREATE TABLE quota.outbox (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    event_id text NOT NULL,
    topic text NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT quota.clock(),
    claimed_until timestamptz,
    sent_at timestamptz,
    PRIMARY KEY (organization_id, event_id)
);
CREATE INDEX outbox_unsent ON quota.outbox (created_at) WHERE sent_at IS NULL;

-- What a consumer has done, written with the effect.
CREATE TABLE quota.processed_events (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    consumer text NOT NULL,
    event_id text NOT NULL,
    payload_hash bytea NOT NULL,
    processed_at timestamptz NOT NULL DEFAULT quota.clock(),
    PRIMARY KEY (organization_id, consumer, event_id)
);

-- The platform's own budget: a month of UTC in sixteen parts, so that organizations do not wait for each other. The
-- parts' limits add up to the budget; what room one lacks is moved there from the others.
CREATE TABLE quota.platform_budget (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    amount bigint CHECK (amount >= 0),
    stage text NOT NULL DEFAULT 'normal' CHECK (stage IN ('normal', 'soft', 'hard', 'emergency')),
    updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO quota.platform_budget DEFAULT VALUES;
CREATE TABLE quota.platform_windows (
    window_start timestamptz NOT NULL,
    shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 15),
    lim bigint,
    committed bigint NOT NULL DEFAULT 0,
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    PRIMARY KEY (window_start, shard)
) WITH (fillfactor = 50);

-- Row-level security -----------------------------------------------------------------------------------------
DO $$
DECLARE
    target regclass;
BEGIN
    FOR target IN
        SELECT c.oid::regclass FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'quota'::regnamespace
           AND a.attname = 'organization_id'
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
        EXECUTE format(
            'CREATE POLICY tenant ON %s USING (organization_id = core.current_organization())'
            ' WITH CHECK (organization_id = core.current_organization())', target);
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA quota TO footnote_app, footnote_definer;
GRANT SELECT ON quota.plans, quota.custom_plans, quota.platform_budget TO footnote_app;
GRANT SELECT, INSERT, UPDATE ON quota.entitlements, quota.platform_windows TO footnote_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON quota.windows, quota.holds TO footnote_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON quota.member_caps, quota.rate_overrides, quota.blocks TO footnote_app;
GRANT SELECT, INSERT ON quota.usage_ledger, quota.cost_ledger, quota.outbox, quota.processed_events TO footnote_app;

-- The periods of meters --------------------------------------------------------------------------------------
CREATE FUNCTION quota.window_start(p_meter text, p_time_zone text) RETURNS timestamptz
    LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN p_meter IN ('storage_bytes', 'documents', 'concurrent_requests') THEN '1970-01-01 00:00+00'::timestamptz
        WHEN p_meter = 'api_calls' THEN date_trunc('day', quota.clock(), p_time_zone)
        ELSE date_trunc('month', quota.clock(), p_time_zone) END
$$;
CREATE FUNCTION quota.window_end(p_meter text, p_start timestamptz, p_time_zone text) RETURNS timestamptz
    LANGUAGE sql STABLE AS $$
    SELECT CASE
        WHEN p_meter IN ('storage_bytes', 'documents', 'concurrent_requests') THEN '9999-12-31 00:00+00'::timestamptz
        WHEN p_meter = 'api_calls' THEN ((p_start AT TIME ZONE p_time_zone) + interval '1 day') AT TIME ZONE p_time_zone
        ELSE ((p_start AT TIME ZONE p_time_zone) + interval '1 month') AT TIME ZONE p_time_zone END
$$;

-- The platform's parts ---------------------------------------------------------------------------------------
-- Reserves in one part; where it has no room, in all of them together. Always the last lock of a transaction.
CREATE FUNCTION quota.reserve_platform(p_start timestamptz, p_shard smallint, p_units bigint) RETURNS boolean
    LANGUAGE plpgsql AS $$
DECLARE
    v_missing bigint;
    v_other record;
    v_took bigint;
BEGIN
    BEGIN
        UPDATE quota.platform_windows SET reserved = reserved + p_units
         WHERE window_start = p_start AND shard = p_shard
           AND (lim IS NULL OR p_units = 0 OR committed + reserved + p_units <= lim);
        IF FOUND THEN
            RETURN true;
        END IF;
        -- Undone, so that the lock on this part is given back before all are taken in order.
        RAISE EXCEPTION USING ERRCODE = 'FN001';
    EXCEPTION WHEN SQLSTATE 'FN001' THEN
        NULL;
    END;
    -- Where all parts together have no room, nobody need wait to hear it.
    IF p_units > (SELECT sum(w.lim - w.committed - w.reserved) FROM quota.platform_windows w
                   WHERE w.window_start = p_start) THEN
        RETURN false;
    END IF;
    PERFORM FROM quota.platform_windows WHERE window_start = p_start ORDER BY shard FOR UPDATE;
    IF NOT FOUND THEN
        -- Not while the budget changes: the parts must add up to it.
        PERFORM quota.lock_platform_budget();
        INSERT INTO quota.platform_windows (window_start, shard, lim)
        SELECT p_start, s, b.amount / 16 + CASE WHEN s < b.amount % 16 THEN 1 ELSE 0 END
          FROM quota.platform_budget b, generate_series(0, 15) s
         ORDER BY s
        ON CONFLICT DO NOTHING;
        PERFORM FROM quota.platform_windows WHERE window_start = p_start ORDER BY shard FOR UPDATE;
    END IF;
    SELECT p_units - (w.lim - w.committed - w.reserved) INTO v_missing FROM quota.platform_windows w
     WHERE w.window_start = p_start AND w.shard = p_shard;
    IF v_missing > 0 AND p_units > 0 THEN
        IF p_units > (SELECT sum(w.lim - w.committed - w.reserved) FROM quota.platform_windows w
                       WHERE w.window_start = p_start) THEN
            RETURN false;
        END IF;
        FOR v_other IN
            SELECT w.shard, w.lim - w.committed - w.reserved AS room FROM quota.platform_windows w
             WHERE w.window_start = p_start AND w.shard <> p_shard AND w.lim - w.committed - w.reserved > 0
             ORDER BY w.shard
        LOOP
            EXIT WHEN v_missing <= 0;
            v_took := least(v_other.room, v_missing);
            UPDATE quota.platform_windows SET lim = lim - v_took
             WHERE window_start = p_start AND shard = v_other.shard;
            UPDATE quota.platform_windows SET lim = lim + v_took WHERE window_start = p_start AND shard = p_shard;
            v_missing := v_missing - v_took;
        END LOOP;
    END IF;
    UPDATE quota.platform_windows SET reserved = reserved + p_units
     WHERE window_start = p_start AND shard = p_shard;
    RETURN true;
END $$;

CREATE FUNCTION quota.lock_platform_budget() RETURNS void
    LANGUAGE sql AS $$ SELECT pg_advisory_xact_lock(hashtextextended('quota.platform_budget', 0)) $$;

-- Sets the budget, and the parts of this month and later ones anew: each has what it uses and its share of the room that
-- is left. Below what is used the room is negative: nothing is taken back, and nothing more is admitted.
CREATE FUNCTION quota.set_platform_budget(p_amount bigint) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    v_month constant timestamptz := date_trunc('month', quota.clock(), 'UTC');
BEGIN
    PERFORM quota.lock_platform_budget();
    UPDATE quota.platform_budget SET amount = p_amount, updated_at = quota.clock();
    PERFORM FROM quota.platform_windows w WHERE w.window_start >= v_month ORDER BY w.window_start, w.shard FOR UPDATE;
    UPDATE quota.platform_windows w
       SET lim = w.committed + w.reserved + floor(r.room * (w.shard + 1) / 16) - floor(r.room * w.shard / 16)
      FROM (SELECT o.window_start, p_amount - sum(o.committed + o.reserved) AS room FROM quota.platform_windows o
             WHERE o.window_start >= v_month GROUP BY o.window_start) r
     WHERE w.window_start = r.window_start;
END $$;

-- Changes of windows -----------------------------------------------------------------------------------------
-- Moves what a hold's lines have reserved to what was used. Locks the windows in the order of their key, writes the
-- warnings of thresholds that are reached for the first time in a window, and returns by how much any limit is exceeded.
-- p_open: whether the hold's units are still counted as reserved.
CREATE FUNCTION quota.move(
    p_organization_id uuid, p_lines quota.line[], p_meters text[], p_used bigint[], p_open boolean
) RETURNS bigint
    LANGUAGE plpgsql AS $$
DECLARE
    v_over bigint;
BEGIN
    PERFORM FROM quota.windows w JOIN unnest(p_lines) l USING (subject, meter, window_start)
     WHERE w.organization_id = p_organization_id
     ORDER BY w.subject, w.meter, w.window_start FOR NO KEY UPDATE OF w;
    WITH used AS (
        SELECT u.meter, u.used FROM unnest(p_meters, p_used) AS u (meter, used)
    ), moved AS (
        UPDATE quota.windows w
           SET committed = w.committed + s.used,
               reserved = w.reserved - s.reserved,
               warned = quota.threshold(w.committed + s.used, w.lim, s.was),
               warned_lim = w.lim
          FROM (SELECT l.subject, l.meter, l.window_start, coalesce(u.used, 0) AS used,
                       CASE WHEN p_open THEN l.units ELSE 0 END AS reserved,
                       CASE WHEN o.warned_lim IS NOT DISTINCT FROM o.lim THEN o.warned ELSE 0::smallint END AS was
                  FROM unnest(p_lines) l
                  JOIN quota.windows o ON o.organization_id = p_organization_id AND o.subject = l.subject
                                      AND o.meter = l.meter AND o.window_start = l.window_start
                  LEFT JOIN used u ON u.meter = l.meter) s
         WHERE w.organization_id = p_organization_id AND w.subject = s.subject AND w.meter = s.meter
           AND w.window_start = s.window_start
        RETURNING w.subject, w.meter, w.window_start, w.window_end, w.lim, w.committed, w.warned, s.was, s.used
    ), warnings AS (
        INSERT INTO quota.outbox (organization_id, event_id, topic, payload)
        SELECT p_organization_id,
               format('warning:%s:%s:%s:%s:%s', m.subject, m.meter, extract(epoch FROM m.window_start)::bigint, m.lim, t),
               'quota.warning',
               jsonb_build_object(
                   'meter', m.meter, 'threshold', t, 'used', m.committed, 'limit', m.lim,
                   'user_id', CASE WHEN m.subject <> p_organization_id THEN m.subject END,
                   'window_start', m.window_start,
                   'reset_at', CASE WHEN m.window_end < '9999-01-01' THEN m.window_end END)
          FROM moved m, unnest('{50,80,90,100}'::smallint[]) t
         WHERE t > m.was AND t <= m.warned AND m.meter <> 'concurrent_requests'
        ON CONFLICT DO NOTHING
    )
    SELECT coalesce(max(m.committed - m.lim) FILTER (WHERE m.used > 0), 0) INTO v_over FROM moved m;
    RETURN greatest(v_over, 0);
END $$;

-- The highest threshold (percent) that is reached, and no lower one than was reached before under the same limit.
CREATE FUNCTION quota.threshold(p_committed bigint, p_lim bigint, p_was smallint) RETURNS smallint
    LANGUAGE sql IMMUTABLE AS $$
    SELECT greatest(p_was, CASE
        WHEN p_lim IS NULL OR p_lim = 0 THEN 0
        WHEN p_committed >= p_lim THEN 100
        WHEN p_committed::numeric * 100 >= p_lim::numeric * 90 THEN 90
        WHEN p_committed::numeric * 100 >= p_lim::numeric * 80 THEN 80
        WHEN p_committed::numeric * 100 >= p_lim::numeric * 50 THEN 50
        ELSE 0 END::smallint)
$$;

-- Records what nobody pays for: of this attempt, and once.
CREATE FUNCTION quota.record_internal_cost(
    p_hold quota.holds, p_attempt int, p_source text, p_cost bigint
) RETURNS boolean
    LANGUAGE plpgsql AS $$
BEGIN
    IF p_cost = 0 THEN
        RETURN false;
    END IF;
    INSERT INTO quota.cost_ledger (
        organization_id, hold_id, attempt, source, user_id, feature, window_start, platform_start, cost_micro_usd)
    SELECT p_hold.organization_id, p_hold.hold_id, p_attempt, p_source, p_hold.user_id, p_hold.feature,
           l.window_start, p_hold.platform_start, p_cost
      FROM unnest(p_hold.lines) l WHERE l.meter = 'cost' AND l.subject = p_hold.organization_id
    ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

-- Ends an open hold whose time is over. What it had reserved is free again; if its work had begun, the estimate of
-- what that cost is recorded, so that budgets see it.
CREATE FUNCTION quota.expire(p_hold quota.holds) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    v_estimate constant bigint := CASE WHEN p_hold.dispatched THEN (
        SELECT coalesce(sum(l.units), 0) FROM unnest(p_hold.lines) l
         WHERE l.meter = 'cost' AND l.subject = p_hold.organization_id) ELSE 0 END;
    v_reserved constant bigint := (
        SELECT coalesce(sum(l.units), 0) FROM unnest(p_hold.lines) l
         WHERE l.meter = 'cost' AND l.subject = p_hold.organization_id);
BEGIN
    UPDATE quota.holds SET state = 'expired', closed_at = clock_timestamp()
     WHERE organization_id = p_hold.organization_id AND hold_id = p_hold.hold_id;
    PERFORM quota.record_internal_cost(p_hold, p_hold.attempt, 'expired', v_estimate);
    PERFORM quota.move(p_hold.organization_id, p_hold.lines, ARRAY['cost'], ARRAY[v_estimate], true);
    UPDATE quota.platform_windows SET committed = committed + v_estimate, reserved = reserved - v_reserved
     WHERE window_start = p_hold.platform_start AND shard = p_hold.shard;
END $$;

-- Reserve ----------------------------------------------------------------------------------------------------
-- One call, one answer (jsonb), `outcome`:
--   reserved     the hold is open; `attempt` is the fencing token
--   denied       nothing was kept; `denials` say which limits, what is used and reserved, and when they reset
--   in_progress  the same request is being served; `retry_after_s`
--   replayed     the same request was served; `response` is what was answered
--   mismatch     the same key came with another request
--   again        a hold of the same key has just ended; call once more
-- p_call_id: made anew for each call, and the same where a call whose answer was lost is repeated.
CREATE TYPE quota.terms AS (
    plan text, plan_version int, limits jsonb, cost_limit bigint, stage text, platform_stage text);

-- The organization's terms now; without any the newest version of the default plan.
CREATE FUNCTION quota.terms_of(p_organization_id uuid, p_default_plan text) RETURNS quota.terms
    LANGUAGE sql STABLE AS $$
    SELECT coalesce(e.plan, p.plan), coalesce(e.plan_version, p.version), coalesce(e.limits, p.limits), e.cost_limit,
           coalesce(e.stage, 'normal'), b.stage
      FROM quota.platform_budget b
      LEFT JOIN quota.entitlements e ON e.organization_id = p_organization_id
      LEFT JOIN LATERAL (SELECT q.plan, q.version, q.limits FROM quota.plans q WHERE q.plan = p_default_plan
                          ORDER BY q.version DESC LIMIT 1) p ON e.plan IS NULL
$$;

CREATE FUNCTION quota.reserved_answer(p_attempt int, p_terms quota.terms) RETURNS jsonb
    LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object(
        'outcome', 'reserved', 'attempt', p_attempt, 'plan', p_terms.plan, 'plan_version', p_terms.plan_version,
        'tokens_per_message', (p_terms.limits ->> 'tokens_per_message')::bigint,
        'stage', p_terms.stage, 'platform_stage', p_terms.platform_stage)
$$;

-- The attempt of a hold that is made now. One of the same key that was purged has left its attempts in the ledgers: a
-- new one must not be taken for them.
CREATE FUNCTION quota.first_attempt(p_organization_id uuid, p_hold_id uuid) RETURNS int
    LANGUAGE sql STABLE AS $$
    SELECT 1 + greatest(0,
        (SELECT max(l.attempt) FROM quota.usage_ledger l
          WHERE l.organization_id = p_organization_id AND l.hold_id = p_hold_id),
        (SELECT max(l.attempt) FROM quota.cost_ledger l
          WHERE l.organization_id = p_organization_id AND l.hold_id = p_hold_id))
$$;

CREATE FUNCTION quota.reserve(
    p_hold_id uuid, p_request_hash bytea, p_feature text, p_meters text[], p_units bigint[],
    p_ttl_s int, p_dispatched boolean, p_default_plan text, p_call_id uuid DEFAULT NULL
) RETURNS jsonb
    LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_organization_id constant uuid := core.current_organization();
    v_user_id constant uuid := core.current_member();
    v_time_zone constant text := coalesce(
        (SELECT e.time_zone FROM quota.entitlements e WHERE e.organization_id = v_organization_id), 'UTC');
    v_terms quota.terms;
    v_hold quota.holds;
    v_lines quota.line[];
    v_denials jsonb;
    v_attempt int;
    v_is_new boolean;
    v_shard constant smallint := abs(hashtext(p_hold_id::text) % 16);
    v_platform_start constant timestamptz := date_trunc('month', quota.clock(), 'UTC');
    v_expires_at constant timestamptz := clock_timestamp() + make_interval(secs => p_ttl_s);
    v_cost bigint;
    v_keep_until timestamptz;
BEGIN
    IF 0 > ANY (p_units) THEN
        RAISE EXCEPTION 'units to reserve are not negative: %', p_units;
    END IF;
    -- The windows: the organization's, and the member's where they are counted.
    SELECT array_agg(ROW(s.subject, s.meter, s.window_start, s.units)::quota.line
                     ORDER BY s.subject, s.meter, s.window_start),
           max(s.units) FILTER (WHERE s.meter = 'cost' AND s.subject = v_organization_id),
           greatest(clock_timestamp() + interval '48 hours',
                    max(s.window_end) FILTER (WHERE s.window_end < '9999-01-01'))
      INTO v_lines, v_cost, v_keep_until
      FROM (SELECT t.subject, r.meter, r.window_start, r.units,
                   quota.window_end(r.meter, r.window_start, v_time_zone) AS window_end
              FROM (SELECT r.meter, r.units, quota.window_start(r.meter, v_time_zone) AS window_start
                      FROM unnest(p_meters, p_units) AS r (meter, units)) r
              JOIN (VALUES (v_organization_id, true), (v_user_id, false)) AS t (subject, every)
                ON t.every OR v_user_id IS NOT NULL AND r.meter IN ('messages', 'api_calls', 'cost')) s;

    -- The hold first: requests with the same key take turns here.
    v_attempt := quota.first_attempt(v_organization_id, p_hold_id);
    INSERT INTO quota.holds (organization_id, hold_id, user_id, feature, request_hash, call_id, lines, shard,
                             platform_start, state, attempt, dispatched, expires_at, keep_until)
    VALUES (v_organization_id, p_hold_id, v_user_id, p_feature, p_request_hash, p_call_id, v_lines, v_shard,
            v_platform_start, 'open', v_attempt, p_dispatched, v_expires_at, v_keep_until)
    ON CONFLICT DO NOTHING;
    v_is_new := FOUND;
    IF NOT v_is_new THEN
        SELECT * INTO v_hold FROM quota.holds h
         WHERE h.organization_id = v_organization_id AND h.hold_id = p_hold_id FOR UPDATE;
        IF v_hold.hold_id IS NULL THEN
            -- Denied or purged in this very moment.
            RETURN jsonb_build_object('outcome', 'again');
        END IF;
        IF v_hold.request_hash <> p_request_hash THEN
            RETURN jsonb_build_object('outcome', 'mismatch');
        END IF;
        IF v_hold.state = 'committed' THEN
            RETURN jsonb_build_object('outcome', 'replayed', 'response', v_hold.response);
        END IF;
        IF v_hold.state = 'open' THEN
            IF v_hold.expires_at <= clock_timestamp() THEN
                -- In a transaction of its own: it ends with the lock that must be a transaction's last.
                PERFORM quota.expire(v_hold);
                RETURN jsonb_build_object('outcome', 'again');
            END IF;
            IF v_hold.call_id = p_call_id THEN
                RETURN quota.reserved_answer(
                    v_hold.attempt, quota.terms_of(v_organization_id, p_default_plan));
            END IF;
            RETURN jsonb_build_object('outcome', 'in_progress', 'retry_after_s', 1);
        END IF;
        v_attempt := v_hold.attempt + 1;
    END IF;

    -- All that are missing before any is locked: whoever makes one holds no window that another waits for.
    INSERT INTO quota.windows (organization_id, subject, meter, window_start, window_end)
    SELECT v_organization_id, l.subject, l.meter, l.window_start,
           quota.window_end(l.meter, l.window_start, v_time_zone)
      FROM unnest(v_lines) l
     WHERE NOT EXISTS (SELECT FROM quota.windows w
                        WHERE w.organization_id = v_organization_id AND w.subject = l.subject
                          AND w.meter = l.meter AND w.window_start = l.window_start)
     ORDER BY l.subject, l.meter, l.window_start
    ON CONFLICT DO NOTHING;
    PERFORM FROM quota.windows w JOIN unnest(v_lines) l USING (subject, meter, window_start)
     WHERE w.organization_id = v_organization_id
     ORDER BY w.subject, w.meter, w.window_start FOR NO KEY UPDATE OF w;
    -- The terms after the locks: a plan that changed while this waited holds.
    v_terms := quota.terms_of(v_organization_id, p_default_plan);
    IF v_terms.limits IS NULL THEN
        RAISE EXCEPTION 'there is no plan %', p_default_plan;
    END IF;
    WITH wanted AS (
        SELECT l.subject, l.meter, l.window_start, l.units, w.committed, w.reserved, w.window_end,
               CASE WHEN l.subject <> v_organization_id THEN (
                        SELECT c.lim FROM quota.member_caps c
                         WHERE c.organization_id = v_organization_id AND c.meter = l.meter
                           AND c.user_id IN (l.subject, '00000000-0000-0000-0000-000000000000')
                         ORDER BY c.user_id DESC LIMIT 1)
                    WHEN l.meter = 'cost' THEN v_terms.cost_limit
                    ELSE (v_terms.limits ->> l.meter)::bigint END AS lim
          FROM unnest(v_lines) l JOIN quota.windows w
            ON w.organization_id = v_organization_id AND w.subject = l.subject AND w.meter = l.meter
           AND w.window_start = l.window_start
    ), refused AS (
        SELECT * FROM wanted w WHERE w.units > 0 AND w.lim IS NOT NULL AND w.committed + w.reserved + w.units > w.lim
    ), taken AS (
        UPDATE quota.windows w SET reserved = w.reserved + n.units, lim = n.lim
          FROM wanted n
         WHERE w.organization_id = v_organization_id AND w.subject = n.subject AND w.meter = n.meter
           AND w.window_start = n.window_start AND NOT EXISTS (SELECT FROM refused)
    )
    SELECT jsonb_agg(jsonb_build_object(
               'meter', r.meter, 'scope', CASE WHEN r.subject = v_organization_id THEN 'organization' ELSE 'member' END,
               'limit', r.lim, 'used', r.committed, 'reserved', r.reserved, 'requested', r.units,
               'reset_at', CASE WHEN r.window_end < '9999-01-01' THEN r.window_end END) ORDER BY r.subject, r.meter)
      INTO v_denials FROM refused r;
    IF v_denials IS NULL AND v_cost IS NOT NULL AND 'emergency' IN (v_terms.stage, v_terms.platform_stage) THEN
        v_denials := jsonb_build_array(jsonb_build_object(
            'meter', 'cost', 'scope', CASE WHEN v_terms.stage = 'emergency' THEN 'organization' ELSE 'platform' END));
        PERFORM quota.give_back(v_organization_id, v_lines);
    ELSIF v_denials IS NULL AND v_cost IS NOT NULL
          AND NOT quota.reserve_platform(v_platform_start, v_shard, v_cost) THEN
        v_denials := jsonb_build_array(jsonb_build_object('meter', 'cost', 'scope', 'platform', 'requested', v_cost));
        PERFORM quota.give_back(v_organization_id, v_lines);
    END IF;
    IF v_denials IS NOT NULL THEN
        -- Denials are not stored.
        IF v_is_new THEN
            DELETE FROM quota.holds h WHERE h.organization_id = v_organization_id AND h.hold_id = p_hold_id;
        END IF;
        RETURN jsonb_build_object('outcome', 'denied', 'denials', v_denials, 'plan', v_terms.plan);
    END IF;

    IF NOT v_is_new THEN
        UPDATE quota.holds h
           SET lines = v_lines, state = 'open', attempt = v_attempt, dispatched = p_dispatched, call_id = p_call_id,
               platform_start = v_platform_start, response = NULL, closed_at = NULL, keep_until = v_keep_until,
               expires_at = v_expires_at, user_id = v_user_id
         WHERE h.organization_id = v_organization_id AND h.hold_id = p_hold_id;
    END IF;
    RETURN quota.reserved_answer(v_attempt, v_terms);
END $$;

-- Undoes, within a reservation, what was taken from the organization's windows.
CREATE FUNCTION quota.give_back(p_organization_id uuid, p_lines quota.line[]) RETURNS void
    LANGUAGE sql AS $$
    UPDATE quota.windows w SET reserved = w.reserved - l.units FROM unnest(p_lines) l
     WHERE w.organization_id = p_organization_id AND w.subject = l.subject AND w.meter = l.meter
       AND w.window_start = l.window_start
$$;

-- Settle -----------------------------------------------------------------------------------------------------
-- Records what was used: one element a meter and model. `outcome`:
--   settled   the reservation became use
--   late      the hold had expired: it is charged all the same, to the window in which it was reserved
--   stale     a newer attempt has taken over: only the internal ledger has the cost
--   replayed  it was settled or released before; nothing changed
-- `over` is by how many units a limit is exceeded now: after late settlements, or where the limit was lowered meanwhile.
CREATE FUNCTION quota.settle(
    p_hold_id uuid, p_attempt int, p_meters text[], p_models text[], p_units bigint[], p_costs bigint[],
    p_price_version int, p_response jsonb
) RETURNS jsonb
    LANGUAGE plpgsql AS $$
DECLARE
    v_organization_id constant uuid := core.current_organization();
    v_hold quota.holds;
    v_cost constant bigint := (SELECT coalesce(sum(c), 0) FROM unnest(p_costs) c);
    v_estimate bigint := 0;
    v_reserved bigint := 0;
    v_over bigint;
    v_meters text[];
    v_used bigint[];
    v_recorded int;
BEGIN
    SELECT * INTO v_hold FROM quota.holds h
     WHERE h.organization_id = v_organization_id AND h.hold_id = p_hold_id FOR UPDATE;
    IF v_hold.hold_id IS NULL THEN
        RAISE EXCEPTION 'there is no hold %', p_hold_id;
    END IF;
    -- The cost's window is the month: with a meter of another period it would be counted in one and recorded in another.
    IF EXISTS (SELECT FROM unnest(p_meters, p_costs) AS u (meter, cost)
                WHERE u.meter = 'cost' OR u.cost <> 0 AND u.meter IN (
                    'api_calls', 'storage_bytes', 'documents', 'concurrent_requests')) THEN
        RAISE EXCEPTION 'a cost is recorded with the meter of a month that it is the cost of: %', p_meters;
    END IF;
    IF v_hold.attempt <> p_attempt THEN
        RETURN quota.settle_stale(v_hold, p_attempt, v_cost);
    END IF;
    IF v_hold.state IN ('committed', 'released') THEN
        RETURN jsonb_build_object('outcome', 'replayed', 'response', v_hold.response, 'over', 0);
    END IF;
    IF v_hold.state = 'expired' THEN
        -- Its estimate is taken back: the true cost comes in its place.
        SELECT coalesce(sum(c.cost_micro_usd), 0) INTO v_estimate FROM quota.cost_ledger c
         WHERE c.organization_id = v_organization_id AND c.hold_id = p_hold_id AND c.attempt = p_attempt;
        PERFORM quota.record_internal_cost(v_hold, p_attempt, 'correction', -v_estimate);
    ELSE
        SELECT coalesce(sum(l.units), 0) INTO v_reserved FROM unnest(v_hold.lines) l
         WHERE l.meter = 'cost' AND l.subject = v_organization_id;
    END IF;

    SELECT array_agg(s.meter), array_agg(s.used) INTO v_meters, v_used
      FROM (SELECT u.meter, sum(u.units)::bigint AS used FROM unnest(p_meters, p_units) AS u (meter, units)
             GROUP BY u.meter
             UNION ALL SELECT 'cost', v_cost - v_estimate) s;
    INSERT INTO quota.usage_ledger (organization_id, hold_id, attempt, meter, model, user_id, feature, window_start,
                                    units, cost_micro_usd, price_version)
    SELECT v_organization_id, p_hold_id, p_attempt, u.meter, u.model, v_hold.user_id, v_hold.feature, l.window_start,
           u.units, u.cost, p_price_version
      FROM unnest(p_meters, p_models, p_units, p_costs) AS u (meter, model, units, cost)
      JOIN unnest(v_hold.lines) l ON l.meter = u.meter AND l.subject = v_organization_id
     WHERE u.units <> 0 OR u.cost <> 0;
    GET DIAGNOSTICS v_recorded = ROW_COUNT;
    IF v_recorded <> (SELECT count(*) FROM unnest(p_units, p_costs) AS u (units, cost) WHERE units <> 0 OR cost <> 0) THEN
        RAISE EXCEPTION 'hold % does not cover what was used: %', p_hold_id, p_meters;
    END IF;
    UPDATE quota.holds h SET state = 'committed', closed_at = clock_timestamp(), response = p_response
     WHERE h.organization_id = v_organization_id AND h.hold_id = p_hold_id;
    INSERT INTO quota.outbox (organization_id, event_id, topic, payload)
    SELECT v_organization_id, format('usage:%s:%s', p_hold_id, p_attempt), 'usage.recorded',
           jsonb_build_object('hold_id', p_hold_id, 'attempt', p_attempt, 'user_id', v_hold.user_id,
                              'feature', v_hold.feature, 'at', quota.clock(), 'lines', jsonb_agg(
               jsonb_build_object('meter', u.meter, 'model', u.model, 'units', u.units, 'cost_micro_usd', u.cost)))
      FROM unnest(p_meters, p_models, p_units, p_costs) AS u (meter, model, units, cost)
     WHERE u.units <> 0 OR u.cost <> 0
    HAVING count(*) > 0;
    v_over := quota.move(v_organization_id, v_hold.lines, v_meters, v_used, v_hold.state = 'open');
    IF v_cost - v_estimate <> 0 OR v_reserved <> 0 THEN
        UPDATE quota.platform_windows
           SET committed = committed + v_cost - v_estimate, reserved = reserved - v_reserved
         WHERE window_start = v_hold.platform_start AND shard = v_hold.shard;
    END IF;
    RETURN jsonb_build_object(
        'outcome', CASE WHEN v_hold.state = 'expired' THEN 'late' ELSE 'settled' END, 'over', v_over);
END $$;

-- The cost of an attempt that a newer one has replaced. It comes in place of what was recorded when the attempt ended, in
-- the month in which that was; the hold's lines may be of a later one.
CREATE FUNCTION quota.settle_stale(p_hold quota.holds, p_attempt int, p_cost bigint) RETURNS jsonb
    LANGUAGE plpgsql AS $$
DECLARE
    v_estimate bigint;
    v_start timestamptz;
    v_platform_start timestamptz;
    v_change bigint := 0;
BEGIN
    SELECT coalesce(sum(c.cost_micro_usd), 0), min(c.window_start), min(c.platform_start)
      INTO v_estimate, v_start, v_platform_start
      FROM quota.cost_ledger c
     WHERE c.organization_id = p_hold.organization_id AND c.hold_id = p_hold.hold_id AND c.attempt = p_attempt
       AND c.source IN ('expired', 'released', 'correction');
    IF v_start IS NOT NULL THEN
        p_hold.lines := (SELECT array_agg(ROW(l.subject, l.meter, v_start, 0)::quota.line)
                           FROM unnest(p_hold.lines) l WHERE l.meter = 'cost');
        p_hold.platform_start := v_platform_start;
    END IF;
    IF quota.record_internal_cost(p_hold, p_attempt, 'stale', p_cost) THEN
        v_change := p_cost;
    END IF;
    IF quota.record_internal_cost(p_hold, p_attempt, 'correction', -v_estimate) THEN
        v_change := v_change - v_estimate;
    END IF;
    PERFORM quota.charge_cost(p_hold, v_change);
    RETURN jsonb_build_object('outcome', 'stale', 'over', 0);
END $$;

-- Adds to what was spent, beside any reservation.
CREATE FUNCTION quota.charge_cost(p_hold quota.holds, p_cost bigint) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    IF p_cost = 0 THEN
        RETURN;
    END IF;
    PERFORM quota.move(
        p_hold.organization_id,
        (SELECT array_agg(l) FROM unnest(p_hold.lines) l WHERE l.meter = 'cost'), ARRAY['cost'], ARRAY[p_cost], false);
    UPDATE quota.platform_windows SET committed = committed + p_cost
     WHERE window_start = p_hold.platform_start AND shard = p_hold.shard;
END $$;

-- Release ----------------------------------------------------------------------------------------------------
-- Gives back what was reserved; the customer pays nothing. p_cost: what the platform paid for what had begun; it replaces
-- the estimate where the hold had ended by itself. `outcome`: released, stale, or replayed where nothing changed.
CREATE FUNCTION quota.release(p_hold_id uuid, p_attempt int, p_cost bigint) RETURNS jsonb
    LANGUAGE plpgsql AS $$
DECLARE
    v_organization_id constant uuid := core.current_organization();
    v_hold quota.holds;
    v_reserved bigint;
BEGIN
    SELECT * INTO v_hold FROM quota.holds h
     WHERE h.organization_id = v_organization_id AND h.hold_id = p_hold_id FOR UPDATE;
    IF v_hold.hold_id IS NULL OR v_hold.attempt = p_attempt AND v_hold.state IN ('committed', 'released') THEN
        RETURN jsonb_build_object('outcome', 'replayed');
    END IF;
    IF v_hold.attempt <> p_attempt OR v_hold.state = 'expired' THEN
        UPDATE quota.holds h SET state = 'released'
         WHERE h.organization_id = v_organization_id AND h.hold_id = p_hold_id AND h.attempt = p_attempt;
        PERFORM quota.settle_stale(v_hold, p_attempt, p_cost);
        RETURN jsonb_build_object('outcome', CASE WHEN v_hold.attempt <> p_attempt THEN 'stale' ELSE 'released' END);
    END IF;
    SELECT coalesce(sum(l.units), 0) INTO v_reserved FROM unnest(v_hold.lines) l
     WHERE l.meter = 'cost' AND l.subject = v_organization_id;
    UPDATE quota.holds h SET state = 'released', closed_at = clock_timestamp()
     WHERE h.organization_id = v_organization_id AND h.hold_id = p_hold_id;
    PERFORM quota.record_internal_cost(v_hold, p_attempt, 'released', p_cost);
    PERFORM quota.move(v_organization_id, v_hold.lines, ARRAY['cost'], ARRAY[p_cost], true);
    UPDATE quota.platform_windows SET committed = committed + p_cost, reserved = reserved - v_reserved
     WHERE window_start = v_hold.platform_start AND shard = v_hold.shard;
    RETURN jsonb_build_object('outcome', 'released');
END $$;

-- Adjust -----------------------------------------------------------------------------------------------------
-- A change that nothing was reserved for, recorded once per id: what a deletion gives back.
CREATE FUNCTION quota.adjust(p_event_id uuid, p_feature text, p_meters text[], p_units bigint[]) RETURNS boolean
    LANGUAGE plpgsql AS $$
DECLARE
    v_organization_id constant uuid := core.current_organization();
    v_time_zone constant text := coalesce(
        (SELECT e.time_zone FROM quota.entitlements e WHERE e.organization_id = core.current_organization()), 'UTC');
    v_lines quota.line[];
    v_recorded int;
BEGIN
    SELECT array_agg(ROW(v_organization_id, u.meter, quota.window_start(u.meter, v_time_zone), 0)::quota.line
                     ORDER BY u.meter)
      INTO v_lines FROM unnest(p_meters, p_units) AS u (meter, units) WHERE u.units <> 0;
    IF v_lines IS NULL THEN
        RETURN false;
    END IF;
    -- In one statement and with the same meters each time: all rows are new, or none is.
    INSERT INTO quota.usage_ledger (organization_id, hold_id, attempt, meter, user_id, feature, window_start, units)
    SELECT v_organization_id, p_event_id, 0, l.meter, core.current_member(), p_feature, l.window_start, u.units
      FROM unnest(v_lines) l JOIN unnest(p_meters, p_units) AS u (meter, units) USING (meter)
     ORDER BY l.meter
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS v_recorded = ROW_COUNT;
    IF v_recorded = 0 THEN
        RETURN false;
    END IF;
    IF v_recorded <> cardinality(v_lines) THEN
        RAISE EXCEPTION 'the change % was recorded before with other meters than %', p_event_id, p_meters;
    END IF;
    INSERT INTO quota.windows (organization_id, subject, meter, window_start, window_end)
    SELECT v_organization_id, l.subject, l.meter, l.window_start,
           quota.window_end(l.meter, l.window_start, v_time_zone)
      FROM unnest(v_lines) l
    ON CONFLICT DO NOTHING;
    PERFORM quota.move(v_organization_id, v_lines, p_meters, p_units, false);
    INSERT INTO quota.outbox (organization_id, event_id, topic, payload)
    SELECT v_organization_id, format('usage:%s:0', p_event_id), 'usage.recorded',
           jsonb_build_object('hold_id', p_event_id, 'attempt', 0, 'user_id', core.current_member(),
                              'feature', p_feature, 'at', quota.clock(), 'lines', jsonb_agg(
               jsonb_build_object('meter', u.meter, 'model', '', 'units', u.units, 'cost_micro_usd', 0)))
      FROM unnest(p_meters, p_units) AS u (meter, units) WHERE u.units <> 0
    ON CONFLICT DO NOTHING;
    RETURN true;
END $$;

-- Documents that were there before they were metered.
DO $$
DECLARE
    v_organization_id uuid;
BEGIN
    ALTER TABLE core.organizations NO FORCE ROW LEVEL SECURITY;
    FOR v_organization_id IN SELECT organization_id FROM core.organizations LOOP
        PERFORM set_config('app.organization_id', v_organization_id::text, true);
        INSERT INTO quota.usage_ledger (organization_id, hold_id, attempt, meter, feature, window_start, units)
        SELECT v_organization_id, d.document_id, -1, m.meter, 'ingestion', '1970-01-01 00:00+00',
               CASE m.meter WHEN 'documents' THEN 1 ELSE v.size_bytes END
          FROM knowledge.documents d
          JOIN knowledge.document_versions v
            ON v.organization_id = d.organization_id AND v.document_id = d.document_id
           AND v.version = d.active_version
         CROSS JOIN (VALUES ('documents'), ('storage_bytes')) AS m (meter)
         WHERE d.organization_id = v_organization_id AND d.deleted_at IS NULL
           AND (m.meter = 'documents' OR v.size_bytes > 0);
        INSERT INTO quota.windows (organization_id, subject, meter, window_start, window_end, committed)
        SELECT v_organization_id, v_organization_id, l.meter, l.window_start, '9999-12-31 00:00+00', sum(l.units)
          FROM quota.usage_ledger l WHERE l.organization_id = v_organization_id GROUP BY l.meter, l.window_start;
    END LOOP;
    PERFORM set_config('app.organization_id', '', true);
    ALTER TABLE core.organizations FORCE ROW LEVEL SECURITY;
END $$;

-- Work over all organizations --------------------------------------------------------------------------------
GRANT SELECT, UPDATE ON quota.windows TO footnote_definer;
GRANT SELECT, UPDATE, DELETE ON quota.holds TO footnote_definer;
GRANT SELECT, INSERT ON quota.cost_ledger TO footnote_definer;
GRANT SELECT ON quota.usage_ledger, quota.entitlements TO footnote_definer;
GRANT SELECT, INSERT, UPDATE, DELETE ON quota.outbox TO footnote_definer;
GRANT SELECT, DELETE ON quota.processed_events TO footnote_definer;
GRANT SELECT, INSERT, UPDATE ON quota.platform_windows TO footnote_definer;
GRANT SELECT, UPDATE ON quota.platform_budget TO footnote_definer;
CREATE POLICY definer ON quota.windows TO footnote_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON quota.holds TO footnote_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON quota.cost_ledger TO footnote_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON quota.usage_ledger TO footnote_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON quota.entitlements TO footnote_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON quota.outbox TO footnote_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON quota.processed_events TO footnote_definer USING (true) WITH CHECK (true);

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA quota FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA quota TO footnote_app, footnote_definer;

CREATE SCHEMA metering AUTHORIZATION footnote_definer;
GRANT USAGE ON SCHEMA metering TO footnote_jobs;
SET LOCAL ROLE footnote_definer;

-- Ends one hold whose time is over; false: there is none. One a transaction, so that no lock of one organization waits
-- for another's.
CREATE FUNCTION metering.expire_next(p_grace_s int) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_hold quota.holds;
BEGIN
    SELECT * INTO v_hold FROM quota.holds h
     WHERE h.state = 'open' AND h.expires_at < clock_timestamp() - make_interval(secs => p_grace_s)
     ORDER BY h.expires_at LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF v_hold.hold_id IS NULL THEN
        RETURN false;
    END IF;
    PERFORM quota.expire(v_hold);
    RETURN true;
END $$;

-- Forgets closed holds that no retry can ask for any more.
CREATE FUNCTION metering.purge_holds(p_limit int) RETURNS int
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH due AS (
        SELECT h.organization_id, h.hold_id FROM quota.holds h
         WHERE h.state <> 'open' AND h.keep_until < now()
         ORDER BY h.keep_until LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM quota.holds h USING due
         WHERE h.organization_id = due.organization_id AND h.hold_id = due.hold_id
        RETURNING h.hold_id
    )
    SELECT count(*)::int FROM gone
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA metering FROM PUBLIC;
GRANT EXECUTE ON FUNCTION metering.expire_next, metering.purge_holds TO footnote_jobs;
RESET ROLE;
