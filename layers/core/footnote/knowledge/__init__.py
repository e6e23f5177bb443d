"""What we know: documents, parsing, chunking, ingestion, search, fusion."""
