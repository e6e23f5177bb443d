"""One folder per engine; the only place a database driver is imported."""
