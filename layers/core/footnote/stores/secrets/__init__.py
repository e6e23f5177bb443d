"""Secrets Manager, read through the Parameters and Secrets Lambda extension."""
