DROP FUNCTION ingestion.expire_caches(int);
DROP TRIGGER document_change ON knowledge.documents;
DROP FUNCTION knowledge.count_document_change();
DROP TABLE knowledge.cache_entries, knowledge.cache_generations, chat.cached_questions;
REVOKE USAGE ON SCHEMA chat FROM footnote_definer;
