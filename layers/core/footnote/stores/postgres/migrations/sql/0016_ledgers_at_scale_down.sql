DROP FUNCTION metering.forget_sums, metering.add_up_next, metering.recount, metering.recount_next;
SET LOCAL ROLE footnote_definer;
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
DROP FUNCTION quota.summed_before, quota.add_levels, quota.add_parts;
DROP TABLE quota.member_days, quota.usage_parts, quota.sums;
DROP INDEX chat.messages_cached, chat.messages_answered, quota.windows_of_cost, quota.windows_recent,
    quota.cost_ledger_time, quota.usage_ledger_time;
CREATE INDEX windows_recent ON quota.windows (window_end);
