DROP FUNCTION metering.forget_sums, metering.add_up_next, metering.recount, metering.recount_next;
SET LOCAL ROLE footnote_definer;
CREATE OR REPLACE FUNCTION metering.review_platform_budget(p_by text DEFAULT 'budgeter', p_anew boolean DEFAULT false)
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
CREATE OR REPLACE FUNCTION metering.reconcile_organizations(p_after uuid, p_limit int) RETURNS jsonb
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
RESET ROLE;
CREATE OR REPLACE FUNCTION billing.review_budget(
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
DROP FUNCTION quota.summed_before, quota.add_levels, quota.add_parts;
DROP TABLE quota.member_days, quota.usage_parts, quota.sums;
DROP INDEX chat.messages_cached, chat.messages_answered, quota.windows_of_cost, quota.windows_recent,
    quota.cost_ledger_time, quota.usage_ledger_time;
CREATE INDEX windows_recent ON quota.windows (window_end);
