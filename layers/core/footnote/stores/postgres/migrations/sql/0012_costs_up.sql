-- What models cost the platform, and what an organization, or the platform, may spend in a month (reliability.md, l;
-- sections 16.1 and 16.2 of the reference document). Amounts are integers of micro-USD.

-- Prices -----------------------------------------------------------------------------------------------------
-- Versions are added and never changed: each row of a ledger names the one that it was counted by.
CREATE TABLE billing.price_versions (
    version int PRIMARY KEY CHECK (version > 0),
    note text NOT NULL CHECK (note <> ''),
    published_at timestamptz NOT NULL DEFAULT now()
);
-- Micro-USD for a million units of a model; `*`: of any other, '': of no model. `source` is where it was read, and when.
CREATE TABLE billing.prices (
    version int NOT NULL REFERENCES billing.price_versions,
    meter text NOT NULL CHECK (meter IN (
        'input_tokens', 'cached_tokens', 'output_tokens', 'embedding_tokens', 'rerank_calls', 'compute_ms')),
    model text NOT NULL,
    price bigint NOT NULL CHECK (price >= 0),
    source text NOT NULL CHECK (source <> ''),
    PRIMARY KEY (version, meter, model)
);
INSERT INTO billing.price_versions (version, note) VALUES
    (1, 'A small hosted model; instances of SageMaker on demand in us-east-1. List prices of 2026-11-22.');
INSERT INTO billing.prices (version, meter, model, price, source) VALUES
    (1, 'input_tokens', '*', 150000, 'USD 0.15 a million tokens, a small hosted model, 2026-11-22'),
    (1, 'cached_tokens', '*', 75000, 'USD 0.075 a million tokens, a small hosted model, 2026-11-22'),
    (1, 'output_tokens', '*', 600000, 'USD 0.60 a million tokens, a small hosted model, 2026-11-22'),
    (1, 'embedding_tokens', '*', 20000, 'USD 0.02 a million tokens, a small hosted model, 2026-11-22'),
    (1, 'rerank_calls', '*', 28333334, 'USD 0.204 an hour of ml.c6i.xlarge, half a second a call, 2026-11-22'),
    (1, 'compute_ms', '*', 391112, 'USD 1.408 an hour of ml.g5.xlarge / 3.6e6 ms, rounded up, 2026-11-22'),
    (1, 'compute_ms', '', 16667, 'USD 0.0000166667 a second of Lambda with 1 GB, 2026-11-22'),
    (1, 'input_tokens', 'extractive', 0, 'no model is asked'),
    (1, 'cached_tokens', 'extractive', 0, 'no model is asked'),
    (1, 'output_tokens', 'extractive', 0, 'no model is asked'),
    (1, 'compute_ms', 'extractive', 0, 'no model is asked');
CREATE TRIGGER published BEFORE UPDATE OR DELETE ON billing.price_versions
    FOR EACH ROW EXECUTE FUNCTION billing.refuse_change();
CREATE TRIGGER published BEFORE UPDATE OR DELETE ON billing.prices
    FOR EACH ROW EXECUTE FUNCTION billing.refuse_change();
GRANT SELECT ON billing.price_versions, billing.prices TO footnote_app;

-- Budgets ----------------------------------------------------------------------------------------------------
-- What an organization wants to spend in a month at most; no amount: it has none (any more). The limit of `hard_stop` is
-- kept in quota.entitlements, and so is the stage. An override holds the stage until its time, never the limit.
CREATE TABLE billing.budgets (
    organization_id uuid PRIMARY KEY REFERENCES core.organizations ON DELETE CASCADE,
    amount bigint CHECK (amount > 0),
    hard_stop boolean NOT NULL DEFAULT true,
    stop_on_projection boolean NOT NULL DEFAULT false,
    notify boolean NOT NULL DEFAULT true,
    override_stage text CHECK (override_stage IN ('normal', 'soft', 'hard', 'emergency')),
    override_until timestamptz,
    override_reason text,
    updated_by uuid,
    updated_at timestamptz NOT NULL DEFAULT quota.clock(),
    CHECK (num_nulls(override_stage, override_until, override_reason) IN (0, 3))
);
-- Everything that happened to a budget: who, when, from, to, why, and the figures of that moment.
CREATE TABLE billing.budget_events (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    number int NOT NULL CHECK (number > 0),
    kind text NOT NULL CHECK (kind IN ('budget', 'override', 'override_ended', 'stage')),
    user_id uuid,
    from_stage text,
    to_stage text,
    reason text NOT NULL,
    figures jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT quota.clock(),
    PRIMARY KEY (organization_id, number)
);

-- The same of the platform; the stage and the limit are in quota.platform_budget. `by_whom` is an operator.
CREATE TABLE billing.platform_budget (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    amount bigint CHECK (amount > 0),
    hard_stop boolean NOT NULL DEFAULT true,
    stop_on_projection boolean NOT NULL DEFAULT false,
    override_stage text CHECK (override_stage IN ('normal', 'soft', 'hard', 'emergency')),
    override_until timestamptz,
    override_reason text,
    CHECK (num_nulls(override_stage, override_until, override_reason) IN (0, 3))
);
INSERT INTO billing.platform_budget DEFAULT VALUES;
CREATE TABLE billing.platform_budget_events (
    number int PRIMARY KEY CHECK (number > 0),
    kind text NOT NULL CHECK (kind IN ('budget', 'override', 'override_ended', 'stage')),
    by_whom text NOT NULL,
    from_stage text,
    to_stage text,
    reason text NOT NULL,
    figures jsonb NOT NULL,
    at timestamptz NOT NULL DEFAULT quota.clock()
);
CREATE TRIGGER recorded BEFORE UPDATE OR DELETE ON billing.platform_budget_events
    FOR EACH ROW EXECUTE FUNCTION billing.refuse_change();

DO $$
DECLARE
    target regclass;
BEGIN
    FOREACH target IN ARRAY '{billing.budgets, billing.budget_events}'::regclass[] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
        EXECUTE format(
            'CREATE POLICY tenant ON %s USING (organization_id = core.current_organization())'
            ' WITH CHECK (organization_id = core.current_organization())', target);
        EXECUTE format('CREATE POLICY definer ON %s TO footnote_definer USING (true) WITH CHECK (true)', target);
    END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE ON billing.budgets TO footnote_app;
GRANT SELECT, INSERT ON billing.budget_events TO footnote_app;
GRANT SELECT, UPDATE ON billing.budgets, billing.platform_budget TO footnote_definer;
GRANT SELECT, INSERT ON billing.budget_events, billing.platform_budget_events TO footnote_definer;
GRANT UPDATE ON quota.entitlements TO footnote_definer;

-- Stages -----------------------------------------------------------------------------------------------------
-- What the month will have cost if it goes on as it went so far. Nothing is said in its first three days, and in the
-- first tenth of it: one busy day would speak for the month.
CREATE FUNCTION billing.projection(p_spent bigint, p_start timestamptz, p_end timestamptz) RETURNS bigint
    LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN quota.clock() - p_start >= greatest(interval '3 days', (p_end - p_start) / 10)
                THEN ceil(p_spent * extract(epoch FROM p_end - p_start)
                          / extract(epoch FROM quota.clock() - p_start))::bigint END
$$;

-- The stage that figures amount to. Without a hard stop what was spent closes nothing.
CREATE FUNCTION billing.stage_of(
    p_amount bigint, p_spent bigint, p_projected bigint, p_hard_stop boolean, p_stop_on_projection boolean
) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN p_amount IS NULL THEN 'normal'
        WHEN p_hard_stop AND p_spent >= p_amount THEN 'emergency'
        WHEN p_stop_on_projection AND p_projected::numeric * 100 > p_amount::numeric * 110 THEN 'emergency'
        WHEN p_spent >= p_amount OR p_projected > p_amount THEN 'hard'
        WHEN greatest(p_spent, p_projected)::numeric * 100 > p_amount::numeric * 90 THEN 'soft'
        ELSE 'normal' END
$$;

-- The stage after p_stage. A projection rises with each request and falls between them: a lower stage comes only when a
-- projection twenty times in twenty-one as high allows it.
CREATE FUNCTION billing.next_stage(
    p_stage text, p_amount bigint, p_spent bigint, p_projected bigint, p_hard_stop boolean,
    p_stop_on_projection boolean
) RETURNS text
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN array_position(r.ranks, now) >= array_position(r.ranks, p_stage) THEN now
        WHEN array_position(r.ranks, lower) < array_position(r.ranks, p_stage) THEN lower
        ELSE p_stage END
      FROM (SELECT '{normal,soft,hard,emergency}'::text[] AS ranks,
                   billing.stage_of(p_amount, p_spent, p_projected, p_hard_stop, p_stop_on_projection) AS now,
                   billing.stage_of(p_amount, p_spent, p_projected + p_projected / 20, p_hard_stop,
                                    p_stop_on_projection) AS lower) r
$$;

-- An organization's budget as it stands.
CREATE FUNCTION billing.budget_of(p_organization_id uuid) RETURNS jsonb
    LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'amount', b.amount, 'hard_stop', b.hard_stop, 'stop_on_projection', b.stop_on_projection,
        'notify', b.notify, 'stage', coalesce(e.stage, 'normal'),
        'override_stage', b.override_stage, 'override_until', b.override_until,
        'override_reason', b.override_reason, 'updated_at', b.updated_at,
        'window_start', t.window_start, 'window_end', t.window_end,
        'spent', coalesce(w.committed, 0), 'reserved', coalesce(w.reserved, 0),
        'projected', billing.projection(coalesce(w.committed, 0), t.window_start, t.window_end))
      FROM billing.budgets b
      LEFT JOIN quota.entitlements e ON e.organization_id = b.organization_id
     CROSS JOIN LATERAL (SELECT coalesce(e.time_zone, 'UTC') AS zone) z
     CROSS JOIN LATERAL (
           SELECT s AS window_start, quota.window_end('cost', s, z.zone) AS window_end
             FROM quota.window_start('cost', z.zone) s) t
      LEFT JOIN quota.windows w
        ON w.organization_id = b.organization_id AND w.subject = b.organization_id AND w.meter = 'cost'
       AND w.window_start = t.window_start
     WHERE b.organization_id = p_organization_id
$$;

-- The next number is safe: whoever records holds the budget's row.
CREATE FUNCTION billing.record_budget_event(
    p_organization_id uuid, p_kind text, p_user_id uuid, p_from text, p_to text, p_reason text, p_figures jsonb
) RETURNS int
    LANGUAGE sql AS $$
    INSERT INTO billing.budget_events (organization_id, number, kind, user_id, from_stage, to_stage, reason, figures)
    SELECT p_organization_id, 1 + coalesce(max(e.number), 0), p_kind, p_user_id, p_from, p_to, p_reason, p_figures
      FROM billing.budget_events e WHERE e.organization_id = p_organization_id
    RETURNING number
$$;

-- Brings the stage to where the figures are, and tells of it; p_anew: whatever it was before. Returns the budget.
CREATE FUNCTION billing.review_budget(
    p_organization_id uuid, p_user_id uuid DEFAULT NULL, p_anew boolean DEFAULT false
) RETURNS jsonb
    LANGUAGE plpgsql AS $$
DECLARE
    v_budget billing.budgets;
    v_now jsonb;
    v_stage text;
    v_next text;
    v_number int;
BEGIN
    SELECT * INTO v_budget FROM billing.budgets b WHERE b.organization_id = p_organization_id FOR UPDATE;
    SELECT e.stage INTO v_stage FROM quota.entitlements e WHERE e.organization_id = p_organization_id FOR UPDATE;
    IF v_budget.organization_id IS NULL OR v_stage IS NULL THEN
        RETURN NULL;
    END IF;
    v_now := billing.budget_of(p_organization_id);
    IF v_budget.override_until <= quota.clock() THEN
        UPDATE billing.budgets b SET override_stage = NULL, override_until = NULL, override_reason = NULL
         WHERE b.organization_id = p_organization_id;
        PERFORM billing.record_budget_event(
            p_organization_id, 'override_ended', NULL, NULL, NULL, 'its time is over', v_now);
        v_budget.override_stage := NULL;
        p_anew := true;
    END IF;
    v_next := coalesce(v_budget.override_stage, billing.next_stage(
        CASE WHEN p_anew THEN 'normal' ELSE v_stage END, v_budget.amount, (v_now ->> 'spent')::bigint,
        (v_now ->> 'projected')::bigint, v_budget.hard_stop, v_budget.stop_on_projection));
    IF v_next <> v_stage THEN
        UPDATE quota.entitlements e SET stage = v_next, updated_at = quota.clock()
         WHERE e.organization_id = p_organization_id;
        v_number := billing.record_budget_event(
            p_organization_id, 'stage', p_user_id, v_stage, v_next,
            coalesce(v_budget.override_reason, 'what was spent and is projected'), v_now);
        INSERT INTO quota.outbox (organization_id, event_id, topic, payload)
        SELECT p_organization_id, format('budget.stage:%s', v_number), 'budget.stage',
               jsonb_build_object('stage', v_next, 'from', v_stage, 'spent', v_now -> 'spent', 'limit', v_now -> 'amount',
                                  'projected', v_now -> 'projected', 'window_start', v_now -> 'window_start')
         WHERE v_budget.notify;
    END IF;
    -- With a hard stop the window has a limit, whose warnings quota writes at once.
    INSERT INTO quota.outbox (organization_id, event_id, topic, payload)
    SELECT p_organization_id,
           format('budget.threshold:%s:%s:%s', v_now ->> 'window_start', v_budget.amount, t), 'budget.threshold',
           jsonb_build_object('threshold', t, 'spent', v_now -> 'spent', 'limit', v_now -> 'amount',
                              'window_start', v_now -> 'window_start')
      FROM unnest('{50,80,100}'::int[]) t
     WHERE v_budget.notify AND NOT v_budget.hard_stop
       AND (v_now ->> 'spent')::numeric * 100 >= v_budget.amount::numeric * t
    ON CONFLICT DO NOTHING;
    RETURN billing.budget_of(p_organization_id);
END $$;

-- Sets the budget of the current organization, without an amount: removes it. The hard stop holds for every reservation
-- from then on.
CREATE FUNCTION billing.set_budget(
    p_amount bigint, p_hard_stop boolean, p_stop_on_projection boolean, p_notify boolean, p_reason text,
    p_default_plan text
) RETURNS jsonb
    LANGUAGE plpgsql AS $$
DECLARE
    v_organization_id constant uuid := core.current_organization();
    v_limit constant bigint := CASE WHEN p_hard_stop THEN p_amount END;
    v_before jsonb;
BEGIN
    INSERT INTO billing.budgets (organization_id) VALUES (v_organization_id) ON CONFLICT DO NOTHING;
    PERFORM FROM billing.budgets b WHERE b.organization_id = v_organization_id FOR UPDATE;
    -- Whoever has subscribed to nothing keeps the terms that hold now.
    INSERT INTO quota.entitlements (organization_id, plan, plan_version, limits, rates, features)
    SELECT v_organization_id, p.plan, p.version, p.limits, p.rates, p.features FROM quota.plans p
     WHERE p.plan = p_default_plan ORDER BY p.version DESC LIMIT 1
    ON CONFLICT DO NOTHING;
    v_before := billing.budget_of(v_organization_id);
    UPDATE billing.budgets b
       SET amount = p_amount, hard_stop = p_hard_stop, stop_on_projection = p_stop_on_projection, notify = p_notify,
           override_stage = CASE WHEN p_amount IS NOT NULL THEN b.override_stage END,
           override_until = CASE WHEN p_amount IS NOT NULL THEN b.override_until END,
           override_reason = CASE WHEN p_amount IS NOT NULL THEN b.override_reason END,
           updated_by = core.current_member(), updated_at = quota.clock()
     WHERE b.organization_id = v_organization_id;
    UPDATE quota.entitlements e SET cost_limit = v_limit, updated_at = quota.clock()
     WHERE e.organization_id = v_organization_id;
    -- Waits for the reservations that were let in under the limit before.
    UPDATE quota.windows w SET lim = v_limit
     WHERE w.organization_id = v_organization_id AND w.subject = v_organization_id AND w.meter = 'cost'
       AND w.window_end > quota.clock();
    PERFORM billing.record_budget_event(
        v_organization_id, 'budget', core.current_member(), NULL, NULL, p_reason,
        jsonb_build_object('from', v_before, 'to', billing.budget_of(v_organization_id)));
    RETURN billing.review_budget(v_organization_id, core.current_member(), true);
END $$;

-- Holds the stage until a time; without a stage: ends that. Null: there is no budget.
CREATE FUNCTION billing.override_budget(p_stage text, p_until timestamptz, p_reason text) RETURNS jsonb
    LANGUAGE plpgsql AS $$
DECLARE
    v_organization_id constant uuid := core.current_organization();
    v_before text;
BEGIN
    SELECT b.override_stage INTO v_before FROM billing.budgets b
     WHERE b.organization_id = v_organization_id AND b.amount IS NOT NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    UPDATE billing.budgets b
       SET override_stage = p_stage, override_until = p_until,
           override_reason = CASE WHEN p_stage IS NOT NULL THEN p_reason END
     WHERE b.organization_id = v_organization_id;
    PERFORM billing.record_budget_event(
        v_organization_id, 'override', core.current_member(), v_before, p_stage, p_reason,
        billing.budget_of(v_organization_id));
    RETURN billing.review_budget(v_organization_id, core.current_member(), true);
END $$;

REVOKE ALL ON FUNCTION billing.projection, billing.stage_of, billing.next_stage, billing.budget_of,
    billing.record_budget_event, billing.review_budget, billing.set_budget, billing.override_budget FROM PUBLIC;
GRANT EXECUTE ON FUNCTION billing.projection, billing.stage_of, billing.next_stage, billing.budget_of,
    billing.record_budget_event, billing.review_budget TO footnote_app, footnote_definer;
GRANT EXECUTE ON FUNCTION billing.set_budget, billing.override_budget TO footnote_app;

-- Over all organizations, and of the platform ----------------------------------------------------------------
SET LOCAL ROLE footnote_definer;

-- Reviews the budget of the first organization after p_after; null: there is none. One a transaction.
CREATE FUNCTION metering.review_next_budget(p_after uuid) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_organization_id uuid;
    v_before text;
    v_now jsonb;
BEGIN
    SELECT b.organization_id, e.stage INTO v_organization_id, v_before
      FROM billing.budgets b JOIN quota.entitlements e USING (organization_id)
     WHERE b.amount IS NOT NULL AND (p_after IS NULL OR b.organization_id > p_after)
     ORDER BY b.organization_id LIMIT 1;
    IF v_organization_id IS NULL THEN
        RETURN NULL;
    END IF;
    v_now := billing.review_budget(v_organization_id);
    RETURN jsonb_build_object(
        'organization_id', v_organization_id, 'from', v_before, 'stage', coalesce(v_now ->> 'stage', v_before));
END $$;

CREATE FUNCTION metering.platform_budget() RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'amount', b.amount, 'hard_stop', b.hard_stop, 'stop_on_projection', b.stop_on_projection,
        'stage', q.stage, 'override_stage', b.override_stage, 'override_until', b.override_until,
        'override_reason', b.override_reason, 'window_start', m.s, 'window_end', m.e,
        'spent', w.committed, 'reserved', w.reserved, 'projected', billing.projection(w.committed, m.s, m.e))
      FROM billing.platform_budget b CROSS JOIN quota.platform_budget q
     CROSS JOIN LATERAL (SELECT date_trunc('month', quota.clock(), 'UTC') AS s,
                                quota.window_end('cost', date_trunc('month', quota.clock(), 'UTC'), 'UTC') AS e) m
     CROSS JOIN LATERAL (SELECT coalesce(sum(p.committed), 0)::bigint AS committed,
                                coalesce(sum(p.reserved), 0)::bigint AS reserved
                           FROM quota.platform_windows p WHERE p.window_start = m.s) w
$$;

CREATE FUNCTION metering.record_platform_event(
    p_kind text, p_by text, p_from text, p_to text, p_reason text, p_figures jsonb
) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO billing.platform_budget_events (number, kind, by_whom, from_stage, to_stage, reason, figures)
    SELECT 1 + coalesce(max(e.number), 0), p_kind, p_by, p_from, p_to, p_reason, p_figures
      FROM billing.platform_budget_events e
$$;

CREATE FUNCTION metering.review_platform_budget(p_by text DEFAULT 'budgeter', p_anew boolean DEFAULT false)
    RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_budget billing.platform_budget;
    v_now jsonb;
    v_stage text;
    v_next text;
BEGIN
    SELECT * INTO v_budget FROM billing.platform_budget FOR UPDATE;
    v_now := metering.platform_budget();
    v_stage := v_now ->> 'stage';
    IF v_budget.override_until <= quota.clock() THEN
        UPDATE billing.platform_budget SET override_stage = NULL, override_until = NULL, override_reason = NULL;
        PERFORM metering.record_platform_event('override_ended', p_by, NULL, NULL, 'its time is over', v_now);
        v_budget.override_stage := NULL;
        p_anew := true;
    END IF;
    v_next := coalesce(v_budget.override_stage, billing.next_stage(
        CASE WHEN p_anew THEN 'normal' ELSE v_stage END, v_budget.amount, (v_now ->> 'spent')::bigint,
        (v_now ->> 'projected')::bigint, v_budget.hard_stop, v_budget.stop_on_projection));
    IF v_next <> v_stage THEN
        UPDATE quota.platform_budget SET stage = v_next, updated_at = quota.clock();
        PERFORM metering.record_platform_event(
            'stage', p_by, v_stage, v_next, coalesce(v_budget.override_reason, 'what was spent and is projected'),
            v_now);
    END IF;
    RETURN metering.platform_budget() || jsonb_build_object('from', v_stage);
END $$;

-- Without an amount: removes it.
CREATE FUNCTION metering.set_platform_budget(
    p_amount bigint, p_hard_stop boolean, p_stop_on_projection boolean, p_by text, p_reason text
) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_before jsonb;
BEGIN
    PERFORM FROM billing.platform_budget FOR UPDATE;
    v_before := metering.platform_budget();
    UPDATE billing.platform_budget b
       SET amount = p_amount, hard_stop = p_hard_stop, stop_on_projection = p_stop_on_projection;
    PERFORM quota.set_platform_budget(CASE WHEN p_hard_stop THEN p_amount END);
    PERFORM metering.record_platform_event(
        'budget', p_by, NULL, NULL, p_reason,
        jsonb_build_object('from', v_before, 'to', metering.platform_budget()));
    RETURN metering.review_platform_budget(p_by, true);
END $$;

-- Holds the stage until a time; without a stage: ends that.
CREATE FUNCTION metering.override_platform_budget(p_stage text, p_until timestamptz, p_by text, p_reason text)
    RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_before text;
BEGIN
    SELECT b.override_stage INTO v_before FROM billing.platform_budget b FOR UPDATE;
    UPDATE billing.platform_budget
       SET override_stage = p_stage, override_until = p_until,
           override_reason = CASE WHEN p_stage IS NOT NULL THEN p_reason END;
    PERFORM metering.record_platform_event('override', p_by, v_before, p_stage, p_reason, metering.platform_budget());
    RETURN metering.review_platform_budget(p_by, true);
END $$;

-- What all organizations cost together, from a moment to another, by organization, model, feature or component.
CREATE FUNCTION metering.costs(p_group_by text, p_from timestamptz, p_until timestamptz)
    RETURNS TABLE (key text, billed bigint, unbilled bigint, messages bigint)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.key, sum(e.billed)::bigint, sum(e.unbilled)::bigint, sum(e.messages)::bigint
      FROM (SELECT CASE p_group_by WHEN 'organization' THEN u.organization_id::text WHEN 'model' THEN nullif(u.model, '')
                                   WHEN 'feature' THEN u.feature ELSE u.meter END AS key,
                   u.cost_micro_usd AS billed, 0 AS unbilled,
                   CASE WHEN u.meter = 'messages' THEN u.units ELSE 0 END AS messages
              FROM quota.usage_ledger u WHERE u.at >= p_from AND u.at < p_until
             UNION ALL
            SELECT CASE p_group_by WHEN 'organization' THEN c.organization_id::text WHEN 'feature' THEN c.feature END,
                   0, c.cost_micro_usd, 0
              FROM quota.cost_ledger c WHERE c.at >= p_from AND c.at < p_until) e
     GROUP BY e.key HAVING sum(e.billed) <> 0 OR sum(e.unbilled) <> 0 OR sum(e.messages) <> 0
     ORDER BY sum(e.billed) + sum(e.unbilled) DESC, e.key
$$;

REVOKE ALL ON FUNCTION metering.costs, metering.review_next_budget, metering.platform_budget, metering.record_platform_event,
    metering.review_platform_budget, metering.set_platform_budget, metering.override_platform_budget FROM PUBLIC;
GRANT EXECUTE ON FUNCTION metering.costs, metering.review_next_budget, metering.platform_budget, metering.review_platform_budget,
    metering.set_platform_budget, metering.override_platform_budget TO footnote_jobs;
RESET ROLE;
