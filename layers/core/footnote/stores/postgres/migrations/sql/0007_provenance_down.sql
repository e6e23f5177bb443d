DROP TABLE chat.provenance;
DROP FUNCTION chat.refuse_change;
