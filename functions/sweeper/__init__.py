"""`sweeper`: housekeeping, every minute."""
