-- Use that is recorded after its subscription has ended, and that no later invoice covers.

-- `created_at` of a hold is when its present attempt began: work that was begun under a subscription belongs to it.
ALTER TABLE quota.holds ALTER COLUMN created_at SET DEFAULT quota.clock();
CREATE FUNCTION quota.begin_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.created_at := quota.clock();
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION quota.begin_attempt FROM PUBLIC;
CREATE TRIGGER begun BEFORE UPDATE OF attempt ON quota.holds
    FOR EACH ROW EXECUTE FUNCTION quota.begin_attempt();

-- Closing invoices, and the holds whose use they cover although it was recorded after the subscription. Null on invoices
-- that were issued before there were any. A subscription that comes back begins where the closing invoice does.
ALTER TABLE billing.invoices
    ADD COLUMN is_closing boolean NOT NULL DEFAULT false,
    ADD COLUMN late_holds uuid[],
    ADD CHECK (is_closing OR late_holds IS NULL OR late_holds = '{}'),
    DROP CONSTRAINT invoices_organization_id_period_start_key,
    ADD UNIQUE (organization_id, period_start, is_closing);

-- Endings of subscriptions, written with the invoice of the last period. Two days later a closing invoice covers what
-- came too late for it; where that has no price there is none, and `invoice_id` stays null. `cutoff` and `xmin_bound`: as
-- of an invoice, where no subscription has followed.
CREATE TABLE billing.closings (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    ended_at timestamptz NOT NULL,
    period_start timestamptz NOT NULL,
    closed_at timestamptz,
    invoice_id uuid,
    cutoff timestamptz,
    xmin_bound xid8,
    PRIMARY KEY (organization_id, ended_at),
    FOREIGN KEY (organization_id, period_start) REFERENCES billing.periods ON DELETE CASCADE,
    CHECK ((cutoff IS NULL) = (xmin_bound IS NULL)),
    CHECK (closed_at IS NOT NULL OR cutoff IS NULL AND invoice_id IS NULL)
);
CREATE INDEX closings_open ON billing.closings (ended_at) WHERE closed_at IS NULL;

-- Subscriptions that have ended already, of all organizations.
ALTER TABLE billing.periods NO FORCE ROW LEVEL SECURITY;
ALTER TABLE billing.subscriptions NO FORCE ROW LEVEL SECURITY;
INSERT INTO billing.closings (organization_id, ended_at, period_start)
SELECT p.organization_id, p.period_end, p.period_start
  FROM billing.periods p
 WHERE p.invoice_id IS NOT NULL
   AND NOT EXISTS (SELECT FROM billing.periods n
                    WHERE n.organization_id = p.organization_id AND n.period_start > p.period_start)
   AND NOT EXISTS (SELECT FROM billing.subscriptions s
                    WHERE s.organization_id = p.organization_id AND s.ended_at IS NULL);
ALTER TABLE billing.periods FORCE ROW LEVEL SECURITY;
ALTER TABLE billing.subscriptions FORCE ROW LEVEL SECURITY;

ALTER TABLE billing.closings ENABLE ROW LEVEL SECURITY;
ALTER TABLE billing.closings FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON billing.closings USING (organization_id = core.current_organization())
    WITH CHECK (organization_id = core.current_organization());
GRANT SELECT, INSERT, UPDATE ON billing.closings TO footnote_app;
GRANT SELECT ON billing.closings TO footnote_definer;
CREATE POLICY definer ON billing.closings TO footnote_definer USING (true);

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
         UNION
        SELECT c.organization_id FROM billing.closings c
         WHERE c.closed_at IS NULL AND c.ended_at <= quota.clock() - interval '48 hours'
    ) d
     WHERE p_after IS NULL OR d.organization_id > p_after
     ORDER BY d.organization_id LIMIT p_limit
$$;

-- Holds stay until the closing invoice has been made of those that were begun under the subscription.
CREATE OR REPLACE FUNCTION metering.purge_holds(p_limit int) RETURNS int
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH due AS (
        SELECT h.organization_id, h.hold_id FROM quota.holds h
         WHERE h.state <> 'open' AND h.keep_until < now()
           AND NOT EXISTS (SELECT FROM billing.closings c
                            WHERE c.organization_id = h.organization_id AND c.closed_at IS NULL
                              AND c.ended_at > h.created_at)
           AND NOT EXISTS (SELECT FROM billing.periods p
                            WHERE p.organization_id = h.organization_id AND p.invoice_id IS NULL
                              AND p.period_end > h.created_at)
         ORDER BY h.keep_until LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM quota.holds h USING due
         WHERE h.organization_id = due.organization_id AND h.hold_id = due.hold_id
        RETURNING h.hold_id
    )
    SELECT count(*)::int FROM gone
$$;
RESET ROLE;
