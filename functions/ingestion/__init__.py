"""`ingestion`: reads what is put into the document bucket."""
