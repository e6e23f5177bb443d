-- Postings in blocks, chunks with their words, and indexes of vectors for large organizations.

-- The words of a title, for searches that name them; written by the transaction that switches a version.
ALTER TABLE knowledge.documents ADD COLUMN title_lexemes tsvector NOT NULL DEFAULT '';
CREATE INDEX documents_category ON knowledge.documents (organization_id, category) WHERE category IS NOT NULL;
CREATE INDEX documents_language ON knowledge.documents (organization_id, language) WHERE language IS NOT NULL;
CREATE INDEX chunks_language ON knowledge.chunks (organization_id, language);

-- BM25 ------------------------------------------------------------------------------------------------------
DROP TABLE knowledge.postings, knowledge.lexicon;
ALTER TABLE knowledge.corpora
    ADD COLUMN last_chunk_number int NOT NULL DEFAULT 0,
    ADD COLUMN last_term_id int NOT NULL DEFAULT 0;
-- Numbers of terms and chunks count from 1 in each organization and are never given twice.
CREATE TABLE knowledge.lexicon (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    term_id int NOT NULL,
    document_frequency int NOT NULL CHECK (document_frequency >= 0),
    term text COLLATE "C" NOT NULL,
    PRIMARY KEY (organization_id, term)
) WITH (fillfactor = 70);
-- Exactly the chunks of active versions, each with its words: a chunk's score is computed from its row alone.
-- No foreign key to chunks, here and below: rows are written and removed only by the transactions that switch a
-- version, together with the statistics.
CREATE TABLE knowledge.indexed_chunks (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    chunk_number int NOT NULL,
    length smallint NOT NULL,
    chunk_id bigint NOT NULL,
    document_id uuid NOT NULL,
    term_ids int[] NOT NULL,
    -- For each term: its level (see `impact_level`) * 256 + its frequency.
    weights smallint[] NOT NULL,
    PRIMARY KEY (organization_id, chunk_number),
    UNIQUE (organization_id, chunk_id)
);
ALTER TABLE knowledge.indexed_chunks ALTER COLUMN term_ids SET STORAGE MAIN;
ALTER TABLE knowledge.indexed_chunks ALTER COLUMN weights SET STORAGE MAIN;
-- A term's postings in blocks of up to 128. New ones are collected in one open block (level 32); when it
-- overflows, each moves to the blocks of its level, whose numbers only grow. A query reads the blocks of highest
-- level first.
CREATE TABLE knowledge.postings (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    term_id int NOT NULL,
    first_number int NOT NULL,
    level smallint NOT NULL CHECK (level BETWEEN 0 AND 32),
    -- chunk number << 32 | weight << 16 | length of the chunk
    entries bigint[] NOT NULL,
    PRIMARY KEY (organization_id, term_id, level, first_number)
) WITH (fillfactor = 85);
ALTER TABLE knowledge.postings ALTER COLUMN entries SET STORAGE MAIN;

-- How often a word stands in a chunk. Words of the chunk's own language have the label C and count only where
-- the English analysis (label D) does not know the word.
CREATE FUNCTION knowledge.term_frequency(positions smallint[], labels text[]) RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN labels[1] = 'D' THEN coalesce(array_position(labels, 'C') - 1, cardinality(positions))
                ELSE cardinality(positions) END;
-- The impact of a posting, BM25 without idf: tf / (tf + k1 (1 - b + b length / average length)), in 32 steps. With
-- the statistics of its day it only chooses candidates; scores are computed from those of the moment.
CREATE FUNCTION knowledge.impact_level(
    frequency int, length int, average_length float8, k1 float8, b float8
) RETURNS int
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN least(31, floor(32 * frequency
                           / (frequency + k1 * (1 - b + b * length / greatest(average_length, 1)))))::int;
CREATE FUNCTION knowledge.posting(chunk_number int, weight int, length int) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (chunk_number::bigint << 32) | (weight::bigint << 16) | length::bigint;

-- Puts stored chunks into the index. The caller holds the corpus's lock. The planner's statistics are those of
-- before a bulk load: joins are written, and set, to be lookups by key.
CREATE FUNCTION knowledge.index_chunks(p_organization_id uuid, p_chunk_ids bigint[], p_k1 float8, p_b float8)
    RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_hashjoin = off
    SET enable_mergejoin = off
    AS $$
DECLARE
    v_average float8;
    v_first int;
    v_last_term int;
    v_overflown int[];
BEGIN
    UPDATE knowledge.corpora k
       SET chunk_count = k.chunk_count + added.chunks, total_length = k.total_length + added.length,
           corpus_version = k.corpus_version + 1, last_chunk_number = k.last_chunk_number + added.chunks
      FROM (SELECT count(*) AS chunks, coalesce(sum(c.lexical_length), 0) AS length FROM knowledge.chunks c
             WHERE c.organization_id = p_organization_id AND c.chunk_id = ANY(p_chunk_ids)) added
     WHERE k.organization_id = p_organization_id
    RETURNING k.total_length / greatest(k.chunk_count, 1)::float8, k.last_chunk_number - added.chunks, k.last_term_id
      INTO v_average, v_first, v_last_term;

    WITH words AS MATERIALIZED (
        SELECT w.lexeme, count(*) AS chunks FROM knowledge.chunks c CROSS JOIN unnest(c.lexemes) AS w
         WHERE c.organization_id = p_organization_id AND c.chunk_id = ANY(p_chunk_ids) GROUP BY w.lexeme
    ), numbered AS MATERIALIZED (
        SELECT w.lexeme, w.chunks, (
            SELECT l.term_id FROM knowledge.lexicon l
             WHERE l.organization_id = p_organization_id AND l.term = w.lexeme) AS term_id
          FROM words w
    ), counted AS (
        INSERT INTO knowledge.lexicon AS l (organization_id, term, term_id, document_frequency)
        SELECT p_organization_id, n.lexeme, coalesce(
                   n.term_id, v_last_term + row_number() OVER (PARTITION BY n.term_id IS NULL)),
               n.chunks
          FROM numbered n
        ON CONFLICT (organization_id, term) DO UPDATE
            SET document_frequency = l.document_frequency + excluded.document_frequency
        RETURNING l.term_id
    )
    UPDATE knowledge.corpora k
       SET last_term_id = greatest(k.last_term_id, coalesce((SELECT max(c.term_id) FROM counted c), 0))
     WHERE k.organization_id = p_organization_id;

    INSERT INTO knowledge.indexed_chunks
        (organization_id, chunk_number, length, chunk_id, document_id, term_ids, weights)
    SELECT p_organization_id, c.number, c.lexical_length, c.chunk_id, c.document_id, t.term_ids, t.weights
      FROM (SELECT v_first + row_number() OVER (ORDER BY chunk_id) AS number, chunk_id, document_id, lexemes,
                   lexical_length
              FROM knowledge.chunks
             WHERE organization_id = p_organization_id AND chunk_id = ANY(p_chunk_ids)) c
     CROSS JOIN LATERAL (
         SELECT coalesce(array_agg(l.term_id ORDER BY l.term_id), '{}') AS term_ids,
                coalesce(array_agg(256 * knowledge.impact_level(
                    w.frequency, c.lexical_length, v_average, p_k1, p_b) + w.frequency ORDER BY l.term_id), '{}') AS weights
           FROM (SELECT u.lexeme, knowledge.term_frequency(u.positions, u.weights) AS frequency
                   FROM unnest(c.lexemes) AS u) w
          CROSS JOIN LATERAL (
              SELECT x.term_id FROM knowledge.lexicon x
               WHERE x.organization_id = p_organization_id AND x.term = w.lexeme OFFSET 0) l) t;

    WITH added AS MATERIALIZED (
        SELECT t.term_id, array_agg(e.entry ORDER BY e.entry) AS entries
          FROM knowledge.indexed_chunks i
         CROSS JOIN unnest(i.term_ids, i.weights) AS t (term_id, weight)
         CROSS JOIN LATERAL (SELECT knowledge.posting(i.chunk_number, t.weight, i.length) AS entry) e
         WHERE i.organization_id = p_organization_id AND i.chunk_number > v_first
         GROUP BY t.term_id
    ), appended AS (
        INSERT INTO knowledge.postings AS p (organization_id, term_id, level, first_number, entries)
        SELECT p_organization_id, a.term_id, 32, 0, a.entries FROM added a
        ON CONFLICT (organization_id, term_id, level, first_number) DO UPDATE
            SET entries = p.entries || excluded.entries
        RETURNING p.term_id, cardinality(p.entries) AS size
    )
    SELECT array_agg(a.term_id) INTO v_overflown FROM appended a WHERE a.size > 128;
    IF v_overflown IS NOT NULL THEN
        PERFORM knowledge.spread_postings(p_organization_id, v_overflown);
    END IF;
END $$;

-- Moves the postings of open blocks to the blocks of their levels: the last block of a level is filled up, what
-- is left makes new ones.
CREATE FUNCTION knowledge.spread_postings(p_organization_id uuid, p_term_ids int[]) RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_hashjoin = off
    SET enable_mergejoin = off
    AS $$
BEGIN
    WITH grouped AS MATERIALIZED (
        SELECT o.term_id, (o.entry >> 24 & 63)::smallint AS level, array_agg(o.entry ORDER BY o.entry) AS entries
          FROM (SELECT p.term_id, unnest(p.entries) AS entry
                  FROM unnest(p_term_ids) AS overflown (term_id)
                 CROSS JOIN LATERAL (
                     SELECT b.term_id, b.entries FROM knowledge.postings b
                      WHERE b.organization_id = p_organization_id AND b.term_id = overflown.term_id
                        AND b.level = 32 OFFSET 0) p) o
         GROUP BY 1, 2
    ), placed AS (
        SELECT g.term_id, g.level, g.entries, last.first_number, greatest(128 - last.size, 0) AS room
          FROM grouped g
          LEFT JOIN LATERAL (
              SELECT b.first_number, cardinality(b.entries) AS size FROM knowledge.postings b
               WHERE b.organization_id = p_organization_id AND b.term_id = g.term_id AND b.level = g.level
               ORDER BY b.first_number DESC LIMIT 1) last ON true
    ), filled AS (
        SELECT term_id, level, first_number, entries[1:room] AS entries FROM placed WHERE room > 0
        UNION ALL
        SELECT p.term_id, p.level, (p.entries[start] >> 32)::int, p.entries[start:start + 127]
          FROM placed p
         CROSS JOIN generate_series(coalesce(p.room, 0) + 1, cardinality(p.entries), 128) AS start
    )
    INSERT INTO knowledge.postings AS p (organization_id, term_id, level, first_number, entries)
    SELECT p_organization_id, term_id, level, first_number, entries FROM filled
    ON CONFLICT (organization_id, term_id, level, first_number) DO UPDATE
        SET entries = p.entries || excluded.entries;
    DELETE FROM knowledge.postings p
     WHERE p.organization_id = p_organization_id AND p.term_id = ANY(p_term_ids) AND p.level = 32
       AND p.first_number = 0;
END $$;

-- Takes indexed chunks out again; they are still stored. The caller holds the corpus's lock.
CREATE FUNCTION knowledge.unindex_chunks(p_organization_id uuid, p_chunk_ids bigint[]) RETURNS void
    LANGUAGE plpgsql
    SET plan_cache_mode = force_custom_plan SET enable_seqscan = off SET enable_hashjoin = off
    SET enable_mergejoin = off
    AS $$
DECLARE
    v_emptied knowledge.postings[];
    v_unused text[];
BEGIN
    -- Each posting is in its term's open block or in the one block of its level that its number lies in.
    WITH gone AS MATERIALIZED (
        SELECT t.term_id, (t.weight >> 8)::smallint AS level, i.chunk_number,
               knowledge.posting(i.chunk_number, t.weight, i.length) AS entry
          FROM unnest(p_chunk_ids) AS removed (chunk_id)
         CROSS JOIN LATERAL (
             SELECT x.* FROM knowledge.indexed_chunks x
              WHERE x.organization_id = p_organization_id AND x.chunk_id = removed.chunk_id OFFSET 0) i
         CROSS JOIN unnest(i.term_ids, i.weights) AS t (term_id, weight)
    ), located AS MATERIALIZED (
        SELECT g.term_id, g.level, b.first_number, array_agg(g.entry) AS entries
          FROM gone g
         CROSS JOIN LATERAL (
             SELECT x.first_number FROM knowledge.postings x
              WHERE x.organization_id = p_organization_id AND x.term_id = g.term_id AND x.level = g.level
                AND x.first_number <= g.chunk_number
              ORDER BY x.first_number DESC LIMIT 1) b
         GROUP BY 1, 2, 3
        UNION ALL
        SELECT g.term_id, 32::smallint, 0, array_agg(g.entry) FROM gone g GROUP BY 1
    ), remaining AS MATERIALIZED (
        SELECT l.term_id, l.level, l.first_number, b.entries
          FROM located l
         CROSS JOIN LATERAL (
             SELECT ARRAY(SELECT e FROM unnest(x.entries) AS e WHERE e <> ALL(l.entries) ORDER BY e) AS entries
               FROM knowledge.postings x
              WHERE x.organization_id = p_organization_id AND x.term_id = l.term_id AND x.level = l.level
                AND x.first_number = l.first_number AND x.entries && l.entries OFFSET 0) b
    ), changed AS (
        -- As an insertion, which always finds its row by the key.
        INSERT INTO knowledge.postings AS p (organization_id, term_id, level, first_number, entries)
        SELECT p_organization_id, r.term_id, r.level, r.first_number, r.entries FROM remaining r
        ON CONFLICT (organization_id, term_id, level, first_number) DO UPDATE SET entries = excluded.entries
        RETURNING p.*
    )
    SELECT array_agg(c::knowledge.postings) INTO v_emptied FROM changed c WHERE c.entries = '{}';
    DELETE FROM knowledge.postings p USING unnest(v_emptied) AS e
     WHERE p.organization_id = p_organization_id AND p.term_id = e.term_id AND p.level = e.level
       AND p.first_number = e.first_number;

    WITH words AS (
        SELECT w.lexeme, count(*) AS chunks FROM knowledge.chunks c CROSS JOIN unnest(c.lexemes) AS w
         WHERE c.organization_id = p_organization_id AND c.chunk_id = ANY(p_chunk_ids) GROUP BY w.lexeme
    ), counted AS (
        INSERT INTO knowledge.lexicon AS l (organization_id, term, term_id, document_frequency)
        SELECT p_organization_id, w.lexeme, 0, w.chunks FROM words w
        ON CONFLICT (organization_id, term) DO UPDATE
            SET document_frequency = l.document_frequency - excluded.document_frequency
        RETURNING l.term, l.document_frequency
    )
    SELECT array_agg(c.term) INTO v_unused FROM counted c WHERE c.document_frequency = 0;
    DELETE FROM knowledge.lexicon l
     WHERE l.organization_id = p_organization_id AND l.term = ANY(v_unused) AND l.document_frequency = 0;

    DELETE FROM knowledge.indexed_chunks i
     WHERE i.organization_id = p_organization_id AND i.chunk_id = ANY(p_chunk_ids);
    UPDATE knowledge.corpora k
       SET chunk_count = k.chunk_count - removed.chunks, total_length = k.total_length - removed.length,
           corpus_version = k.corpus_version + 1
      FROM (SELECT count(*) AS chunks, coalesce(sum(c.lexical_length), 0) AS length FROM knowledge.chunks c
             WHERE c.organization_id = p_organization_id AND c.chunk_id = ANY(p_chunk_ids)) removed
     WHERE k.organization_id = p_organization_id;
END $$;

-- Builds an organization's index anew from its active versions, 5,000 chunks at a time: after many changes its
-- blocks are full again, and the levels fit today's average length. The caller holds the corpus's lock.
CREATE FUNCTION knowledge.reindex_organization(p_organization_id uuid, p_k1 float8, p_b float8) RETURNS bigint
    LANGUAGE plpgsql AS $$
DECLARE
    v_batch bigint[];
    v_done bigint := 0;
BEGIN
    DELETE FROM knowledge.postings WHERE organization_id = p_organization_id;
    DELETE FROM knowledge.lexicon WHERE organization_id = p_organization_id;
    DELETE FROM knowledge.indexed_chunks WHERE organization_id = p_organization_id;
    UPDATE knowledge.corpora
       SET chunk_count = 0, total_length = 0, last_chunk_number = 0, last_term_id = 0
     WHERE organization_id = p_organization_id;
    FOR v_batch IN
        SELECT array_agg(active.chunk_id ORDER BY active.chunk_id)
          FROM (SELECT c.chunk_id, (row_number() OVER (ORDER BY c.chunk_id) - 1) / 5000 AS batch
                  FROM knowledge.documents d
                  JOIN knowledge.chunks c ON c.organization_id = d.organization_id
                   AND c.document_id = d.document_id AND c.version = d.active_version
                 WHERE d.organization_id = p_organization_id) active
         GROUP BY active.batch ORDER BY active.batch
    LOOP
        PERFORM knowledge.index_chunks(p_organization_id, v_batch, p_k1, p_b);
        v_done := v_done + cardinality(v_batch);
    END LOOP;
    RETURN v_done;
END $$;

-- Vectors ---------------------------------------------------------------------------------------------------
-- HNSW indexes: one for each large organization and embedding model, partial, on knowledge.chunk_vectors.
CREATE TABLE knowledge.vector_indexes (
    organization_id uuid NOT NULL REFERENCES core.organizations ON DELETE CASCADE,
    embedding_model_id smallint NOT NULL REFERENCES knowledge.embedding_models,
    is_ready boolean NOT NULL DEFAULT false,
    vectors bigint NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now(),
    built_at timestamptz,
    PRIMARY KEY (organization_id, embedding_model_id)
);

-- Row-level security ------------------------------------------------------------------------------------------
DO $$
DECLARE
    target regclass;
BEGIN
    FOREACH target IN ARRAY ARRAY['knowledge.lexicon', 'knowledge.indexed_chunks', 'knowledge.postings',
                                  'knowledge.vector_indexes']::regclass[]
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
        EXECUTE format(
            'CREATE POLICY tenant ON %s USING (organization_id = core.current_organization())'
            ' WITH CHECK (organization_id = core.current_organization())', target);
    END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON knowledge.lexicon, knowledge.indexed_chunks, knowledge.postings
    TO footnote_app;
GRANT SELECT ON knowledge.vector_indexes TO footnote_app;
REVOKE ALL ON FUNCTION knowledge.term_frequency, knowledge.impact_level, knowledge.posting, knowledge.index_chunks,
    knowledge.spread_postings, knowledge.unindex_chunks, knowledge.reindex_organization FROM PUBLIC;
GRANT EXECUTE ON FUNCTION knowledge.term_frequency, knowledge.impact_level, knowledge.posting,
    knowledge.index_chunks, knowledge.spread_postings, knowledge.unindex_chunks, knowledge.reindex_organization
    TO footnote_app;

-- What is indexed already, in the new form ------------------------------------------------------------------
DO $$
DECLARE
    v_organization_id uuid;
BEGIN
    ALTER TABLE core.organizations NO FORCE ROW LEVEL SECURITY;
    FOR v_organization_id IN SELECT organization_id FROM core.organizations LOOP
        PERFORM set_config('app.organization_id', v_organization_id::text, true);
        UPDATE knowledge.documents SET title_lexemes = to_tsvector('english', title)
         WHERE organization_id = v_organization_id AND active_version IS NOT NULL;
        UPDATE knowledge.document_versions v SET embedding_model_id = (
            SELECT e.embedding_model_id FROM knowledge.chunks c
              JOIN knowledge.chunk_vectors e ON e.organization_id = c.organization_id AND e.chunk_id = c.chunk_id
             WHERE c.organization_id = v.organization_id AND c.document_id = v.document_id
               AND c.version = v.version LIMIT 1)
         WHERE v.organization_id = v_organization_id AND v.stage = 'active';
        PERFORM knowledge.reindex_organization(v_organization_id, 1.2, .75);
    END LOOP;
    PERFORM set_config('app.organization_id', '', true);
    ALTER TABLE core.organizations FORCE ROW LEVEL SECURITY;
END $$;

-- The indexer --------------------------------------------------------------------------------------------------
-- CREATE INDEX CONCURRENTLY runs in no function, and only a table's owner may: the job that builds indexes
-- signs in as footnote_indexer, who owns this one table and has no right to any other. Forced row-level security
-- holds for it as for everybody; building an index reads no row through it.
GRANT USAGE, CREATE ON SCHEMA knowledge TO footnote_indexer;
ALTER TABLE knowledge.chunk_vectors OWNER TO footnote_indexer;

-- What the indexer must know of all organizations comes from these functions.
GRANT SELECT ON knowledge.corpora, knowledge.embedding_models TO footnote_definer;
GRANT SELECT, INSERT, UPDATE, DELETE ON knowledge.vector_indexes TO footnote_definer;
CREATE POLICY definer ON knowledge.corpora TO footnote_definer USING (true) WITH CHECK (true);
CREATE POLICY definer ON knowledge.vector_indexes TO footnote_definer USING (true) WITH CHECK (true);
CREATE SCHEMA indexing AUTHORIZATION footnote_definer;
GRANT USAGE ON SCHEMA indexing TO footnote_indexer;
SET LOCAL ROLE footnote_definer;

-- The indexes there should be: of organizations with so many vectors of one model, or with fewer as long as the
-- index they have still pays. Registers them; what is no longer wanted is struck off, so that queries stop to
-- count on it before it goes.
CREATE FUNCTION indexing.wanted_indexes(p_build_from bigint, p_keep_from bigint)
    RETURNS TABLE (organization_id uuid, embedding_model_id smallint, dimension int, vectors bigint, is_ready boolean)
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    WITH counted AS MATERIALIZED (
        SELECT v.organization_id, v.embedding_model_id, sum(v.chunk_count)::bigint AS vectors
          FROM knowledge.corpora k
          JOIN knowledge.document_versions v ON v.organization_id = k.organization_id AND v.stage = 'active'
         WHERE k.chunk_count >= p_keep_from AND v.embedding_model_id IS NOT NULL
         GROUP BY 1, 2 HAVING sum(v.chunk_count) >= p_keep_from
    ), wanted AS MATERIALIZED (
        SELECT c.*, coalesce(i.is_ready, false) AS is_ready
          FROM counted c LEFT JOIN knowledge.vector_indexes i USING (organization_id, embedding_model_id)
         WHERE c.vectors >= p_build_from OR i.organization_id IS NOT NULL
    ), struck AS (
        DELETE FROM knowledge.vector_indexes i
         WHERE NOT EXISTS (SELECT FROM wanted w WHERE w.organization_id = i.organization_id
                              AND w.embedding_model_id = i.embedding_model_id)
    ), registered AS (
        INSERT INTO knowledge.vector_indexes (organization_id, embedding_model_id, vectors)
        SELECT w.organization_id, w.embedding_model_id, w.vectors FROM wanted w
        ON CONFLICT (organization_id, embedding_model_id) DO UPDATE SET vectors = excluded.vectors
    )
    SELECT w.organization_id, w.embedding_model_id, m.dimension, w.vectors, w.is_ready
      FROM wanted w JOIN knowledge.embedding_models m USING (embedding_model_id)
     ORDER BY w.vectors, w.organization_id
$$;

-- Tells queries that they may, or may not, count on an index.
CREATE FUNCTION indexing.set_ready(p_organization_id uuid, p_embedding_model_id smallint, p_is_ready boolean)
    RETURNS void
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE knowledge.vector_indexes i
       SET is_ready = p_is_ready, built_at = CASE WHEN p_is_ready THEN now() END
     WHERE i.organization_id = p_organization_id AND i.embedding_model_id = p_embedding_model_id
       AND i.is_ready <> p_is_ready
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA indexing FROM PUBLIC;
GRANT EXECUTE ON FUNCTION indexing.wanted_indexes, indexing.set_ready TO footnote_indexer;
RESET ROLE;
