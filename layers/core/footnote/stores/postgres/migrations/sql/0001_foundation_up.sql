-- Roles, extension and database are made before (bootstrap.sql); this runs as footnote_owner.
CREATE SCHEMA core;
CREATE SCHEMA knowledge;
CREATE SCHEMA chat;

-- The organization of the running transaction, NULL outside of one. After SET LOCAL a custom setting
-- becomes '' rather than NULL, hence NULLIF.
CREATE FUNCTION core.current_organization() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NULLIF(current_setting('app.organization_id', true), '')::uuid;
CREATE FUNCTION core.current_member() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN NULLIF(current_setting('app.user_id', true), '')::uuid;

-- Identity ---------------------------------------------------------------------------------------------
CREATE TABLE core.organizations (
    organization_id uuid PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    domain text UNIQUE,
    kind text NOT NULL DEFAULT 'team' CHECK (kind IN ('personal', 'team')),
    plan text NOT NULL DEFAULT 'free',
    settings jsonb NOT NULL DEFAULT '{}',
    -- Two folders, always: no prefix lies within another, so a key has one owner.
    storage_prefix text NOT NULL UNIQUE CHECK (storage_prefix ~ '^[A-Za-z0-9_-]+/[A-Za-z0-9_-]+/$'),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE core.users (
    user_id uuid PRIMARY KEY,
    email text NOT NULL UNIQUE CHECK (email = lower(email) AND length(email) <= 255),
    display_name text,
    hashed_password text NOT NULL,
    is_active boolean NOT NULL DEFAULT true,
    is_verified boolean NOT NULL DEFAULT false,
    token_version int NOT NULL DEFAULT 1,
    preferences jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    last_login_at timestamptz
);

CREATE TABLE core.memberships (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    user_id uuid NOT NULL REFERENCES core.users ON DELETE CASCADE,
    role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'viewer')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, user_id)
);
CREATE INDEX ON core.memberships (user_id);

-- One row per refresh-token family (reliability.md, c).
CREATE TABLE core.sessions (
    organization_id uuid NOT NULL,
    family_id uuid NOT NULL,
    user_id uuid NOT NULL,
    generation int NOT NULL DEFAULT 0,
    sealed_key bytea NOT NULL,
    device_hash bytea,
    created_at timestamptz NOT NULL DEFAULT now(),
    rotated_at timestamptz NOT NULL DEFAULT now(),
    idle_expires_at timestamptz NOT NULL,
    absolute_expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    revoked_reason text,
    PRIMARY KEY (organization_id, family_id),
    FOREIGN KEY (organization_id, user_id) REFERENCES core.memberships ON DELETE CASCADE
);
CREATE UNIQUE INDEX ON core.sessions (family_id);

-- Knowledge --------------------------------------------------------------------------------------------
CREATE TABLE knowledge.embedding_models (
    embedding_model_id smallint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    revision text NOT NULL,
    dimension int NOT NULL CHECK (dimension > 0),
    UNIQUE (name, revision)
);

CREATE TABLE knowledge.documents (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    document_id uuid NOT NULL,
    title text NOT NULL,
    title_given boolean NOT NULL DEFAULT false,
    filename text NOT NULL,
    format text NOT NULL,
    source text NOT NULL CHECK (source IN ('upload', 's3', 'api', 'web', 'manual')),
    category text,
    tags text[] NOT NULL DEFAULT '{}',
    size_bytes bigint,
    content_sha256 text,
    status text NOT NULL CHECK (status IN
        ('pending', 'processing', 'completed', 'failed', 'quarantined', 'duplicate')),
    stage text NOT NULL,
    failure_code text,
    failure_reason text,
    failure_retryable boolean NOT NULL DEFAULT false,
    duplicate_of uuid,
    active_version int,
    last_version int NOT NULL DEFAULT 0,
    unit_kind text,
    units_total int NOT NULL DEFAULT 0,
    units_read int NOT NULL DEFAULT 0,
    chunk_count int NOT NULL DEFAULT 0,
    language text,
    warnings text[] NOT NULL DEFAULT '{}',
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    purged_at timestamptz,
    PRIMARY KEY (organization_id, document_id),
    FOREIGN KEY (organization_id, duplicate_of) REFERENCES knowledge.documents
) WITH (fillfactor = 70);
-- The same bytes are one document: at most one active document per content.
CREATE UNIQUE INDEX documents_content ON knowledge.documents (organization_id, content_sha256)
    WHERE active_version IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX documents_pending ON knowledge.documents (created_at) WHERE status = 'pending';
CREATE INDEX documents_unpurged ON knowledge.documents (deleted_at) WHERE deleted_at IS NOT NULL AND purged_at IS NULL;
CREATE INDEX documents_newest ON knowledge.documents (organization_id, created_at DESC, document_id DESC);

-- The newest event of each object key. S3 sequencers of one key compare as text once they are padded; those of
-- two keys do not compare at all.
CREATE TABLE knowledge.object_states (
    organization_id uuid NOT NULL,
    bucket text NOT NULL,
    key text NOT NULL,
    sequencer text COLLATE "C" NOT NULL CHECK (length(sequencer) = 64),
    object_version text,
    etag text,
    size_bytes bigint NOT NULL DEFAULT 0,
    is_deleted boolean NOT NULL DEFAULT false,
    document_id uuid,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, bucket, key),
    CHECK (is_deleted OR document_id IS NOT NULL),
    FOREIGN KEY (organization_id, document_id) REFERENCES knowledge.documents ON DELETE CASCADE
);
CREATE INDEX object_states_document ON knowledge.object_states (organization_id, document_id);

-- Objects whose document was deleted; a row goes when S3 has confirmed.
CREATE TABLE knowledge.object_deletions (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    bucket text NOT NULL,
    key text NOT NULL,
    object_version text NOT NULL DEFAULT '',
    attempts int NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, bucket, key, object_version)
);
CREATE INDEX object_deletions_due ON knowledge.object_deletions (due_at);

CREATE TABLE knowledge.document_versions (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    version int NOT NULL,
    bucket text NOT NULL,
    key text NOT NULL,
    object_version text,
    sequencer text COLLATE "C" NOT NULL,
    size_bytes bigint NOT NULL DEFAULT 0,
    content_sha256 text,
    stage text NOT NULL CHECK (stage IN ('received', 'scanned', 'parsed', 'chunked', 'embedded', 'staged', 'active',
        'superseded', 'purged', 'failed', 'quarantined')),
    attempts int NOT NULL DEFAULT 0,
    fence int NOT NULL DEFAULT 0,
    leased_until timestamptz,
    failure_code text,
    failure_reason text,
    failure_retryable boolean NOT NULL DEFAULT false,
    unit_kind text,
    units_total int NOT NULL DEFAULT 0,
    units_read int NOT NULL DEFAULT 0,
    characters bigint NOT NULL DEFAULT 0,
    chunk_count int NOT NULL DEFAULT 0,
    embedding_model_id smallint REFERENCES knowledge.embedding_models,
    created_at timestamptz NOT NULL DEFAULT now(),
    activated_at timestamptz,
    superseded_at timestamptz,
    PRIMARY KEY (organization_id, document_id, version),
    UNIQUE (organization_id, bucket, key, sequencer),
    FOREIGN KEY (organization_id, document_id) REFERENCES knowledge.documents ON DELETE CASCADE
);
CREATE INDEX document_versions_open ON knowledge.document_versions (leased_until)
    WHERE stage NOT IN ('active', 'superseded', 'purged', 'failed', 'quarantined');
CREATE INDEX document_versions_superseded ON knowledge.document_versions (superseded_at)
    WHERE stage = 'superseded';

CREATE TABLE knowledge.chunks (
    organization_id uuid NOT NULL,
    chunk_id bigint GENERATED ALWAYS AS IDENTITY,
    document_id uuid NOT NULL,
    version int NOT NULL,
    ordinal int NOT NULL,
    text text NOT NULL,
    char_start int NOT NULL,
    char_end int NOT NULL CHECK (char_end > char_start),
    heading_path text[] NOT NULL DEFAULT '{}',
    unit_from int,
    unit_to int,
    unit_label text,
    token_count int NOT NULL,
    language text NOT NULL DEFAULT 'und',
    embedded_sha256 bytea NOT NULL,
    lexemes tsvector NOT NULL,
    lexical_length smallint NOT NULL,
    PRIMARY KEY (organization_id, chunk_id),
    UNIQUE (organization_id, document_id, version, ordinal) INCLUDE (chunk_id),
    FOREIGN KEY (organization_id, document_id, version) REFERENCES knowledge.document_versions ON DELETE CASCADE
);

-- Apart from the text, so that an exact scan over an organization reads little else than vectors.
CREATE TABLE knowledge.chunk_vectors (
    organization_id uuid NOT NULL,
    chunk_id bigint NOT NULL,
    document_id uuid NOT NULL,
    version int NOT NULL,
    embedding_model_id smallint NOT NULL REFERENCES knowledge.embedding_models,
    embedding halfvec NOT NULL,
    PRIMARY KEY (organization_id, chunk_id),
    FOREIGN KEY (organization_id, chunk_id) REFERENCES knowledge.chunks ON DELETE CASCADE
);
ALTER TABLE knowledge.chunk_vectors ALTER COLUMN embedding SET STORAGE PLAIN;

-- BM25: only active versions have postings. Impacts are stored with the statistics of their day and only
-- choose candidates; the score of a result is computed from frequency, length and current statistics.
CREATE TABLE knowledge.corpora (
    organization_id uuid PRIMARY KEY REFERENCES core.organizations ON DELETE CASCADE,
    chunk_count bigint NOT NULL DEFAULT 0 CHECK (chunk_count >= 0),
    total_length bigint NOT NULL DEFAULT 0 CHECK (total_length >= 0),
    corpus_version bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE TABLE knowledge.lexicon (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    term text COLLATE "C" NOT NULL,
    term_id bigint GENERATED ALWAYS AS IDENTITY,
    document_frequency int NOT NULL CHECK (document_frequency >= 0),
    PRIMARY KEY (organization_id, term)
) WITH (fillfactor = 70);
-- No foreign key to chunks: it would be checked once per word of every document. Postings are written and
-- removed only by the transactions that switch a version, together with the statistics.
CREATE TABLE knowledge.postings (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    term_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    -- In this order, here and in the index, there is no padding: millions of rows.
    frequency smallint NOT NULL,
    length smallint NOT NULL,
    impact real NOT NULL,
    PRIMARY KEY (organization_id, chunk_id, term_id)
);
CREATE INDEX postings_champions ON knowledge.postings
    (organization_id, term_id, impact DESC) INCLUDE (frequency, length, chunk_id);

-- Conversations ----------------------------------------------------------------------------------------
CREATE TABLE chat.sessions (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    session_id uuid NOT NULL,
    user_id uuid NOT NULL,
    title text NOT NULL,
    message_count int NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleted_at timestamptz,
    PRIMARY KEY (organization_id, session_id)
);
CREATE INDEX sessions_recent ON chat.sessions (organization_id, user_id, updated_at DESC);

CREATE TABLE chat.messages (
    organization_id uuid NOT NULL,
    session_id uuid NOT NULL,
    position int NOT NULL,
    message_id uuid NOT NULL,
    user_id uuid NOT NULL,
    actor text NOT NULL CHECK (actor IN ('user', 'assistant')),
    message text NOT NULL,
    sources jsonb NOT NULL DEFAULT '[]',
    metadata jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, session_id, position),
    UNIQUE (organization_id, message_id),
    FOREIGN KEY (organization_id, session_id) REFERENCES chat.sessions ON DELETE CASCADE
);

-- Row-level security: one template for every table of an organization -----------------------------------
DO $$
DECLARE
    target regclass;
BEGIN
    FOR target IN
        SELECT a.attrelid::regclass
          FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
         WHERE a.attname = 'organization_id' AND c.relkind IN ('r', 'p')
           AND c.relnamespace IN ('core'::regnamespace, 'knowledge'::regnamespace, 'chat'::regnamespace)
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
        EXECUTE format(
            'CREATE POLICY tenant ON %s USING (organization_id = core.current_organization())'
            ' WITH CHECK (organization_id = core.current_organization())', target);
    END LOOP;
END $$;

ALTER TABLE core.users ENABLE ROW LEVEL SECURITY;
ALTER TABLE core.users FORCE ROW LEVEL SECURITY;
-- A member sees and changes the own row; fellow members of the running organization are visible.
CREATE POLICY self ON core.users USING (user_id = core.current_member())
    WITH CHECK (user_id = core.current_member());
CREATE POLICY fellow ON core.users FOR SELECT USING (
    EXISTS (SELECT FROM core.memberships m WHERE m.user_id = users.user_id));

GRANT USAGE ON SCHEMA core, knowledge, chat TO footnote_app;
GRANT SELECT, UPDATE ON core.organizations TO footnote_app;
GRANT SELECT (user_id, email, display_name, is_active, is_verified, preferences, created_at, updated_at, last_login_at),
    UPDATE (display_name, preferences, updated_at) ON core.users TO footnote_app;
GRANT SELECT ON core.memberships TO footnote_app;
GRANT SELECT, INSERT ON knowledge.embedding_models TO footnote_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON knowledge.documents, knowledge.object_states,
    knowledge.object_deletions, knowledge.document_versions, knowledge.chunks, knowledge.chunk_vectors, knowledge.corpora,
    knowledge.lexicon, knowledge.postings, chat.sessions, chat.messages TO footnote_app;
