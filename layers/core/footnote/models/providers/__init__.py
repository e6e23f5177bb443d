"""Adapters for model servers; the only place outside of stores/ that speaks to a network."""
