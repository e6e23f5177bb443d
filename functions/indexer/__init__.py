"""`indexer`: vector indexes of large organizations, every five minutes."""
