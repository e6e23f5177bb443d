DROP SCHEMA ingestion CASCADE;
DROP POLICY definer ON knowledge.documents;
DROP POLICY definer ON knowledge.document_versions;
DROP POLICY definer ON knowledge.chunks;
DROP POLICY definer ON knowledge.object_deletions;
REVOKE ALL ON knowledge.documents, knowledge.document_versions, knowledge.chunks, knowledge.object_deletions
    FROM footnote_definer;
REVOKE USAGE ON SCHEMA knowledge FROM footnote_definer;
