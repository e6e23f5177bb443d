-- The third tier of the caches and the list of questions whose answers are cached. Both are UNLOGGED: a crash
-- empties them, which is what a cache may lose, and writing to them waits for no disk.
CREATE UNLOGGED TABLE knowledge.cache_entries (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    kind text NOT NULL,
    name text NOT NULL,
    value text NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, kind, name)
);
CREATE INDEX cache_entries_expired ON knowledge.cache_entries (expires_at);

CREATE UNLOGGED TABLE chat.cached_questions (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    -- Digest of everything but the question that an answer depends on.
    scope text NOT NULL,
    -- The answer's key in the cache.
    entry text NOT NULL,
    question text NOT NULL,
    embedding halfvec NOT NULL,
    asked_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, scope, entry)
);
ALTER TABLE chat.cached_questions ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE INDEX cached_questions_expired ON chat.cached_questions (expires_at);

-- Logged: a generation must never come back, or what it ended would be found again.
CREATE TABLE knowledge.cache_generations (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    kind text NOT NULL,
    generation bigint NOT NULL CHECK (generation > 0),
    PRIMARY KEY (organization_id, kind)
) WITH (fillfactor = 50);

DO $$
DECLARE
    target regclass;
BEGIN
    FOREACH target IN ARRAY ARRAY[
        'knowledge.cache_entries', 'knowledge.cache_generations', 'chat.cached_questions']::regclass[]
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
        EXECUTE format(
            'CREATE POLICY tenant ON %s USING (organization_id = core.current_organization())'
            ' WITH CHECK (organization_id = core.current_organization())', target);
    END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON
    knowledge.cache_entries, knowledge.cache_generations, chat.cached_questions TO footnote_app;

-- What a result shows of a document, and what filters look at, is a part of the corpus that its key names. A switch
-- of versions counts for itself.
CREATE FUNCTION knowledge.count_document_change() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE knowledge.corpora SET corpus_version = corpus_version + 1 WHERE organization_id = NEW.organization_id;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION knowledge.count_document_change FROM PUBLIC;
CREATE TRIGGER document_change AFTER UPDATE OF title, filename, category, tags, source, created_at
    ON knowledge.documents FOR EACH ROW
    WHEN (NEW.active_version IS NOT NULL AND NEW.active_version = OLD.active_version
          AND (NEW.title, NEW.filename, NEW.category, NEW.tags, NEW.source, NEW.created_at)
              IS DISTINCT FROM (OLD.title, OLD.filename, OLD.category, OLD.tags, OLD.source, OLD.created_at))
    EXECUTE FUNCTION knowledge.count_document_change();

-- The sweeper removes what has expired, of all organizations.
GRANT USAGE ON SCHEMA chat TO footnote_definer;
GRANT SELECT, UPDATE, DELETE ON knowledge.cache_entries, chat.cached_questions TO footnote_definer;
CREATE POLICY definer ON knowledge.cache_entries TO footnote_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON chat.cached_questions TO footnote_definer USING (true) WITH CHECK (true);
SET LOCAL ROLE footnote_definer;
CREATE FUNCTION ingestion.expire_caches(p_limit int) RETURNS int
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH due AS (
        SELECT organization_id, kind, name FROM knowledge.cache_entries WHERE expires_at <= now()
         ORDER BY expires_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), entries AS (
        DELETE FROM knowledge.cache_entries e USING due
         WHERE e.organization_id = due.organization_id AND e.kind = due.kind AND e.name = due.name
        RETURNING 1
    ), old AS (
        SELECT organization_id, scope, entry FROM chat.cached_questions WHERE expires_at <= now()
         ORDER BY expires_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), questions AS (
        DELETE FROM chat.cached_questions q USING old
         WHERE q.organization_id = old.organization_id AND q.scope = old.scope AND q.entry = old.entry
        RETURNING 1
    )
    SELECT ((SELECT count(*) FROM entries) + (SELECT count(*) FROM questions))::int
$$;
REVOKE ALL ON FUNCTION ingestion.expire_caches FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ingestion.expire_caches TO footnote_jobs;
RESET ROLE;
