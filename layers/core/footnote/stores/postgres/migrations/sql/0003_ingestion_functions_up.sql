-- Two things reach beyond one organization: finding whose a new object is, and the sweeper's housekeeping. Both
-- go through these functions; footnote_jobs has no right to any table.
GRANT USAGE ON SCHEMA knowledge TO footnote_definer;
GRANT SELECT, UPDATE ON knowledge.documents TO footnote_definer;
GRANT SELECT, UPDATE, DELETE ON knowledge.document_versions TO footnote_definer;
GRANT SELECT, DELETE ON knowledge.chunks TO footnote_definer;
GRANT SELECT, UPDATE, DELETE ON knowledge.object_deletions TO footnote_definer;
CREATE POLICY definer ON knowledge.documents TO footnote_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON knowledge.document_versions TO footnote_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON knowledge.chunks TO footnote_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON knowledge.object_deletions TO footnote_definer USING (true) WITH CHECK (true);

CREATE SCHEMA ingestion AUTHORIZATION footnote_definer;
GRANT USAGE ON SCHEMA ingestion TO footnote_app, footnote_jobs;
SET LOCAL ROLE footnote_definer;

-- The organization that has registered the key's first two folders.
CREATE FUNCTION ingestion.owner_of(p_key text) RETURNS TABLE (organization_id uuid, storage_prefix text)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.organization_id, o.storage_prefix FROM core.organizations o
     WHERE o.storage_prefix = substring(p_key FROM '^[^/]+/[^/]+/')
$$;

-- Removes the chunks of versions that were superseded long enough ago for no running request to read them.
CREATE FUNCTION ingestion.purge_versions(p_older_than_s int, p_limit int) RETURNS int
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH due AS (
        SELECT v.organization_id, v.document_id, v.version FROM knowledge.document_versions v
         WHERE v.stage = 'superseded' AND v.superseded_at < now() - make_interval(secs => p_older_than_s)
           AND NOT EXISTS (SELECT FROM knowledge.documents d
                            WHERE d.organization_id = v.organization_id AND d.document_id = v.document_id
                              AND d.active_version = v.version)
         ORDER BY v.superseded_at LIMIT p_limit FOR NO KEY UPDATE OF v SKIP LOCKED
    ), gone AS (
        DELETE FROM knowledge.chunks c USING due
         WHERE c.organization_id = due.organization_id AND c.document_id = due.document_id
           AND c.version = due.version
    ), purged AS (
        UPDATE knowledge.document_versions v SET stage = 'purged' FROM due
         WHERE v.organization_id = due.organization_id AND v.document_id = due.document_id
           AND v.version = due.version
        RETURNING v.version
    )
    SELECT count(*)::int FROM purged
$$;

-- Leaves of a deleted document only that it was there: late events of its objects must not bring it back.
CREATE FUNCTION ingestion.purge_documents(p_older_than_s int, p_limit int) RETURNS int
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH due AS (
        SELECT d.organization_id, d.document_id FROM knowledge.documents d
         WHERE d.deleted_at < now() - make_interval(secs => p_older_than_s) AND d.purged_at IS NULL
         ORDER BY d.deleted_at LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM knowledge.document_versions v USING due
         WHERE v.organization_id = due.organization_id AND v.document_id = due.document_id
    ), purged AS (
        UPDATE knowledge.documents d
           SET purged_at = now(), title = '', filename = '', category = NULL, tags = '{}',
               content_sha256 = NULL, failure_reason = NULL, warnings = '{}', created_by = NULL
          FROM due WHERE d.organization_id = due.organization_id AND d.document_id = due.document_id
        RETURNING d.document_id
    )
    SELECT count(*)::int FROM purged
$$;

-- Announced documents whose bytes never came.
CREATE FUNCTION ingestion.expire_uploads(p_older_than_s int, p_limit int, p_reason text) RETURNS int
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH due AS (
        SELECT d.organization_id, d.document_id FROM knowledge.documents d
         WHERE d.status = 'pending' AND d.created_at < now() - make_interval(secs => p_older_than_s)
           AND d.deleted_at IS NULL
         ORDER BY d.created_at LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
    ), failed AS (
        UPDATE knowledge.documents d
           SET status = 'failed', stage = 'failed', failure_code = 'never_uploaded', failure_reason = p_reason,
               failure_retryable = true, updated_at = now()
          FROM due WHERE d.organization_id = due.organization_id AND d.document_id = due.document_id
        RETURNING d.document_id
    )
    SELECT count(*)::int FROM failed
$$;

-- Versions whose lease ran out long ago: no worker has them, and no delivery came. After too many attempts they
-- are quarantined: something in them takes their readers down.
CREATE FUNCTION ingestion.end_stuck(
    p_older_than_s int, p_max_attempts int, p_limit int, p_abandoned text, p_exhausted text
) RETURNS int
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH due AS (
        SELECT d.organization_id, d.document_id, d.last_version, v.version, v.attempts >= p_max_attempts AS exhausted
          FROM knowledge.document_versions v JOIN knowledge.documents d USING (organization_id, document_id)
         WHERE v.stage NOT IN ('active', 'superseded', 'purged', 'failed', 'quarantined')
           AND v.leased_until < now() - make_interval(secs => p_older_than_s)
         ORDER BY v.leased_until LIMIT p_limit FOR NO KEY UPDATE OF d SKIP LOCKED
    ), ended AS (
        UPDATE knowledge.document_versions v
           SET stage = CASE WHEN due.exhausted THEN 'quarantined' ELSE 'failed' END, fence = v.fence + 1,
               failure_code = CASE WHEN due.exhausted THEN 'too_many_attempts' ELSE 'interrupted' END,
               failure_reason = CASE WHEN due.exhausted THEN p_exhausted ELSE p_abandoned END,
               failure_retryable = NOT due.exhausted
          FROM due
         WHERE v.organization_id = due.organization_id AND v.document_id = due.document_id
           AND v.version = due.version AND v.leased_until < now() - make_interval(secs => p_older_than_s)
           AND v.stage NOT IN ('active', 'superseded', 'purged', 'failed', 'quarantined')
        RETURNING v.organization_id, v.document_id, v.version, v.stage, v.failure_code, v.failure_reason,
                  v.failure_retryable
    ), shown AS (
        UPDATE knowledge.documents d
           SET status = e.stage, stage = e.stage, failure_code = e.failure_code,
               failure_reason = e.failure_reason, failure_retryable = e.failure_retryable, updated_at = now()
          FROM ended e
         WHERE d.organization_id = e.organization_id AND d.document_id = e.document_id
           AND d.last_version = e.version AND d.deleted_at IS NULL
    )
    SELECT count(*)::int FROM ended
$$;

-- Objects of deleted documents that are still to be removed; each is due again after a growing delay.
CREATE FUNCTION ingestion.due_removals(p_limit int)
    RETURNS TABLE (organization_id uuid, bucket text, key text, object_version text)
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH due AS (
        SELECT r.organization_id, r.bucket, r.key, r.object_version FROM knowledge.object_deletions r
         WHERE r.due_at <= now() ORDER BY r.due_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    )
    UPDATE knowledge.object_deletions r
       SET attempts = r.attempts + 1,
           due_at = now() + least(interval '1 minute' * 2 ^ least(r.attempts, 10), interval '6 hours')
      FROM due
     WHERE r.organization_id = due.organization_id AND r.bucket = due.bucket AND r.key = due.key
       AND r.object_version = due.object_version
    RETURNING r.organization_id, r.bucket, r.key, r.object_version
$$;

CREATE FUNCTION ingestion.confirm_removal(p_organization_id uuid, p_bucket text, p_key text, p_object_version text)
    RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM knowledge.object_deletions r
     WHERE r.organization_id = p_organization_id AND r.bucket = p_bucket AND r.key = p_key
       AND r.object_version = p_object_version
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ingestion FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ingestion.owner_of TO footnote_app;
GRANT EXECUTE ON FUNCTION
    ingestion.purge_versions, ingestion.purge_documents, ingestion.expire_uploads, ingestion.end_stuck,
    ingestion.due_removals, ingestion.confirm_removal
    TO footnote_jobs;
RESET ROLE;
