-- Ledgers of tens of millions of rows: what is final is added up once, and whoever asks adds what came since.

-- Rows come in the order of time: a few pages tell where a month lies, and a new row costs next to nothing.
CREATE INDEX usage_ledger_time ON quota.usage_ledger USING brin (at) WITH (pages_per_range = 32, autosummarize = on);
CREATE INDEX cost_ledger_time ON quota.cost_ledger USING brin (at) WITH (pages_per_range = 32, autosummarize = on);
-- An organization's open windows, without those of its past; and all of its own costs, without those of other meters.
DROP INDEX quota.windows_recent;
CREATE INDEX windows_recent ON quota.windows (organization_id, window_end);
CREATE INDEX windows_of_cost ON quota.windows (organization_id) WHERE meter = 'cost' AND subject = organization_id;
-- Answers of some days, and those of them that a cache gave.
CREATE INDEX messages_answered ON chat.messages (organization_id, created_at) WHERE actor = 'assistant';
CREATE INDEX messages_cached ON chat.messages (organization_id, created_at)
    WHERE actor = 'assistant' AND metadata ->> 'cached' = 'true';

-- Sums ---------------------------------------------------------------------------------------------------
-- How far an organization's ledger is added up. Rows of transactions below a bound are final: those have ended, and no
-- row of theirs can come any more. `levels` are the sums of meters without an end, by meter, below `levels_before`. Of the
-- rows there, `waiting` lie behind `before`: below that they are in the tables that follow, which are worth it only for
-- ledgers that are long. `counted_at`: when the whole ledger was last counted, and everything agreed.
CREATE TABLE quota.sums (
    organization_id uuid PRIMARY KEY REFERENCES core.organizations ON DELETE CASCADE,
    levels_before xid8 NOT NULL DEFAULT '0',
    levels jsonb NOT NULL DEFAULT '{}',
    before xid8 NOT NULL DEFAULT '0',
    waiting bigint NOT NULL DEFAULT 0,
    counted_at timestamptz
);
-- The rows below `before` by quarters of an hour: days of every time zone begin with one. `entries` are rows, `requests`
-- holds, each in one of its rows.
CREATE TABLE quota.usage_parts (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    part timestamptz NOT NULL,
    meter text NOT NULL,
    model text NOT NULL,
    feature text NOT NULL,
    units bigint NOT NULL,
    cost_micro_usd bigint NOT NULL,
    entries bigint NOT NULL,
    requests bigint NOT NULL,
    PRIMARY KEY (organization_id, part, meter, model, feature)
);
-- The same rows by members (the zero id: nobody) and days of UTC. The days of another time zone begin and end within them:
-- what lies there is read from the ledger.
CREATE TABLE quota.member_days (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    day date NOT NULL,
    user_id uuid NOT NULL,
    meter text NOT NULL,
    units bigint NOT NULL,
    cost_micro_usd bigint NOT NULL,
    PRIMARY KEY (organization_id, day, user_id, meter)
);

DO $$
DECLARE
    target regclass;
BEGIN
    FOREACH target IN ARRAY '{quota.sums, quota.usage_parts, quota.member_days}'::regclass[] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
        EXECUTE format(
            'CREATE POLICY tenant ON %s USING (organization_id = core.current_organization())'
            ' WITH CHECK (organization_id = core.current_organization())', target);
        EXECUTE format('CREATE POLICY definer ON %s TO footnote_definer USING (true) WITH CHECK (true)', target);
        EXECUTE format('GRANT SELECT ON %s TO footnote_app', target);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO footnote_definer', target);
    END LOOP;
END $$;

-- Below which transaction an organization's ledger is added up; 0: it is not, or was in another database.
CREATE FUNCTION quota.summed_before(p_organization_id uuid) RETURNS xid8 LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT s.before FROM quota.sums s
                      WHERE s.organization_id = p_organization_id
                        AND s.before <= pg_snapshot_xmin(pg_current_snapshot())), '0'::xid8)
$$;

-- Adds what the ledger has got below p_settled to the levels. Whoever calls holds the row of sums.
CREATE FUNCTION quota.add_levels(p_sums quota.sums, p_settled xid8) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_levels jsonb;
    v_count bigint;
BEGIN
    IF p_sums.levels_before = '0' THEN
        SELECT jsonb_object_agg(r.meter, r.units) INTO v_levels
          FROM (SELECT l.meter, sum(l.units)::bigint AS units FROM quota.usage_ledger l
                 WHERE l.organization_id = p_sums.organization_id AND l.txid < p_settled
                   AND l.meter IN ('storage_bytes', 'documents', 'concurrent_requests')
                   AND l.window_start = '1970-01-01 00:00+00' GROUP BY l.meter) r;
        SELECT count(*) INTO v_count FROM quota.usage_ledger l
         WHERE l.organization_id = p_sums.organization_id AND l.txid < p_settled;
    ELSE
        SELECT jsonb_object_agg(r.meter, coalesce((p_sums.levels ->> r.meter)::bigint, 0) + r.units)
                   FILTER (WHERE r.is_level),
               coalesce(sum(r.count), 0)
          INTO v_levels, v_count
          FROM (SELECT l.meter, l.window_start = '1970-01-01 00:00+00' AS is_level, sum(l.units)::bigint AS units,
                       count(*) AS count
                  FROM quota.usage_ledger l
                 WHERE l.organization_id = p_sums.organization_id AND l.txid >= p_sums.levels_before
                   AND l.txid < p_settled
                 GROUP BY 1, 2) r;
    END IF;
    UPDATE quota.sums s
       SET levels_before = p_settled, levels = s.levels || coalesce(v_levels, '{}'), waiting = s.waiting + v_count
     WHERE s.organization_id = p_sums.organization_id;
END $$;

-- Adds about p_rows rows more to the parts and days, of those below `levels_before`. A transaction is not divided.
CREATE FUNCTION quota.add_parts(p_sums quota.sums, p_rows int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_until xid8;
BEGIN
    SELECT l.txid INTO v_until FROM quota.usage_ledger l
     WHERE l.organization_id = p_sums.organization_id AND l.txid >= p_sums.before AND l.txid < p_sums.levels_before
     ORDER BY l.txid OFFSET p_rows LIMIT 1;
    IF v_until IS NOT NULL AND NOT EXISTS (
           SELECT FROM quota.usage_ledger l
            WHERE l.organization_id = p_sums.organization_id AND l.txid >= p_sums.before AND l.txid < v_until) THEN
        SELECT min(l.txid) INTO v_until FROM quota.usage_ledger l
         WHERE l.organization_id = p_sums.organization_id AND l.txid > v_until AND l.txid < p_sums.levels_before;
    END IF;
    v_until := coalesce(v_until, p_sums.levels_before);
    WITH rows AS MATERIALIZED (
        SELECT l.at, coalesce(l.user_id, '00000000-0000-0000-0000-000000000000') AS user_id, l.meter, l.model, l.feature,
               l.units, l.cost_micro_usd, (l.attempt > 0 AND row_number() OVER (
                   PARTITION BY l.hold_id, l.attempt ORDER BY l.meter, l.model) = 1)::int AS request
          FROM quota.usage_ledger l
         WHERE l.organization_id = p_sums.organization_id AND l.txid >= p_sums.before AND l.txid < v_until
    ), parts AS (
        INSERT INTO quota.usage_parts AS p
        SELECT p_sums.organization_id, date_bin('15 minutes', r.at, 'epoch'), r.meter, r.model, r.feature, sum(r.units),
               sum(r.cost_micro_usd), count(*), sum(r.request)
          FROM rows r GROUP BY 2, 3, 4, 5
        ON CONFLICT (organization_id, part, meter, model, feature) DO UPDATE
           SET units = p.units + excluded.units, cost_micro_usd = p.cost_micro_usd + excluded.cost_micro_usd,
               entries = p.entries + excluded.entries, requests = p.requests + excluded.requests
    ), days AS (
        INSERT INTO quota.member_days AS d
        SELECT p_sums.organization_id, (r.at AT TIME ZONE 'UTC')::date, r.user_id, r.meter, sum(r.units),
               sum(r.cost_micro_usd)
          FROM rows r GROUP BY 2, 3, 4
        ON CONFLICT (organization_id, day, user_id, meter) DO UPDATE
           SET units = d.units + excluded.units, cost_micro_usd = d.cost_micro_usd + excluded.cost_micro_usd
    )
    UPDATE quota.sums s SET before = v_until, waiting = s.waiting - (SELECT count(*) FROM rows)
     WHERE s.organization_id = p_sums.organization_id;
END $$;
REVOKE ALL ON FUNCTION quota.summed_before, quota.add_levels, quota.add_parts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION quota.summed_before TO footnote_app, footnote_definer;
GRANT EXECUTE ON FUNCTION quota.add_levels, quota.add_parts TO footnote_definer;

-- Budgets ------------------------------------------------------------------------------------------------
-- As before; but where an override has just ended, its reason is not that of the stage that follows.
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
        v_budget.override_reason := NULL;
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
        v_budget.override_reason := NULL;
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

-- Forgets the sums of an organization; they are made anew from the ledger.
CREATE FUNCTION metering.forget_sums(p_organization_id uuid) RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE quota.sums SET levels_before = '0', levels = '{}', before = '0', waiting = 0, counted_at = NULL
     WHERE organization_id = p_organization_id;
    DELETE FROM quota.usage_parts WHERE organization_id = p_organization_id;
    DELETE FROM quota.member_days WHERE organization_id = p_organization_id;
$$;

-- Adds up the ledger of the first organization after p_after: the levels, and about p_rows rows of the rest where p_least
-- wait for it. `id`: which one it was, `again`: whether so many wait still; null: there is no other organization.
CREATE FUNCTION metering.add_up_next(p_after uuid, p_least int, p_rows int) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_id constant uuid := (SELECT o.organization_id FROM core.organizations o
                            WHERE p_after IS NULL OR o.organization_id > p_after
                            ORDER BY o.organization_id LIMIT 1);
    v_sums quota.sums;
    v_settled xid8;
BEGIN
    IF v_id IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO quota.sums (organization_id) VALUES (v_id) ON CONFLICT DO NOTHING;
    SELECT * INTO v_sums FROM quota.sums s WHERE s.organization_id = v_id FOR NO KEY UPDATE;
    v_settled := pg_snapshot_xmin(pg_current_snapshot());
    IF v_sums.levels_before > v_settled THEN
        -- Made in another database, of which this one is a copy.
        PERFORM metering.forget_sums(v_id);
        SELECT * INTO v_sums FROM quota.sums s WHERE s.organization_id = v_id;
    END IF;
    PERFORM quota.add_levels(v_sums, v_settled);
    SELECT * INTO v_sums FROM quota.sums s WHERE s.organization_id = v_id;
    IF v_sums.waiting >= p_least THEN
        PERFORM quota.add_parts(v_sums, p_rows);
        SELECT * INTO v_sums FROM quota.sums s WHERE s.organization_id = v_id;
    END IF;
    RETURN jsonb_build_object('id', v_id, 'again', v_sums.waiting >= p_least);
END $$;

-- Compares windows with ledgers and open holds, for the organizations after p_after. One statement and so one snapshot:
-- traffic never shows as a difference. Windows that are open or ended within two days; of levels the ledger's rows since
-- they were added up (`recount_next` counts the others). `differences` names at most a hundred; `count` is of all.
CREATE OR REPLACE FUNCTION metering.reconcile_organizations(p_after uuid, p_limit int) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH page AS MATERIALIZED (
        SELECT o.organization_id, coalesce(s.levels_before, '0') AS before, coalesce(s.levels, '{}') AS levels
          FROM (SELECT o.organization_id FROM core.organizations o
                 WHERE p_after IS NULL OR o.organization_id > p_after
                 ORDER BY o.organization_id LIMIT p_limit) o
          LEFT JOIN quota.sums s ON s.organization_id = o.organization_id
           AND s.levels_before <= pg_snapshot_xmin(pg_current_snapshot())
    ), recent AS MATERIALIZED (
        SELECT w.organization_id, w.subject, w.meter, w.window_start, w.committed, w.reserved,
               w.window_end > '9999-01-01' AS is_level
          FROM page CROSS JOIN LATERAL (
               SELECT * FROM quota.windows w
                WHERE w.organization_id = page.organization_id
                  AND w.window_end > quota.clock() - interval '2 days') w
    ), entries AS MATERIALIZED (
        SELECT l.organization_id, l.user_id, l.attempt > 0 AS reserved_for, l.meter, l.window_start,
               sum(l.units)::bigint AS units, sum(l.cost_micro_usd)::bigint AS cost
          FROM (SELECT DISTINCT r.organization_id, r.meter, r.window_start FROM recent r WHERE NOT r.is_level) k
          JOIN quota.usage_ledger l USING (organization_id, meter, window_start)
         GROUP BY 1, 2, 3, 4, 5
    ), levels AS MATERIALIZED (
        SELECT u.organization_id, u.meter, sum(u.units)::bigint AS units
          FROM (SELECT p.organization_id, v.key AS meter, v.value::bigint AS units
                  FROM page p CROSS JOIN LATERAL jsonb_each_text(p.levels) v
                UNION ALL
                SELECT p.organization_id, l.meter, l.units
                  FROM page p CROSS JOIN LATERAL (
                       SELECT l.meter, l.units, l.window_start FROM quota.usage_ledger l
                        WHERE l.organization_id = p.organization_id AND l.txid >= p.before OFFSET 0) l
                 WHERE p.before > '0' AND l.window_start = '1970-01-01 00:00+00'
                UNION ALL
                -- Not added up yet: all of them, by their window.
                SELECT p.organization_id, l.meter, l.units
                  FROM page p JOIN recent r ON r.organization_id = p.organization_id AND r.is_level
                  JOIN quota.usage_ledger l ON l.organization_id = r.organization_id AND l.meter = r.meter
                   AND l.window_start = r.window_start
                 WHERE p.before = '0') u
         GROUP BY 1, 2
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
                 WHERE i.user_id IS NOT NULL
                UNION ALL
                SELECT v.organization_id, v.organization_id, v.meter, '1970-01-01 00:00+00', v.units FROM levels v) u
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

-- Counts the whole ledger of one organization against all of its windows, also those that ended and those that are not
-- there, and against its sums. In one statement, as above.
CREATE FUNCTION metering.recount(p_organization_id uuid) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH sums AS MATERIALIZED (
        SELECT coalesce(max(s.before), '0') AS before, coalesce(max(s.levels_before), '0') AS levels_before
          FROM quota.sums s
         WHERE s.organization_id = p_organization_id AND s.levels_before <= pg_snapshot_xmin(pg_current_snapshot())
    ), entries AS MATERIALIZED (
        SELECT l.user_id, l.attempt > 0 AS reserved_for, l.meter, l.model, l.feature, l.window_start,
               date_trunc('month', l.at, 'UTC') AS month, l.txid < (SELECT s.before FROM sums s) AS is_summed,
               l.txid < (SELECT s.levels_before FROM sums s) AS in_levels,
               sum(l.units)::bigint AS units, sum(l.cost_micro_usd)::bigint AS cost, count(*) AS entries
          FROM quota.usage_ledger l WHERE l.organization_id = p_organization_id
         GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
    ), used AS (
        SELECT u.subject, u.meter, u.window_start, sum(u.units)::bigint AS units
          FROM (SELECT p_organization_id AS subject, e.meter, e.window_start, e.units FROM entries e
                UNION ALL
                SELECT e.user_id, e.meter, e.window_start, e.units FROM entries e
                 WHERE e.reserved_for AND e.user_id IS NOT NULL AND e.meter IN ('messages', 'api_calls', 'cost')
                UNION ALL
                SELECT s, 'cost', e.window_start, e.cost
                  FROM entries e CROSS JOIN unnest(ARRAY[p_organization_id, e.user_id]) s WHERE s IS NOT NULL
                UNION ALL
                SELECT s, 'cost', c.window_start, c.cost_micro_usd
                  FROM quota.cost_ledger c CROSS JOIN unnest(ARRAY[p_organization_id, c.user_id]) s
                 WHERE c.organization_id = p_organization_id AND s IS NOT NULL) u
         GROUP BY 1, 2, 3
    ), windows AS (
        SELECT w.subject, w.meter, w.window_start, w.committed FROM quota.windows w
         WHERE w.organization_id = p_organization_id
    ), differences AS (
        SELECT p_organization_id AS organization_id, subject, meter, window_start,
               coalesce(w.committed, 0) AS committed, coalesce(u.units, 0) AS used
          FROM windows w FULL JOIN used u USING (subject, meter, window_start)
         WHERE coalesce(w.committed, 0) <> coalesce(u.units, 0)
    ), added AS (
        SELECT p_organization_id AS organization_id, meter, month, coalesce(p.units, 0) AS summed,
               coalesce(e.units, 0) AS used
          FROM (SELECT p.meter, p.model, p.feature, date_trunc('month', p.part, 'UTC') AS month,
                       sum(p.units) AS units, sum(p.cost_micro_usd) AS cost, sum(p.entries) AS entries
                  FROM quota.usage_parts p
                 WHERE p.organization_id = p_organization_id AND (SELECT s.before FROM sums s) > '0'
                 GROUP BY 1, 2, 3, 4) p
          FULL JOIN (SELECT e.meter, e.model, e.feature, e.month, sum(e.units) AS units, sum(e.cost) AS cost,
                            sum(e.entries) AS entries
                       FROM entries e WHERE e.is_summed GROUP BY 1, 2, 3, 4) e USING (meter, model, feature, month)
         WHERE (p.units, p.cost, p.entries) IS DISTINCT FROM (e.units, e.cost, e.entries)
         UNION ALL
        SELECT p_organization_id, meter, month, coalesce(d.units, 0), coalesce(e.units, 0)
          FROM (SELECT d.user_id, d.meter, date_trunc('month', d.day::timestamp) AT TIME ZONE 'UTC' AS month,
                       sum(d.units) AS units, sum(d.cost_micro_usd) AS cost
                  FROM quota.member_days d
                 WHERE d.organization_id = p_organization_id AND (SELECT s.before FROM sums s) > '0'
                 GROUP BY 1, 2, 3) d
          FULL JOIN (SELECT coalesce(e.user_id, '00000000-0000-0000-0000-000000000000') AS user_id, e.meter, e.month,
                            sum(e.units) AS units, sum(e.cost) AS cost
                       FROM entries e WHERE e.is_summed GROUP BY 1, 2, 3) e USING (user_id, meter, month)
         WHERE (d.units, d.cost) IS DISTINCT FROM (e.units, e.cost)
         UNION ALL
        SELECT p_organization_id, meter, NULL, coalesce(s.units, 0), coalesce(e.units, 0)
          FROM (SELECT v.key AS meter, v.value::bigint AS units
                  FROM quota.sums s CROSS JOIN LATERAL jsonb_each_text(s.levels) v
                 WHERE s.organization_id = p_organization_id AND s.levels_before = (SELECT b.levels_before FROM sums b)) s
          FULL JOIN (SELECT e.meter, sum(e.units) AS units FROM entries e
                      WHERE e.in_levels AND e.window_start = '1970-01-01 00:00+00' GROUP BY 1) e USING (meter)
         WHERE s.units IS DISTINCT FROM e.units
    )
    SELECT jsonb_build_object(
        'count', (SELECT count(*) FROM differences) + (SELECT count(*) FROM added),
        'differences', (SELECT coalesce(jsonb_agg(t.told), '[]') FROM (
            SELECT to_jsonb(d) AS told FROM differences d
             UNION ALL
            SELECT jsonb_build_object('scope', 'sums') || to_jsonb(a) FROM added a LIMIT 100) t))
$$;

-- Counts the next organization after p_after that was not counted for p_every_s seconds; null: there is none. One of them is
-- due after half of that time, the next after all of it: so they spread.
CREATE FUNCTION metering.recount_next(p_after uuid, p_every_s int) RETURNS jsonb
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_id uuid;
    v_found jsonb;
BEGIN
    SELECT o.organization_id INTO v_id
      FROM core.organizations o LEFT JOIN quota.sums s USING (organization_id)
     WHERE (p_after IS NULL OR o.organization_id > p_after)
       AND (s.counted_at IS NULL OR s.counted_at <= quota.clock() - make_interval(
               secs => p_every_s * (1 + (hashtextextended(o.organization_id::text, 0) & 1023) / 1024.0) / 2))
     ORDER BY o.organization_id LIMIT 1;
    IF v_id IS NULL THEN
        RETURN NULL;
    END IF;
    v_found := metering.recount(v_id);
    -- What differs is counted again in the next round, until it does no more.
    IF (v_found ->> 'count')::bigint = 0 THEN
        INSERT INTO quota.sums AS s (organization_id, counted_at) VALUES (v_id, quota.clock())
        ON CONFLICT (organization_id) DO UPDATE SET counted_at = excluded.counted_at;
    END IF;
    RETURN v_found || jsonb_build_object('id', v_id);
END $$;

REVOKE ALL ON FUNCTION metering.forget_sums, metering.add_up_next, metering.recount, metering.recount_next FROM PUBLIC;
GRANT EXECUTE ON FUNCTION metering.forget_sums, metering.add_up_next, metering.recount, metering.recount_next
    TO footnote_jobs;
RESET ROLE;
