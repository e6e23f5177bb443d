-- Golden sets, their evaluation, and the gate before a configuration goes live.
CREATE SCHEMA evaluation;

CREATE TABLE evaluation.sets (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    set_id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    description text NOT NULL DEFAULT '',
    question_count int NOT NULL DEFAULT 0 CHECK (question_count >= 0),
    revision int NOT NULL DEFAULT 0,
    request_key text,
    request_digest text NOT NULL DEFAULT '',
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, set_id),
    CONSTRAINT sets_name UNIQUE (organization_id, name),
    CONSTRAINT sets_request UNIQUE (organization_id, request_key)
);

CREATE TABLE evaluation.questions (
    organization_id uuid NOT NULL,
    set_id uuid NOT NULL,
    position int NOT NULL CHECK (position > 0),
    question_id uuid NOT NULL,
    message_id uuid,
    question jsonb NOT NULL,
    PRIMARY KEY (organization_id, set_id, position),
    UNIQUE (organization_id, set_id, question_id),
    FOREIGN KEY (organization_id, set_id) REFERENCES evaluation.sets ON DELETE CASCADE
);

-- A run is leased to one worker and fenced by a counter, as ingestion is (reliability.md, f 4).
CREATE TABLE evaluation.runs (
    organization_id uuid NOT NULL,
    run_id uuid NOT NULL,
    set_id uuid NOT NULL,
    label text NOT NULL DEFAULT '',
    state text NOT NULL DEFAULT 'queued'
        CHECK (state IN ('queued', 'running', 'completed', 'failed', 'cancelled')),
    overrides jsonb NOT NULL,
    digest text NOT NULL,
    set_revision int NOT NULL,
    total int NOT NULL CHECK (total > 0),
    done int NOT NULL DEFAULT 0 CHECK (done BETWEEN 0 AND total),
    attempts int NOT NULL DEFAULT 0,
    fence bigint NOT NULL DEFAULT 0,
    leased_until timestamptz NOT NULL DEFAULT now(),
    summary jsonb,
    failure text,
    request_key text,
    request_digest text NOT NULL DEFAULT '',
    created_by uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    PRIMARY KEY (organization_id, run_id),
    CONSTRAINT runs_request UNIQUE (organization_id, request_key),
    CHECK ((summary IS NOT NULL) = (state = 'completed')),
    FOREIGN KEY (organization_id, set_id) REFERENCES evaluation.sets ON DELETE CASCADE
);
CREATE INDEX runs_newest ON evaluation.runs (organization_id, created_at DESC, run_id DESC);
CREATE INDEX runs_set ON evaluation.runs (organization_id, set_id);
CREATE INDEX runs_due ON evaluation.runs (leased_until) WHERE state IN ('queued', 'running');

-- One row a question from the start, with the question as it was then: a run resumes where no result is.
CREATE TABLE evaluation.results (
    organization_id uuid NOT NULL,
    run_id uuid NOT NULL,
    position int NOT NULL,
    question jsonb NOT NULL,
    result jsonb,
    evaluated_at timestamptz,
    PRIMARY KEY (organization_id, run_id, position),
    FOREIGN KEY (organization_id, run_id) REFERENCES evaluation.runs ON DELETE CASCADE
);

CREATE TABLE evaluation.gates (
    organization_id uuid NOT NULL,
    gate_id uuid NOT NULL,
    set_id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    conditions jsonb NOT NULL,
    baseline_run_id uuid,
    request_key text,
    request_digest text NOT NULL DEFAULT '',
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, gate_id),
    CONSTRAINT gates_name UNIQUE (organization_id, name),
    CONSTRAINT gates_request UNIQUE (organization_id, request_key),
    FOREIGN KEY (organization_id, set_id) REFERENCES evaluation.sets ON DELETE CASCADE,
    FOREIGN KEY (organization_id, baseline_run_id) REFERENCES evaluation.runs ON DELETE CASCADE
);

-- What went live, when, by whom, and why it was allowed: never changed, and kept when set and gate are deleted.
CREATE TABLE evaluation.activations (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    activation_id uuid NOT NULL,
    number bigint GENERATED ALWAYS AS IDENTITY,
    overrides jsonb NOT NULL,
    digest text NOT NULL,
    gate_id uuid,
    run_id uuid,
    verdict jsonb NOT NULL,
    activated_by uuid,
    activated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, activation_id)
);
CREATE INDEX activations_newest ON evaluation.activations (organization_id, number DESC);

DO $$
DECLARE
    target regclass;
BEGIN
    FOR target IN
        SELECT c.oid::regclass FROM pg_class c
         WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'evaluation'::regnamespace
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
        EXECUTE format(
            'CREATE POLICY tenant ON %s USING (organization_id = core.current_organization())'
            ' WITH CHECK (organization_id = core.current_organization())', target);
    END LOOP;
END $$;

GRANT USAGE ON SCHEMA evaluation TO footnote_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON evaluation.sets, evaluation.questions, evaluation.runs,
    evaluation.results, evaluation.gates TO footnote_app;
GRANT SELECT, INSERT ON evaluation.activations TO footnote_app;

-- The evaluator must know whose runs wait before it can act for an organization; it learns ids and nothing else.
GRANT USAGE ON SCHEMA evaluation TO footnote_definer;
GRANT SELECT (organization_id, run_id, state, leased_until, created_at) ON evaluation.runs TO footnote_definer;
CREATE POLICY definer ON evaluation.runs FOR SELECT TO footnote_definer USING (true);

CREATE SCHEMA evaluator AUTHORIZATION footnote_definer;
GRANT USAGE ON SCHEMA evaluator TO footnote_app;
SET LOCAL ROLE footnote_definer;

-- Runs that nobody works on, the longest waiting first.
CREATE FUNCTION evaluator.due_runs(p_limit int) RETURNS TABLE (organization_id uuid, run_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.organization_id, r.run_id FROM evaluation.runs r
     WHERE r.state IN ('queued', 'running') AND r.leased_until <= clock_timestamp()
     ORDER BY r.leased_until, r.created_at LIMIT p_limit
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA evaluator FROM PUBLIC;
GRANT EXECUTE ON FUNCTION evaluator.due_runs TO footnote_app;
RESET ROLE;
