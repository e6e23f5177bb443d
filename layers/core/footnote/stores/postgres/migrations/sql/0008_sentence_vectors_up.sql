-- What the model made of each sentence of a chunk, in the run that made the chunk's own vector. Apart from
-- chunk_vectors, so that an exact scan over these stays narrow.
CREATE TABLE knowledge.chunk_sentences (
    organization_id uuid NOT NULL,
    chunk_id bigint NOT NULL,
    embedding_model_id smallint NOT NULL REFERENCES knowledge.embedding_models,
    -- Half-open spans in the chunk's text, in order, and for each of them a vector.
    starts int[] NOT NULL,
    ends int[] NOT NULL,
    vectors halfvec[] NOT NULL,
    PRIMARY KEY (organization_id, chunk_id),
    CHECK (cardinality(vectors) > 0),
    CHECK (cardinality(starts) = cardinality(vectors) AND cardinality(ends) = cardinality(vectors)),
    FOREIGN KEY (organization_id, chunk_id) REFERENCES knowledge.chunks ON DELETE CASCADE
);
-- Such numbers do not become shorter by compression.
ALTER TABLE knowledge.chunk_sentences ALTER COLUMN vectors SET STORAGE EXTERNAL;

ALTER TABLE knowledge.chunk_sentences ENABLE ROW LEVEL SECURITY;
ALTER TABLE knowledge.chunk_sentences FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON knowledge.chunk_sentences USING (organization_id = core.current_organization())
    WITH CHECK (organization_id = core.current_organization());
GRANT SELECT, INSERT, UPDATE, DELETE ON knowledge.chunk_sentences TO footnote_app;
