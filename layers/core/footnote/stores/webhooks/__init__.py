"""Webhooks: requests to addresses that customers chose."""
