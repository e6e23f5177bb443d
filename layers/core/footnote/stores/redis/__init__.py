"""Redis: caches, revocations, rate limits."""
