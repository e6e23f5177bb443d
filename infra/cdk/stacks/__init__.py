"""Stacks, cut by how long what they hold lives."""
