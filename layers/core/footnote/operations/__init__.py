"""Running it: health."""
