-- Run once per cluster by its administrator (RDS: the master user), before the first migration.
-- Logins get their passwords separately. Nobody here may bypass row-level security.
DO $$
DECLARE
    login text;
BEGIN
    FOREACH login IN ARRAY ARRAY['footnote_owner', 'footnote_app', 'footnote_auth', 'footnote_jobs',
                               'footnote_indexer'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = login) THEN
            EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS', login);
        END IF;
    END LOOP;
    -- Owns the SECURITY DEFINER functions; single tables admit it by a policy of their own.
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'footnote_definer') THEN
        CREATE ROLE footnote_definer NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
    GRANT footnote_definer TO footnote_owner;
    -- Owns the table of vectors, to build its indexes; migrations go on to alter it.
    GRANT footnote_indexer TO footnote_owner;
END $$;
