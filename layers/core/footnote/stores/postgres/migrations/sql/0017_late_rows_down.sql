SET LOCAL ROLE footnote_definer;
CREATE OR REPLACE FUNCTION biller.due_organizations(p_after uuid, p_limit int, p_delay_s int, p_grace_s int)
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
CREATE OR REPLACE FUNCTION metering.purge_holds(p_limit int) RETURNS int
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
RESET ROLE;
DROP TABLE billing.closings;
ALTER TABLE billing.invoices
    DROP COLUMN is_closing,
    DROP COLUMN late_holds,
    ADD UNIQUE (organization_id, period_start);
DROP TRIGGER begun ON quota.holds;
DROP FUNCTION quota.begin_attempt;
ALTER TABLE quota.holds ALTER COLUMN created_at SET DEFAULT now();
