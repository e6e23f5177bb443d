-- The windows of a meter are a chain: each begins where the one before ended, also where the organization's time zone
-- changes. A change shortens or lengthens the window that is open, and never makes one of less than half of its period.
-- Otherwise a move to the west would give a window of some hours, with the full limits, beside that of the month.

-- The windows of months and of days that were open when the time zone changed last; what the new one says of them holds
-- from their ends on.
ALTER TABLE quota.entitlements
    ADD COLUMN month_start timestamptz,
    ADD COLUMN month_end timestamptz,
    ADD COLUMN day_start timestamptz,
    ADD COLUMN day_end timestamptz;

-- The end of the month or day (p_unit) of a time zone in which p_at lies. From midnight, by name: where clocks go forward
-- at midnight a day begins at one o'clock, and the next one does not.
CREATE FUNCTION quota.period_end(p_unit text, p_at timestamptz, p_time_zone text) RETURNS timestamptz
    LANGUAGE sql STABLE AS $$
    SELECT (date_trunc(p_unit, p_at AT TIME ZONE p_time_zone)
            + CASE p_unit WHEN 'day' THEN interval '1 day' ELSE interval '1 month' END) AT TIME ZONE p_time_zone
$$;

-- The windows of an organization that are open now.
CREATE TYPE quota.calendar AS (
    time_zone text, month_start timestamptz, month_end timestamptz, day_start timestamptz, day_end timestamptz);

-- One row; declared as a set, so that queries take it in.
CREATE FUNCTION quota.calendar_of(p_organization_id uuid) RETURNS SETOF quota.calendar
    LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT z.zone,
           CASE WHEN z.now < e.month_end THEN e.month_start ELSE date_trunc('month', z.now, z.zone) END,
           CASE WHEN z.now < e.month_end THEN e.month_end ELSE quota.period_end('month', z.now, z.zone) END,
           CASE WHEN z.now < e.day_end THEN e.day_start ELSE date_trunc('day', z.now, z.zone) END,
           CASE WHEN z.now < e.day_end THEN e.day_end ELSE quota.period_end('day', z.now, z.zone) END
      FROM (SELECT) one
      LEFT JOIN quota.entitlements e ON e.organization_id = p_organization_id
     CROSS JOIN LATERAL (SELECT coalesce(e.time_zone, 'UTC') AS zone, quota.clock() AS now) z
$$;

CREATE FUNCTION quota.window_start(p_meter text, p_calendar quota.calendar) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN p_meter IN ('storage_bytes', 'documents', 'concurrent_requests') THEN '1970-01-01 00:00+00'::timestamptz
        WHEN p_meter = 'api_calls' THEN (p_calendar).day_start
        ELSE (p_calendar).month_start END
$$;
CREATE FUNCTION quota.window_end(p_meter text, p_calendar quota.calendar) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN p_meter IN ('storage_bytes', 'documents', 'concurrent_requests') THEN '9999-12-31 00:00+00'::timestamptz
        WHEN p_meter = 'api_calls' THEN (p_calendar).day_end
        ELSE (p_calendar).month_end END
$$;
DROP FUNCTION quota.window_start(text, text), quota.window_end(text, timestamptz, text);

-- Where the window that began at p_start ends if the time zone changes: at the first end of a month or day of the new one
-- that does not come before the change is due (p_from), nor before half of the window's period is over.
CREATE FUNCTION quota.turning_point(
    p_unit text, p_start timestamptz, p_from timestamptz, p_before text, p_after text
) RETURNS timestamptz
    LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN date_trunc(p_unit, t.at, p_after) >= t.at THEN date_trunc(p_unit, t.at, p_after)
                ELSE quota.period_end(p_unit, t.at, p_after) END
      FROM (SELECT ((p_start AT TIME ZONE p_before) + ('1 ' || p_unit)::interval) AT TIME ZONE p_before AS at) e
     CROSS JOIN LATERAL (
           SELECT greatest(p_from, p_start + make_interval(secs => extract(epoch FROM e.at - p_start)::float8 / 2)) AS at) t
$$;

-- The calendar after a change that is due at p_from, whenever it is made: an end may be over already.
CREATE FUNCTION quota.change_calendar(p_calendar quota.calendar, p_time_zone text, p_from timestamptz)
    RETURNS quota.calendar
    LANGUAGE sql STABLE AS $$
    SELECT p_time_zone,
           c.month_start, quota.turning_point('month', c.month_start, p_from, c.time_zone, p_time_zone),
           c.day_start, quota.turning_point('day', c.day_start, p_from, c.time_zone, p_time_zone)
      FROM (SELECT (p_calendar).*) c
$$;

-- Makes the windows of lines that have none. A time zone that changes in this moment (billing.change_time_zone) either
-- finds the new rows, or says when they end. A window that has ended by that did so where the next one began.
CREATE FUNCTION quota.make_windows(p_organization_id uuid, p_lines quota.line[]) RETURNS void
    LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('quota.calendar:' || p_organization_id::text, 0));
    INSERT INTO quota.windows (organization_id, subject, meter, window_start, window_end)
    SELECT p_organization_id, l.subject, l.meter, l.window_start,
           CASE WHEN l.window_start < quota.window_start(l.meter, c) THEN quota.window_start(l.meter, c)
                ELSE quota.window_end(l.meter, c) END
      FROM quota.calendar_of(p_organization_id) c, unnest(p_lines) l
     ORDER BY l.subject, l.meter, l.window_start
    ON CONFLICT DO NOTHING;
END $$;

REVOKE ALL ON FUNCTION quota.calendar_of, quota.period_end, quota.window_start, quota.window_end, quota.turning_point,
    quota.change_calendar, quota.make_windows FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quota.calendar_of, quota.period_end, quota.window_start, quota.window_end, quota.turning_point,
    quota.change_calendar, quota.make_windows TO footnote_app, footnote_definer;

-- Another time zone, which is due since the profile's `time_zone_from`. The windows that are open keep what they count and
-- what was warned of; they end where those of the new time zone begin. What was used after that stays with them.
CREATE OR REPLACE FUNCTION billing.change_time_zone(p_time_zone text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_organization_id constant uuid := core.current_organization();
    v_from constant timestamptz := coalesce(
        (SELECT p.time_zone_from FROM billing.profiles p WHERE p.organization_id = v_organization_id), quota.clock());
    v_calendar quota.calendar;
BEGIN
    -- Waits for those who make windows, and keeps others waiting.
    PERFORM pg_advisory_xact_lock(hashtextextended('quota.calendar:' || v_organization_id::text, 0));
    -- Terms before windows, as everybody who changes both.
    PERFORM FROM quota.entitlements e WHERE e.organization_id = v_organization_id FOR NO KEY UPDATE;
    SELECT n.* INTO v_calendar
      FROM quota.calendar_of(v_organization_id) c, quota.change_calendar(c, p_time_zone, v_from) n;
    UPDATE quota.entitlements e
       SET time_zone = v_calendar.time_zone, month_start = v_calendar.month_start, month_end = v_calendar.month_end,
           day_start = v_calendar.day_start, day_end = v_calendar.day_end, updated_at = now()
     WHERE e.organization_id = v_organization_id;
    PERFORM FROM quota.windows w
     WHERE w.organization_id = v_organization_id AND w.window_start = quota.window_start(w.meter, v_calendar)
       AND w.window_end < '9999-01-01'
     ORDER BY w.subject, w.meter, w.window_start FOR NO KEY UPDATE;
    UPDATE quota.windows w SET window_end = quota.window_end(w.meter, v_calendar)
     WHERE w.organization_id = v_organization_id AND w.window_start = quota.window_start(w.meter, v_calendar)
       AND w.window_end < '9999-01-01';
    UPDATE billing.profiles p SET time_zone_from = NULL WHERE p.organization_id = v_organization_id;
END $$;

CREATE OR REPLACE FUNCTION quota.reserve(
    p_hold_id uuid, p_request_hash bytea, p_feature text, p_meters text[], p_units bigint[],
    p_ttl_s int, p_dispatched boolean, p_default_plan text, p_call_id uuid DEFAULT NULL
) RETURNS jsonb
    LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_organization_id constant uuid := core.current_organization();
    v_user_id constant uuid := core.current_member();
    v_calendar quota.calendar;
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
    SELECT c.* INTO v_calendar FROM quota.calendar_of(v_organization_id) c;
    -- The windows: the organization's, and the member's where they are counted.
    SELECT array_agg(ROW(s.subject, s.meter, s.window_start, s.units)::quota.line
                     ORDER BY s.subject, s.meter, s.window_start),
           max(s.units) FILTER (WHERE s.meter = 'cost' AND s.subject = v_organization_id),
           -- A change of the time zone can move the end of an open window by that of the earth: 26 hours.
           greatest(clock_timestamp() + interval '48 hours',
                    max(s.window_end) FILTER (WHERE s.window_end < '9999-01-01') + interval '26 hours')
      INTO v_lines, v_cost, v_keep_until
      FROM (SELECT t.subject, r.meter, r.window_start, r.units,
                   quota.window_end(r.meter, v_calendar) AS window_end
              FROM (SELECT r.meter, r.units, quota.window_start(r.meter, v_calendar) AS window_start
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
    IF EXISTS (SELECT FROM unnest(v_lines) l
                WHERE NOT EXISTS (SELECT FROM quota.windows w
                                   WHERE w.organization_id = v_organization_id AND w.subject = l.subject
                                     AND w.meter = l.meter AND w.window_start = l.window_start)) THEN
        PERFORM quota.make_windows(v_organization_id, v_lines);
    END IF;
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
    v_calendar quota.calendar;
    v_lines quota.line[];
    v_recorded int;
BEGIN
    SELECT c.* INTO v_calendar FROM quota.calendar_of(v_organization_id) c;
    SELECT array_agg(ROW(v_organization_id, u.meter, quota.window_start(u.meter, v_calendar), 0)::quota.line
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
    PERFORM quota.make_windows(v_organization_id, v_lines);
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
     CROSS JOIN LATERAL quota.calendar_of(b.organization_id) c
     CROSS JOIN LATERAL (
           SELECT s AS window_start, quota.window_end('cost', c) AS window_end
             FROM quota.window_start('cost', c) s) t
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
                                quota.period_end('month', quota.clock(), 'UTC') AS e) m
     CROSS JOIN LATERAL (SELECT coalesce(sum(p.committed), 0)::bigint AS committed,
                                coalesce(sum(p.reserved), 0)::bigint AS reserved
                           FROM quota.platform_windows p WHERE p.window_start = m.s) w
$$;

-- Ends one hold whose time is over; false: there is none. One that cannot be ended keeps no other waiting.
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
    BEGIN
        PERFORM quota.expire(v_hold);
    EXCEPTION WHEN integrity_constraint_violation THEN
        -- Its windows are not what its lines say, which reconciliation tells: it is tried again in an hour.
        RAISE WARNING 'hold % cannot be ended: %', v_hold.hold_id, SQLERRM;
        UPDATE quota.holds h SET expires_at = clock_timestamp() + interval '1 hour'
         WHERE h.organization_id = v_hold.organization_id AND h.hold_id = v_hold.hold_id;
    END;
    RETURN true;
END $$;
RESET ROLE;
