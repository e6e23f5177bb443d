-- What each answer rests on, written with it and never changed.
--
-- `record` is canonical JSON, kept to the letter (json, not jsonb), and `digest` its SHA-256: a record that was
-- changed behind the application's back is seen to be. The columns beside it repeat what rows are found by.
--
-- No foreign key to sessions or messages: the application may delete those, and a cascade would take the record
-- along. Records go with their organization; else only footnote_owner can erase them (docs/adr/0010).
CREATE TABLE chat.provenance (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    message_id uuid NOT NULL,
    session_id uuid NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    record json NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (organization_id, message_id)
);
CREATE INDEX provenance_session ON chat.provenance (organization_id, session_id);

ALTER TABLE chat.provenance ENABLE ROW LEVEL SECURITY;
ALTER TABLE chat.provenance FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON chat.provenance USING (organization_id = core.current_organization())
    WITH CHECK (organization_id = core.current_organization());

-- AFTER each row, so that row-level security answers first to whoever asks for rows of others.
CREATE FUNCTION chat.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'records of provenance are never changed' USING ERRCODE = 'insufficient_privilege';
END $$;
REVOKE ALL ON FUNCTION chat.refuse_change FROM PUBLIC;
CREATE TRIGGER provenance_is_immutable AFTER UPDATE ON chat.provenance
    FOR EACH ROW EXECUTE FUNCTION chat.refuse_change();
CREATE TRIGGER provenance_is_not_emptied BEFORE TRUNCATE ON chat.provenance
    FOR EACH STATEMENT EXECUTE FUNCTION chat.refuse_change();

REVOKE ALL ON chat.provenance FROM footnote_app;
GRANT SELECT, INSERT ON chat.provenance TO footnote_app;
