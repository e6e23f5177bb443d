"""Redis: caches and revocations."""
