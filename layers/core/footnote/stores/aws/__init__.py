"""Signed calls of AWS services that speak JSON."""
