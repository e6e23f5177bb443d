DROP TABLE knowledge.chunk_sentences;
