-- Windows as before: those that are open end where they would have ended.
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
REVOKE ALL ON FUNCTION quota.window_start(text, text), quota.window_end(text, timestamptz, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quota.window_start(text, text), quota.window_end(text, timestamptz, text)
    TO footnote_app, footnote_definer;
CREATE OR REPLACE FUNCTION quota.reserve(
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
CREATE OR REPLACE FUNCTION quota.adjust(p_event_id uuid, p_feature text, p_meters text[], p_units bigint[]) RETURNS boolean
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
CREATE OR REPLACE FUNCTION billing.change_time_zone(p_time_zone text) RETURNS void LANGUAGE plpgsql AS $$
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
CREATE OR REPLACE FUNCTION billing.budget_of(p_organization_id uuid) RETURNS jsonb
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
SET LOCAL ROLE footnote_definer;
CREATE OR REPLACE FUNCTION metering.platform_budget() RETURNS jsonb
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
CREATE OR REPLACE FUNCTION metering.expire_next(p_grace_s int) RETURNS boolean
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
RESET ROLE;

DROP FUNCTION quota.make_windows, quota.change_calendar, quota.turning_point, quota.calendar_of, quota.period_end,
    quota.window_start(text, quota.calendar), quota.window_end(text, quota.calendar);
DROP TYPE quota.calendar;
ALTER TABLE quota.entitlements
    DROP COLUMN month_start, DROP COLUMN month_end, DROP COLUMN day_start, DROP COLUMN day_end;
