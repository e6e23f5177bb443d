DROP SCHEMA indexing CASCADE;
DROP POLICY definer ON knowledge.corpora;
REVOKE ALL ON knowledge.corpora, knowledge.embedding_models FROM footnote_definer;
DROP TABLE knowledge.vector_indexes;
DO $$
DECLARE
    indexed record;
BEGIN
    FOR indexed IN
        SELECT i.indexrelid::regclass AS name FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
         WHERE i.indrelid = 'knowledge.chunk_vectors'::regclass AND c.relname LIKE 'chunk\_vectors\_hnsw\_%'
    LOOP
        EXECUTE format('DROP INDEX %s', indexed.name);
    END LOOP;
END $$;
ALTER TABLE knowledge.chunk_vectors OWNER TO footnote_owner;
REVOKE ALL ON SCHEMA knowledge FROM footnote_indexer;

DROP FUNCTION knowledge.reindex_organization, knowledge.unindex_chunks, knowledge.index_chunks,
    knowledge.spread_postings, knowledge.posting, knowledge.impact_level;
DROP TABLE knowledge.postings, knowledge.indexed_chunks, knowledge.lexicon;
ALTER TABLE knowledge.corpora DROP COLUMN last_chunk_number, DROP COLUMN last_term_id;
DROP INDEX knowledge.documents_category, knowledge.documents_language, knowledge.chunks_language;
ALTER TABLE knowledge.documents DROP COLUMN title_lexemes;

CREATE TABLE knowledge.lexicon (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    term text COLLATE "C" NOT NULL,
    term_id bigint GENERATED ALWAYS AS IDENTITY,
    document_frequency int NOT NULL CHECK (document_frequency >= 0),
    PRIMARY KEY (organization_id, term)
) WITH (fillfactor = 70);
CREATE TABLE knowledge.postings (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    term_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    frequency smallint NOT NULL,
    length smallint NOT NULL,
    impact real NOT NULL,
    PRIMARY KEY (organization_id, chunk_id, term_id)
);
CREATE INDEX postings_champions ON knowledge.postings
    (organization_id, term_id, impact DESC) INCLUDE (frequency, length, chunk_id);
DO $$
DECLARE
    target regclass;
    v_organization_id uuid;
BEGIN
    FOREACH target IN ARRAY ARRAY['knowledge.lexicon', 'knowledge.postings']::regclass[] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
        EXECUTE format(
            'CREATE POLICY tenant ON %s USING (organization_id = core.current_organization())'
            ' WITH CHECK (organization_id = core.current_organization())', target);
    END LOOP;
    -- The rows of the active versions, as they would have been written.
    ALTER TABLE core.organizations NO FORCE ROW LEVEL SECURITY;
    FOR v_organization_id IN SELECT organization_id FROM core.organizations LOOP
        PERFORM set_config('app.organization_id', v_organization_id::text, true);
        CREATE TEMPORARY TABLE word ON COMMIT DROP AS
            SELECT c.chunk_id, w.lexeme, c.lexical_length, knowledge.term_frequency(w.positions, w.weights) AS frequency
              FROM knowledge.documents d
              JOIN knowledge.chunks c ON c.organization_id = d.organization_id AND c.document_id = d.document_id
               AND c.version = d.active_version
             CROSS JOIN unnest(c.lexemes) AS w
             WHERE d.organization_id = v_organization_id;
        INSERT INTO knowledge.lexicon (organization_id, term, document_frequency)
        SELECT v_organization_id, lexeme, count(*) FROM word GROUP BY lexeme;
        INSERT INTO knowledge.postings (organization_id, term_id, chunk_id, frequency, length, impact)
        SELECT v_organization_id, l.term_id, w.chunk_id, w.frequency, w.lexical_length,
               w.frequency * 2.2 / (w.frequency + 1.2 * (.25 + .75 * w.lexical_length / k.average_length))
          FROM word w
          JOIN knowledge.lexicon l ON l.organization_id = v_organization_id AND l.term = w.lexeme
         CROSS JOIN (SELECT total_length / chunk_count::float8 AS average_length FROM knowledge.corpora
                      WHERE organization_id = v_organization_id AND chunk_count > 0 AND total_length > 0) k;
        DROP TABLE word;
    END LOOP;
    PERFORM set_config('app.organization_id', '', true);
    ALTER TABLE core.organizations FORCE ROW LEVEL SECURITY;
END $$;
DROP FUNCTION knowledge.term_frequency;
GRANT SELECT, INSERT, UPDATE, DELETE ON knowledge.lexicon, knowledge.postings TO footnote_app;
